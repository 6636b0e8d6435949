"""Trunkline: an open, self-hosted Event Streams for voice.

Data goes down once: `capture` turns what happens on calls into events, `intake`
appends them to the `log`, `delivery` takes them to the `sinks`.
"""

__version__ = "0.1.0"
