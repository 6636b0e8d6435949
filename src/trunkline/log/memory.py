"""The event log in memory: for tests, and held to the same contract as SQLite's."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence

from trunkline.clock import Clock
from trunkline.events.envelope import Event
from trunkline.log.records import DeadLetter, DeliveryException, Entry


Write = Callable[[sqlite3.Connection], None]
Then = Callable[[list[int]], None]
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
        self._positions: dict[str, int] = {}
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
    ) -> list[int]:
        """Add events and return their positions."""
        if also is not None:
            also(self._connection or sqlite3.connect(":memory:"))
        new = []
        for event in events:
            if event.id not in self._positions:
                self.head += 1
                self._positions[event.id] = self.head
                new.append(Entry(self.head, self._clock.now_ms(), event))
        self._entries += new
        positions = [self._positions[event.id] for event in events]
        if then is not None:
            then(positions)
        for listener in self._listeners if new else ():
            listener(new)
        return positions

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

    def _of(self, sink_sid: str) -> list[DeliveryException]:
        return [e for key, e in self._exceptions.items() if key[0] == sink_sid]
