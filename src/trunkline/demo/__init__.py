"""The demo: the main job on this machine, with a client and inputs that are not ours.

It is a client of the server like any other. The server runs as a process of its own;
sink, subscription and calls are made with Twilio's own client; the Voice SDK requests
in `data/` were recorded from an unmodified SDK in a browser, without their tokens.
"""
