"""The Voice SDK gateway: posts of unmodified SDKs become `call-event.sdk` events.

gateway (HTTP) -> token -> post (parse) -> identity (which call) -> mapping -> intake.
"""
