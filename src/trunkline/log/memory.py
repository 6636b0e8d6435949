"""The event log in memory: for tests, and held to the same contract as SQLite's."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from trunkline.clock import Clock
from trunkline.events.envelope import Event
from trunkline.log import naming
from trunkline.log.records import Again, DeadLetter, DeliveryException, Entry


Write = Callable[[sqlite3.Connection], None]
Then = Callable[[list[int]], None]
Rows = tuple[str, Sequence[tuple[Any, ...]]]
Done = Callable[[BaseException | None], None]
Listener = Callable[[Sequence[Entry]], None]


class MemoryLog:
    """Everything in dictionaries; gone with the process.

    `connection` is what `also` writes to: an empty database if none is given.
    """

    def __init__(
        self, clock: Clock, connection: sqlite3.Connection | None = None
    ) -> None:
        self._clock = clock
        self._connection = connection
        self._listeners: list[Listener] = []
        self._entries: list[Entry] = []
        self._by_id: dict[str, Entry] = {}
        self._bookmarks: dict[str, int] = {}
        self._exceptions: dict[tuple[str, int], DeliveryException] = {}
        self._letters: dict[tuple[str, int], DeadLetter] = {}
        self.head = 0

    async def open(self) -> None:
        """Do nothing: a new log is empty."""

    def on_append(self, listener: Listener) -> None:
        """Tell `listener` of new entries, in their order."""
        self._listeners.append(listener)

    async def append(
        self,
        events: Sequence[Event],
        also: Write | None = None,
        then: Then | None = None,
        rows: Sequence[Rows] = (),
    ) -> list[int]:
        """Add events and return their positions, 0 where an id is another event's."""
        return self._add(events, also, then, rows)

    def _add(
        self,
        events: Sequence[Event],
        also: Write | None,
        then: Then | None,
        rows: Sequence[Rows],
    ) -> list[int]:
        if also is not None:
            also(self._connection or sqlite3.connect(":memory:"))
        if self._connection is not None:
            for statement, with_rows in rows:
                self._connection.executemany(statement, with_rows)
        new = []
        for event in events:
            now_ms = self._clock.now_ms()
            naming.name_all([event], now_ms, self.head + 1)
            if event.id not in self._by_id:
                self.head += 1
                entry = Entry(self.head, now_ms, event)
                self._by_id[event.id] = entry
                new.append(entry)
        self._entries += new
        positions = [self._position_of(event) for event in events]
        if then is not None:
            then(positions)
        for listener in self._listeners if new else ():
            listener(new)
        return positions

    def submit(
        self,
        events: Sequence[Event],
        done: Done,
        rows: Sequence[Rows] = (),
        also: Write | None = None,
        post: bytes | None = None,
    ) -> None:
        """Add events; `done` hears at once. No post is kept: nobody reads it here."""
        self._add(events, also, None, rows)
        done(None)

    async def read(
        self, account_sid: str, types: Iterable[str], after: int, upto: int, limit: int
    ) -> list[Entry]:
        """Return up to `limit` entries with `after < position <= upto`, oldest first."""
        wanted = set(types)
        return [
            entry
            for entry in self._entries[after:upto]
            if entry.event.account_sid == account_sid and entry.event.type in wanted
        ][:limit]

    async def count(
        self, account_sid: str, types: Iterable[str], after: int, upto: int
    ) -> int:
        """Return how many entries `read` would find, without a limit."""
        return len(await self.read(account_sid, types, after, upto, self.head))

    async def bookmarks(self) -> dict[str, int]:
        """Return the bookmark of every sink that has one."""
        return dict(self._bookmarks)

    async def move_bookmarks(self, positions: Mapping[str, int]) -> None:
        """Move bookmarks forward; none ever goes back."""
        for sink_sid, position in positions.items():
            known = self._bookmarks.get(sink_sid, 0)
            self._bookmarks[sink_sid] = max(known, position)

    async def hold(self, exceptions: Sequence[DeliveryException]) -> None:
        """Keep failed deliveries, unless a later attempt is known already."""
        for exception in exceptions:
            key = (exception.sink_sid, exception.position)
            known = self._exceptions.get(key)
            if known is None or exception.attempt > known.attempt:
                self._exceptions[key] = exception

    async def release(self, sink_sid: str, positions: Sequence[int]) -> None:
        """Drop exceptions whose deliveries are settled."""
        for position in positions:
            self._exceptions.pop((sink_sid, position), None)

    async def due(
        self, sink_sid: str, now_ms: int, after: tuple[int, int], limit: int
    ) -> list[tuple[DeliveryException, Entry]]:
        """Return exceptions that are due, with their entries, by due time."""
        due = sorted(
            (
                exception
                for exception in self._of(sink_sid)
                if exception.due_ms <= now_ms
                and (exception.due_ms, exception.position) > after
            ),
            key=lambda exception: (exception.due_ms, exception.position),
        )
        return [(e, self._entries[e.position - 1]) for e in due[:limit]]

    async def postpone(
        self, sink_sid: str, call: str, position: int, due_ms: int
    ) -> None:
        """Let a call's exceptions after `position` wait until `due_ms` at least."""
        for exception in self._of(sink_sid):
            if exception.call == call and exception.position > position:
                self._exceptions[sink_sid, exception.position] = replace(
                    exception, due_ms=max(due_ms, exception.due_ms)
                )

    async def waiting_calls(self, sink_sid: str) -> list[tuple[str, int]]:
        """Return the call and the due time of each exception of a sink."""
        return [(e.call, e.due_ms) for e in self._of(sink_sid)]

    async def next_due(self, sink_sid: str) -> int | None:
        """Return when the sink's next exception is due, None if it has none."""
        return min((e.due_ms for e in self._of(sink_sid)), default=None)

    async def with_own_row(self, sink_sid: str, after: int) -> set[int]:
        """Return the positions above `after` that are exceptions or dead letters."""
        keys = (*self._exceptions, *self._letters)
        return {p for sid, p in keys if sid == sink_sid and p > after}

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Turn deliveries into dead letters; their exceptions go with them."""
        for letter in letters:
            key = (letter.sink_sid, letter.position)
            self._letters.setdefault(key, letter)
            self._exceptions.pop(key, None)

    async def owe_again(
        self, letters: Sequence[DeadLetter], now_ms: int, deadline_ms: int
    ) -> list[str]:
        """Turn dead letters into exceptions that are due; return the calls of those."""
        calls = []
        for letter in letters:
            key = (letter.sink_sid, letter.position)
            if key not in self._letters:
                continue
            del self._letters[key]
            self._exceptions[key] = DeliveryException(
                sink_sid=letter.sink_sid,
                position=letter.position,
                call=letter.call_sid or letter.event_id,
                attempt=0,
                due_ms=now_ms,
                deadline_ms=deadline_ms,
                code=letter.code,
                detail=letter.reason,
                http_status=letter.http_status,
                first_ms=now_ms,
                last_ms=now_ms,
            )
            calls.append(self._exceptions[key].call)
        return calls

    async def position_before(self, at_ms: int) -> int:
        """Return the last position that was accepted before a time."""
        return sum(entry.accepted_ms < at_ms for entry in self._entries)

    async def read_again(self, wanted: Again, after: int, limit: int) -> list[Entry]:
        """Return up to `limit` of the wanted entries after a position, oldest first."""
        return [
            entry
            for entry in self._entries[after : wanted.upto]
            if entry.event.account_sid == wanted.account_sid
            and wanted.from_ms <= entry.accepted_ms < wanted.to_ms
            and entry.event.type in wanted.types
            and wanted.call_sid in {None, entry.event.call_sid}
        ][:limit]

    async def is_buried(self, sink_sid: str, position: int) -> bool:
        """Tell whether a delivery became a dead letter."""
        return (sink_sid, position) in self._letters

    async def dead_letters(self, sink_sid: str) -> list[DeadLetter]:
        """Return the dead letters of a sink, oldest first."""
        return [
            self._letters[key] for key in sorted(self._letters) if key[0] == sink_sid
        ]

    async def forget(self, sink_sid: str) -> None:
        """Drop bookmark and exceptions of a sink that is gone."""
        self._bookmarks.pop(sink_sid, None)
        for exception in self._of(sink_sid):
            del self._exceptions[sink_sid, exception.position]

    def _position_of(self, event: Event) -> int:
        entry = self._by_id[event.id]
        known = entry.event
        same = (known.account_sid, known.source) == (event.account_sid, event.source)
        return entry.position if same else 0

    def _of(self, sink_sid: str) -> list[DeliveryException]:
        return [e for key, e in self._exceptions.items() if key[0] == sink_sid]
