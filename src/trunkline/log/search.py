"""Questions about the log and its dead letters. Contract: tests/contract/test_search.py.

Lists run from the newest item to the oldest. `after` is the key of the item before
the page (an event's position, a dead letter's SID): pages stay right while the list
grows at its head.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from trunkline.database import queries
from trunkline.database.file import Database
from trunkline.events.envelope import Event
from trunkline.log.filters import Filter, LetterFilter
from trunkline.log.naming import position_told
from trunkline.log.records import DeadLetter, DeliveryException, Entry


T = TypeVar("T")

_SQL = queries.load("trunkline.log", "search.sql")

# Above every position and every dead letter's SID, and every time.
_ABOVE_POSITIONS = 2**62
_ABOVE_SIDS = "DM"
_ABOVE_TIMES = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An event, and all that is written down about its deliveries.

    `bookmarks` has, by sink SID, up to which position that sink is settled.
    """

    entry: Entry
    exceptions: Sequence[DeliveryException]
    letters: Sequence[DeadLetter]
    bookmarks: Mapping[str, int]


class SqliteSearch:
    """Answers one question at a time: whoever asks leaves a reader to delivery."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()

    async def events(
        self, wanted: Filter, *, after: int | None, offset: int, limit: int
    ) -> list[Entry]:
        """Return events, newest first."""

        def work(connection: sqlite3.Connection) -> list[Entry]:
            parameters = _event_parameters(connection, wanted)
            parameters |= {"limit": limit, "offset": offset}
            parameters["key"] = _ABOVE_POSITIONS if after is None else after
            query = "call_events_down" if wanted.call_ids else "events_down"
            return [_entry(row) for row in connection.execute(_SQL[query], parameters)]

        return await self._ask(work)

    async def event_before(
        self, wanted: Filter, *, key: int, distance: int
    ) -> int | None:
        """Return the position of the event `distance` places nearer the newest."""

        def work(connection: sqlite3.Connection) -> int | None:
            parameters = _event_parameters(connection, wanted)
            parameters |= {"key": key, "limit": 1, "offset": distance - 1}
            query = "call_events_up" if wanted.call_ids else "events_up"
            row = connection.execute(_SQL[query], parameters).fetchone()
            return row[0] if row else None

        return await self._ask(work)

    async def standing(self, account_sid: str, event_id: str) -> Standing | None:
        """Return an event with what became of it so far, None if there is none."""

        def work(connection: sqlite3.Connection) -> Standing | None:
            parameters = {
                "account_sid": account_sid,
                "id": event_id,
                "told": position_told(event_id),
            }
            row = connection.execute(_SQL["event"], parameters).fetchone()
            if row is None:
                return None
            entry = _entry(row)
            at = {"account_sid": account_sid, "position": entry.position}
            exceptions = connection.execute(_SQL["exceptions_at"], at)
            letters = connection.execute(_SQL["letters_at"], parameters)
            return Standing(
                entry=entry,
                exceptions=[_struct(DeliveryException, row) for row in exceptions],
                letters=[_struct(DeadLetter, row) for row in letters],
                bookmarks=dict(connection.execute(_SQL["bookmarks"], parameters)),
            )

        return await self._ask(lambda connection: _at_once(connection, work))

    async def letters(
        self, wanted: LetterFilter, *, after: str | None, offset: int, limit: int
    ) -> list[DeadLetter]:
        """Return dead letters, newest first."""
        parameters = _letter_parameters(wanted)
        parameters |= {"limit": limit, "offset": offset}
        parameters["key"] = _ABOVE_SIDS if after is None else after
        return await self._ask(
            lambda connection: [
                _struct(DeadLetter, row)
                for row in connection.execute(_SQL["letters_down"], parameters)
            ]
        )

    async def letter_before(
        self, wanted: LetterFilter, *, key: str, distance: int
    ) -> str | None:
        """Return the SID of the dead letter `distance` places nearer the newest."""
        parameters = _letter_parameters(wanted)
        parameters |= {"key": key, "limit": 1, "offset": distance - 1}
        row = await self._ask(
            lambda connection: connection.execute(
                _SQL["letters_up"], parameters
            ).fetchone()
        )
        return row[0] if row else None

    async def letter(self, account_sid: str, sid: str) -> DeadLetter | None:
        """Return one dead letter."""
        parameters = {"account_sid": account_sid, "sid": sid}
        row = await self._ask(
            lambda connection: connection.execute(_SQL["letter"], parameters).fetchone()
        )
        return _struct(DeadLetter, row) if row else None

    async def waiting(self) -> dict[str, int]:
        """Return how many deliveries of each sink wait for their next attempt."""
        return await self._ask(
            lambda connection: dict(connection.execute(_SQL["waiting"]).fetchall())
        )

    async def _ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        async with self._turn:
            return await self._database.read(work)


def first_position_at(connection: sqlite3.Connection, at_ms: int) -> int:
    """Return the position of the first event accepted at `at_ms` or later.

    Times of acceptance grow with positions, so some thirty look-ups find it and no
    index has to be kept. Where there is none such, it is the next position.
    """
    oldest = connection.execute(_SQL["oldest"], (0,)).fetchone()
    if oldest is None:
        return _ABOVE_POSITIONS
    low: int = oldest[0]
    high: int = connection.execute(_SQL["newest"], (_ABOVE_POSITIONS,)).fetchone()[0]
    high += 1
    while low < high:
        middle = (low + high) // 2
        # There may be none at that very place: the next stands for it.
        _, accepted_ms = connection.execute(_SQL["oldest"], (middle,)).fetchone()
        if accepted_ms < at_ms:
            low = middle + 1
        else:
            high = middle
    return low


def _event_parameters(connection: sqlite3.Connection, wanted: Filter) -> dict[str, Any]:
    lowest, highest = 0, _ABOVE_POSITIONS
    if wanted.from_ms is not None:
        lowest = first_position_at(connection, wanted.from_ms)
    if wanted.to_ms is not None:
        highest = first_position_at(connection, wanted.to_ms)
    return {**_parameters(wanted), "lowest": lowest, "highest": highest}


def _letter_parameters(wanted: LetterFilter) -> dict[str, Any]:
    return {
        **_parameters(wanted),
        "any_call": not wanted.call_ids,
        "sink_sid": wanted.sink_sid,
        "code": wanted.code,
        "from_ms": 0 if wanted.from_ms is None else wanted.from_ms,
        "to_ms": _ABOVE_TIMES if wanted.to_ms is None else wanted.to_ms,
    }


def _parameters(wanted: Filter) -> dict[str, Any]:
    return {
        "account_sid": wanted.account_sid,
        "any_type": not wanted.types,
        "types": json.dumps(wanted.types),
        "call_ids": json.dumps(wanted.call_ids),
    }


def _at_once(
    connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]
) -> T:
    """Run `work` so that all its queries see the same commit."""
    connection.execute("BEGIN")
    try:
        return work(connection)
    finally:
        connection.execute("ROLLBACK")


def _entry(row: Sequence[Any]) -> Entry:
    position, accepted_ms, *event = row
    return Entry(position, accepted_ms, Event(*event))


def _struct(kind: Callable[..., T], row: Sequence[Any]) -> T:
    names: tuple[str, ...] = kind.__struct_fields__  # type: ignore[attr-defined]
    return kind(**dict(zip(names, row, strict=True)))
