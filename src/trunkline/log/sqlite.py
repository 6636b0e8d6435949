"""The event log on SQLite. Contract: tests/contract/test_log.py.

Longer than most modules: a short method for each of the contract's, and nothing else.
"""

import asyncio
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from trunkline.clock import Clock
from trunkline.database import queries
from trunkline.database.file import Database
from trunkline.events.envelope import Event
from trunkline.log.appending import (
    Appending,
    Done,
    Listener,
    Rows,
    Then,
    Write,
    head,
)
from trunkline.log.records import Again, DeadLetter, DeliveryException, Entry


_SQL = queries.load("trunkline.log", "queries.sql")


class SqliteLog:
    """The event log, its bookmarks, exceptions and dead letters.

    Everyone who appends while the writer is busy shares the next transaction.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._listeners: list[Listener] = []
        self.head = 0

    async def open(self) -> None:
        """Find the end of the log. Must be awaited before anything else."""
        self.head = await self._database.read(head)

    def on_append(self, listener: Listener) -> None:
        """Tell `listener` of entries as soon as they are on disk, in their order."""
        self._listeners.append(listener)

    async def append(
        self,
        events: Sequence[Event],
        also: Write | None = None,
        then: Then | None = None,
        rows: Sequence[Rows] = (),
    ) -> list[int]:
        """Add events and return their positions, once they are synced.

        An event whose id is in the log already keeps its first position and is not
        added again. Where the id is another event's, of another account or source, the
        position is 0: it was not added, and is not there. An event without an id gets
        one, and must not be given twice. `also` and `rows` are written in the same
        transaction, or nothing is; `rows` must not fail but with the disk, for all who
        share the job would fail with them. `then` is told the positions before any
        listener hears of the events.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[int]] = loop.create_future()
        job = self._job(also, then)
        first = job.count

        def done(error: BaseException | None) -> None:
            if future.done():
                return  # whoever waited has gone; the write stands
            if error is None:
                future.set_result(job.positions[first : first + len(events)])
            else:
                future.set_exception(error)

        job.add(events, rows, done)
        return await future

    def submit(
        self,
        events: Sequence[Event],
        done: Done,
        rows: Sequence[Rows] = (),
        also: Write | None = None,
        post: bytes | None = None,
    ) -> None:
        """Do as `append`; `done` hears, on the event loop, of the sync or what failed.

        `post` is the post that the last of the events came from: it is kept with it.
        Raises StorageFailed where nothing is taken any more.
        """
        self._job(also, None).add(events, rows, done, post)

    def _job(self, also: Write | None, then: Then | None) -> Appending:
        """Return a job to add to: the newest that waits, if it can be shared."""
        if also is None and then is None:
            newest = self._database.commits.newest
            if isinstance(newest, Appending) and newest.joinable:
                return newest
        now_ms = self._clock.now_ms()
        job = Appending(self._appended, now_ms, also, then)
        self._database.submit(job)
        return job

    async def read(
        self, account_sid: str, types: Iterable[str], after: int, upto: int, limit: int
    ) -> list[Entry]:
        """Return up to `limit` entries with `after < position <= upto`, oldest first."""
        parameters = {
            "account_sid": account_sid,
            "types": json.dumps(list(types)),
            "after": after,
            "upto": upto,
            "limit": limit,
        }
        # One row for all: SQLite lets go of Python's lock at every row, and a reader has
        # to win it back from a busy event loop, which costs more than all the rest.
        return await self._database.read(
            lambda connection: _entries(
                *connection.execute(_SQL["read"], parameters).fetchone()
            )
        )

    async def count(
        self, account_sid: str, types: Iterable[str], after: int, upto: int
    ) -> int:
        """Return how many entries `read` would find, without a limit."""
        parameters = {
            "account_sid": account_sid,
            "types": json.dumps(list(types)),
            "after": after,
            "upto": upto,
        }
        return await self._database.read(
            lambda connection: connection.execute(_SQL["count"], parameters).fetchone()[
                0
            ]
        )

    async def bookmarks(self) -> dict[str, int]:
        """Return the bookmark of every sink that has one."""
        return await self._database.read(
            lambda connection: dict(connection.execute(_SQL["bookmarks"]).fetchall())
        )

    async def move_bookmarks(self, positions: Mapping[str, int]) -> None:
        """Move bookmarks forward, all in one transaction; none ever goes back."""
        await self._database.write(
            lambda connection: _many(
                connection, _SQL["move_bookmark"], list(positions.items())
            )
        )

    async def hold(self, exceptions: Sequence[DeliveryException]) -> None:
        """Keep failed deliveries until their next attempt.

        Refused, without a word, where the log knows of a later attempt already.
        """
        rows = [msgspec.structs.asdict(exception) for exception in exceptions]
        await self._database.write(
            lambda connection: _many(connection, _SQL["hold"], rows)
        )

    async def release(self, sink_sid: str, positions: Sequence[int]) -> None:
        """Drop exceptions whose deliveries are settled."""
        rows = [(sink_sid, position) for position in positions]
        await self._database.write(
            lambda connection: _many(connection, _SQL["release"], rows)
        )

    async def due(
        self, sink_sid: str, now_ms: int, after: tuple[int, int], limit: int
    ) -> list[tuple[DeliveryException, Entry]]:
        """Return exceptions that are due, with their entries, by due time.

        `after` is the (due time, position) of the last one that the caller has.
        """
        parameters = {
            "sink_sid": sink_sid,
            "now_ms": now_ms,
            "after_due_ms": after[0],
            "after_position": after[1],
            "limit": limit,
        }
        return await self._database.read(
            lambda connection: [
                (_exception(row[:11]), _entry(row[11:]))
                for row in connection.execute(_SQL["due"], parameters)
            ]
        )

    async def postpone(
        self, sink_sid: str, call: str, position: int, due_ms: int
    ) -> None:
        """Let a call's exceptions after `position` wait until `due_ms` at least."""
        parameters = {
            "sink_sid": sink_sid,
            "call": call,
            "position": position,
            "due_ms": due_ms,
        }
        await self._database.write(
            lambda connection: _many(connection, _SQL["postpone"], [parameters])
        )

    async def waiting_calls(self, sink_sid: str) -> list[tuple[str, int]]:
        """Return the call and the due time of each exception of a sink."""
        return await self._database.read(
            lambda connection: connection.execute(
                _SQL["waiting_calls"], (sink_sid,)
            ).fetchall()
        )

    async def next_due(self, sink_sid: str) -> int | None:
        """Return when the sink's next exception is due, None if it has none."""
        return await self._database.read(
            lambda connection: connection.execute(
                _SQL["next_due"], (sink_sid,)
            ).fetchone()[0]
        )

    async def with_own_row(self, sink_sid: str, after: int) -> set[int]:
        """Return the positions above `after` that are exceptions or dead letters."""
        parameters = {"sink_sid": sink_sid, "after": after}
        return await self._database.read(
            lambda connection: {
                row[0]
                for row in connection.execute(_SQL["unsettled_by_row"], parameters)
            }
        )

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Turn deliveries into dead letters; their exceptions go with them."""
        rows = [msgspec.structs.asdict(letter) for letter in letters]
        keys = [(letter.sink_sid, letter.position) for letter in letters]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(_SQL["bury"], rows)
            connection.executemany(_SQL["release"], keys)

        await self._database.write(work)

    async def owe_again(
        self, letters: Sequence[DeadLetter], now_ms: int, deadline_ms: int
    ) -> list[str]:
        """Turn dead letters into exceptions that are due; return the calls of those.

        A letter whose event is not kept any more stays what it is.
        """

        def work(connection: sqlite3.Connection) -> list[str]:
            calls = []
            for letter in letters:
                parameters = {
                    "sid": letter.sid,
                    "now_ms": now_ms,
                    "deadline_ms": deadline_ms,
                }
                row = connection.execute(_SQL["owe_again"], parameters).fetchone()
                if row is not None:
                    connection.execute(_SQL["raise_letter"], (letter.sid,))
                    calls.append(row[0])
            return calls

        return await self._database.write(work)

    async def position_before(self, at_ms: int) -> int:
        """Return the last position that was accepted before a time."""
        return await self._database.read(
            lambda connection: _position_before(connection, at_ms)
        )

    async def read_again(self, wanted: Again, after: int, limit: int) -> list[Entry]:
        """Return up to `limit` of the wanted entries after a position, oldest first."""
        parameters = {
            **msgspec.structs.asdict(wanted),
            "types": json.dumps(wanted.types),
            "after": after,
            "limit": limit,
        }
        return await self._database.read(
            lambda connection: [
                _entry(row)
                for row in connection.execute(_SQL["read_again"], parameters)
            ]
        )

    async def is_buried(self, sink_sid: str, position: int) -> bool:
        """Tell whether a delivery became a dead letter."""
        row = await self._database.read(
            lambda connection: connection.execute(
                _SQL["is_buried"], (sink_sid, position)
            ).fetchone()
        )
        return row is not None

    async def dead_letters(self, sink_sid: str) -> list[DeadLetter]:
        """Return the dead letters of a sink, oldest first."""
        return await self._database.read(
            lambda connection: [
                DeadLetter(**dict(zip(DeadLetter.__struct_fields__, row, strict=True)))
                for row in connection.execute(_SQL["dead_letters"], (sink_sid,))
            ]
        )

    async def forget(self, sink_sid: str) -> None:
        """Drop bookmark and exceptions of a sink that is gone."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SQL["forget_bookmark"], (sink_sid,))
            connection.execute(_SQL["forget_exceptions"], (sink_sid,))

        await self._database.write(work)

    def _appended(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        self.head = entries[-1].position
        for listener in self._listeners:
            listener(entries)


def _position_before(connection: sqlite3.Connection, at_ms: int) -> int:
    """Search by halves: times grow with positions, and need no index of their own."""
    low: int = connection.execute(_SQL["first_position"]).fetchone()[0] or 1
    high = head(connection) + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(_SQL["accepted_from"], (middle,)).fetchone()
        if row is None or row[0] >= at_ms:
            high = middle
        else:
            low = middle + 1
    return low - 1


def _many(connection: sqlite3.Connection, sql: str, rows: Sequence[object]) -> None:
    connection.executemany(sql, rows)  # type: ignore[arg-type]


_decode = msgspec.json.Decoder(
    list[tuple[int, int, str, str, str, str, str, str]]
).decode

# Between the data of events: JSON has it neither in its strings nor around them.
_RECORD_SEPARATOR = b"\x1e"


def _entries(rows: str, data: bytes | None) -> list[Entry]:
    """Return the entries of a page; `data` is None where it has none."""
    if data is None:
        return []
    return [
        Entry(
            position, accepted_ms, Event(id_, account, kind, source, time, call, each)
        )
        for (
            position,
            accepted_ms,
            id_,
            account,
            kind,
            source,
            time,
            call,
        ), each in zip(_decode(rows), data.split(_RECORD_SEPARATOR), strict=True)
    ]


def _entry(row: Sequence[object]) -> Entry:
    position, accepted_ms, *event = row
    return Entry(position, accepted_ms, Event(*event))  # type: ignore[arg-type]


def _exception(row: Sequence[object]) -> DeliveryException:
    names = DeliveryException.__struct_fields__
    return DeliveryException(**dict(zip(names, row, strict=True)))  # type: ignore[arg-type]
