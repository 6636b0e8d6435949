"""The one door: every event, whatever captured it, is checked here and appended."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from trunkline.errors import TrunklineError
from trunkline.events import catalogue
from trunkline.events.envelope import MAX_DATA_BYTES, Event


Write = Callable[[sqlite3.Connection], None]
Then = Callable[[list[int]], None]

Done = Callable[[BaseException | None], None]
"""Hears that something is synced, or why it is not kept. Must be quick."""

Rows = tuple[str, Sequence[tuple[Any, ...]]]
"""A statement, and the rows to run it with. It fails only where the disk does."""

_KNOWN = {*catalogue.EVENT_TYPES, catalogue.TEST_EVENT_TYPE}


class Log(Protocol):
    """What intake needs of the log."""

    async def append(
        self,
        events: Sequence[Event],
        also: Write | None = None,
        then: Then | None = None,
        rows: Sequence[Rows] = (),
    ) -> list[int]:
        """Append the events, write `also` and `rows`, in one synced transaction."""
        ...

    def submit(
        self,
        events: Sequence[Event],
        done: Done,
        rows: Sequence[Rows],
        also: Write | None,
        post: bytes | None,
    ) -> None:
        """Do likewise; `done` hears of its end."""
        ...


class Intake:
    """Takes events in. What it has accepted is on disk."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def accept(
        self,
        events: Sequence[Event],
        also: Write | None = None,
        then: Then | None = None,
        *,
        rows: Sequence[Rows] = (),
    ) -> None:
        """Append events of known types; return once they are synced.

        `also` and `rows` are committed in the same transaction, `rows` at less cost:
        who brings nothing else shares its job with others. `then` is told the positions
        before delivery hears of the events. Raises StorageFailed where the disk did
        not keep them; then nothing was accepted.
        """
        for event in events:
            _check(event)
        await self._log.append(events, also, then, rows)

    def submit(
        self,
        events: Sequence[Event],
        done: Done,
        rows: Sequence[Rows] = (),
        also: Write | None = None,
        post: bytes | None = None,
    ) -> None:
        """Accept events, or just write, without a wait: `done` hears of the sync.

        For the hot ways in, to which a future and a task would be dear. `post` is what
        the last of the events came from, to be kept with it. Where nothing is synced,
        `done` hears why. Raises as `accept`; then `done` is not called.
        """
        for event in events:
            _check(event)
        self._log.submit(events, done, rows, also, post)


def _check(event: Event) -> None:
    if event.type not in _KNOWN:
        raise UnknownEventType(event.type)
    if len(event.data) > MAX_DATA_BYTES:
        raise EventTooLarge(f"{event.source}: {len(event.data)} bytes of data")


class UnknownEventType(TrunklineError):
    """An event has a type that is not in the catalogue."""


class EventTooLarge(TrunklineError):
    """An event is larger than any sink takes."""
