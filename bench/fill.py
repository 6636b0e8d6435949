"""Fills the log of a server that is stopped: `python -m bench.fill DATABASE COUNT TYPE FILE`.

With the server's own code for the log, and with copies of an event of that type that
the server has captured: their size is real. The log gives each its id;
each has a number and, every so often, a call of its own. Writes a `Filled` as JSON to the
file.
"""

import asyncio
import re
import sqlite3
import sys
import time
from pathlib import Path

import msgspec
import uvloop

from bench.load import POSTS_PER_CALL
from trunkline.clock import SystemClock
from trunkline.database.file import Database
from trunkline.events.envelope import Event
from trunkline.log.sqlite import SqliteLog


FIRST = 50_000_000  # number of the first event

_TOGETHER = 2_000  # events in a transaction

_PATTERN = """
SELECT id, account_sid, type, source, time, call_sid, data FROM event
WHERE type = ? ORDER BY position DESC LIMIT 1
"""


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """How long it took, and the size of an event's data in bytes."""

    seconds: float
    data_bytes: int


async def fill(path: Path, count: int, event_type: str) -> Filled:
    pattern = _pattern(path, event_type)
    started = time.monotonic()
    database = Database(path)
    await database.open()
    log = SqliteLog(database, SystemClock())
    await log.open()
    for start in range(0, count, _TOGETHER):
        end = min(start + _TOGETHER, count)
        await log.append([_copy(pattern, number) for number in range(start, end)])
    await database.close()
    return Filled(
        seconds=time.monotonic() - started, data_bytes=len(_copy(pattern, 0).data)
    )


def _pattern(path: Path, event_type: str) -> Event:
    """Return the newest event, with its number and call as text to be filled in."""
    connection = sqlite3.connect(path)
    try:
        event = Event(*connection.execute(_PATTERN, (event_type,)).fetchone())
    finally:
        connection.close()
    call = event.call_sid
    data = event.data.replace(b"%", b"%%").replace(call.encode(), b"%(call)b")
    return msgspec.structs.replace(
        event,
        source=event.source.replace(call, "{call}"),
        data=re.sub(rb"bench-\d{8}", b"bench-%(number)08d", data),
    )


def _copy(pattern: Event, number: int) -> Event:
    call = f"CA{FIRST + number // POSTS_PER_CALL:032x}"
    return msgspec.structs.replace(
        pattern,
        id="",
        source=pattern.source.format(call=call),
        call_sid=call,
        data=pattern.data % {b"call": call.encode(), b"number": FIRST + number},
    )


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        filled = runner.run(fill(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
    Path(sys.argv[4]).write_bytes(msgspec.json.encode(filled))


if __name__ == "__main__":
    main()
