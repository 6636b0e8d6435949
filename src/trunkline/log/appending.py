"""Appends events, and what is written with them, for all who share a commit."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from trunkline.database import queries
from trunkline.events.envelope import Event
from trunkline.log import naming
from trunkline.log.records import Entry


Write = Callable[[sqlite3.Connection], None]
Then = Callable[[list[int]], None]
Done = Callable[[BaseException | None], None]
Rows = tuple[str, Sequence[tuple[Any, ...]]]
Listener = Callable[[Sequence[Entry]], None]

_SQL = queries.load("trunkline.log", "queries.sql")

_logger = structlog.get_logger("log")


class Appending:
    """The job that appends for all who came while the writer was busy.

    `appended` hears of the entries that are new, once they are on disk. Events without
    an id are named, so they are never there already. A job is `joinable` while it waits,
    unless who began it brings more than rows.
    """

    def __init__(
        self,
        appended: Listener,
        accepted_ms: int,
        also: Write | None,
        then: Then | None,
    ) -> None:
        self._appended = appended
        self._accepted_ms = accepted_ms
        self._also = also
        self._then = then
        self._events: list[Event] = []
        self._posts: dict[int, bytes] = {}
        self._rows: list[tuple[str, list[tuple[Any, ...]]]] = []
        # The last of these, to which more may be added.
        self._statement = ""
        self._run: list[tuple[Any, ...]] = []
        self._waiting: list[Done] = []
        self.positions: list[int] = []
        self.joinable = also is None and then is None
        self.can_fail = also is not None

    def add(
        self,
        events: Sequence[Event],
        rows: Sequence[Rows],
        done: Done,
        post: bytes | None = None,
    ) -> None:
        """Append these as well; `done` hears of the end. `post` is of the last event."""
        self._events += events
        if post is not None:
            self._posts[len(self._events) - 1] = post
        for statement, with_rows in rows:
            # Runs of the same are done together; what comes after stays after.
            if statement is self._statement:
                self._run += with_rows
            else:
                self._statement, self._run = statement, list(with_rows)
                self._rows.append((statement, self._run))
        self._waiting.append(done)

    @property
    def writers(self) -> int:
        """For how many it appends so far."""
        return len(self._waiting)

    @property
    def count(self) -> int:
        """How many events it has so far."""
        return len(self._events)

    def run(self, connection: sqlite3.Connection) -> None:
        """Write, inside the group's transaction."""
        if self._also is not None:
            self._also(connection)
        for statement, rows in self._rows:
            connection.executemany(statement, rows)
        events, first = self._events, head(connection) + 1
        count = len(events)
        named = naming.name_all(events, self._accepted_ms, first)
        rows = self._rows_of_events(connection, first, named)
        added = connection.executemany(_SQL["append"], rows).rowcount if rows else 0
        self.positions = list(range(first, first + count))
        if added != count:
            for index, event in enumerate(events):
                if not named[index]:
                    self.positions[index] = _position_of(connection, event)
        if added:
            connection.execute(_SQL["move_head"], (first + count - 1,))
            blocks = {
                (event.account_sid, position >> 6)
                for position, event in zip(self.positions, events, strict=True)
                if position >= first  # the others were there already, or are another's
            }
            connection.executemany(_SQL["note_block"], blocks)
        self._first = first

    def _rows_of_events(
        self, connection: sqlite3.Connection, first: int, named: Sequence[int]
    ) -> list[tuple[Any, ...]]:
        """Return the rows to add."""
        posts, accepted_ms, rows = self._posts, self._accepted_ms, []
        for index, event in enumerate(self._events):
            is_named = named[index]
            if not is_named and _is_come_back(connection, event, first):
                continue
            rows.append(
                (
                    first + index,
                    event.id,
                    event.account_sid,
                    event.type,
                    event.source,
                    event.time,
                    event.call_sid,
                    accepted_ms,
                    # Not as bytes: sqlite3 would look for an adapter of each.
                    bytearray(event.data),
                    is_named,
                    bytearray(posts.get(index, b"")),
                )
            )
        return rows

    def finish(self, error: BaseException | None) -> None:
        """Have the events delivered, then tell those who brought them."""
        try:
            if error is None:
                if self._then is not None:
                    self._then(self.positions)
                self._appended(self._new_entries())
        finally:
            for done in self._waiting:
                try:
                    done(error)
                except Exception:  # it is no trouble of those who wait beside it
                    _logger.exception("log.done_failed")

    def _new_entries(self) -> list[Entry]:
        return [
            Entry(position, self._accepted_ms, event)
            for wanted, (position, event) in enumerate(
                zip(self.positions, self._events, strict=True), self._first
            )
            if position == wanted
        ]


def head(connection: sqlite3.Connection) -> int:
    """Return the newest position ever given to an event."""
    newest: int = connection.execute(_SQL["head"]).fetchone()[0]
    return newest


def _is_come_back(connection: sqlite3.Connection, event: Event, first: int) -> bool:
    """Tell whether a log that relays to itself gets back what it has named."""
    # Few ids from elsewhere tell a position that there is.
    return (
        0 < naming.position_told(event.id) < first
        and connection.execute(_SQL["find"], _id(event)).fetchone() is not None
    )


def _position_of(connection: sqlite3.Connection, event: Event) -> int:
    row = connection.execute(_SQL["find"], _id(event)).fetchone()
    if row is None:
        return 0
    position, *owner = row
    return int(position) if owner == [event.account_sid, event.source] else 0


def _id(event: Event) -> dict[str, Any]:
    return {"id": event.id, "told": naming.position_told(event.id)}
