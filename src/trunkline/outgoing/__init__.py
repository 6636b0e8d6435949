"""Requests to addresses that others chose: guarded, bounded, and cheap.

`addresses` says where we may connect, `names` finds out where a host is, `dialing`
connects, `connection` speaks HTTP/1.1, `pool` keeps connections, `client` is the door.
"""
