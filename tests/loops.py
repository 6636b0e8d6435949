"""The event loops that code close to the system is tested on: for `anyio_backend`."""

BOTH_LOOPS = [("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})]
LOOP_NAMES = ["asyncio", "uvloop"]
