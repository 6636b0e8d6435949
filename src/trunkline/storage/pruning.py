"""Drops rows whose time is over. Contract: tests/contract/test_pruning.py."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from trunkline.capture.sdk.arrival import post_of_event
from trunkline.clock import Clock
from trunkline.database import queries
from trunkline.database.file import Database
from trunkline.events.ids import Ids
from trunkline.log.records import DeadLetter
from trunkline.log.retention import Pruned
from trunkline.storage.posts import keep


_SQL = queries.load("trunkline.storage", "pruning.sql")

_REASON = "Its event was dropped from the log before it could be delivered."


class PruningStore:
    """Drops a piece at a time; each is one job of the writer."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    async def used_bytes(self) -> int:
        """Return how much of the database file is in use."""
        pages, size = await self._database.read(
            lambda connection: connection.execute(_SQL["used_pages"]).fetchone()
        )
        return int(pages * size)

    async def oldest_ms(self) -> int | None:
        """Return when the oldest event was accepted, None in an empty log."""
        row = await self._database.read(
            lambda connection: connection.execute(_SQL["oldest"]).fetchone()
        )
        return row[0] if row else None

    async def prune_by_age(self, after: int, before_ms: int, limit: int) -> Pruned:
        """Drop events after a position that were accepted earlier than `before_ms`.

        An event with a delivery that waits for its next attempt stays till that ends.
        The posts that they came from, which may be kept for longer, stay.
        """

        def work(connection: sqlite3.Connection) -> Pruned:
            rows = connection.execute(_SQL["piece"], (after, limit)).fetchall()
            old = [
                position for position, accepted_ms in rows if accepted_ms < before_ms
            ]
            if not old:
                return Pruned(None, 0, ())
            span = {"after": after, "upto": old[-1]}
            kept = [
                position for (position,) in connection.execute(_SQL["waiting"], span)
            ]
            letters = self._bury(connection, self._owed(connection, span))
            _keep_posts(connection, span, kept)
            dropped = _drop_events(connection, span, kept)
            more = len(old) == limit
            return Pruned(old[-1] if more else None, dropped, letters)

        return await self._database.write(work)

    async def prune_oldest(self, limit: int) -> Pruned:
        """Drop the oldest events, with the posts in their rows, whatever waits for them."""

        def work(connection: sqlite3.Connection) -> Pruned:
            rows = connection.execute(_SQL["piece"], (0, limit)).fetchall()
            if not rows:
                return Pruned(None, 0, ())
            span = {"after": 0, "upto": rows[-1][0]}
            failed = connection.execute(_SQL["failed"], span).fetchall()
            owed = self._owed(connection, span)
            letters = self._bury(connection, [*failed, *owed])
            connection.execute(_SQL["drop_exceptions"], span)
            dropped = _drop_events(connection, span, ())
            return Pruned(span["upto"], dropped, letters)

        return await self._database.write(work)

    async def drop_strays(self) -> None:
        """Drop what waits for events that are gone; its dead letters are written."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SQL["drop_strays"])

        await self._database.write(work)

    async def prune_letters(self, before_ms: int, limit: int) -> int:
        """Drop dead letters that were buried earlier."""
        parameters = {"below": _lowest_sid(before_ms), "limit": limit}
        return await self._database.write(
            lambda connection: (
                connection.execute(_SQL["prune_letters"], parameters).rowcount
            )
        )

    async def prune_spent_letters(self, before_ms: int, limit: int) -> int:
        """Drop dead letters, buried earlier, whose events are gone: of no more use."""
        parameters = {"below": _lowest_sid(before_ms), "limit": limit}
        # To look for them may take long, which the writer must not.
        sids = await self._database.read(
            lambda connection: connection.execute(
                _SQL["spent_letters"], parameters
            ).fetchall()
        )
        if sids:
            await self._drop(("drop_letter", sids))
        return len(sids)

    async def prune_notices(self, before_ms: int) -> int:
        """Drop notices of failures that ended earlier."""
        numbers = await self._database.read(
            lambda connection: connection.execute(
                _SQL["old_notices"], (before_ms,)
            ).fetchall()
        )
        if numbers:
            await self._drop(("drop_notice", numbers))
        return len(numbers)

    async def prune_calls(self, before_ms: int, limit: int) -> int:
        """Drop calls that ended earlier, and the requests of their life."""
        parameters = {"before_ms": before_ms, "limit": limit}
        sids = await self._database.read(
            lambda connection: connection.execute(
                _SQL["old_calls"], parameters
            ).fetchall()
        )
        if sids:
            await self._drop(("drop_call_events", sids), ("drop_call", sids))
        return len(sids)

    def _owed(
        self, connection: sqlite3.Connection, span: dict[str, int]
    ) -> list[Sequence[Any]]:
        # Nearly always every sink is settled far beyond: then one look is enough.
        if connection.execute(_SQL["behind"], (span["upto"],)).fetchone() is None:
            return []
        return connection.execute(_SQL["owed"], span).fetchall()

    def _bury(
        self, connection: sqlite3.Connection, rows: Iterable[Sequence[Any]]
    ) -> list[DeadLetter]:
        now_ms = self._clock.now_ms()
        letters = [
            DeadLetter(
                sid=self._ids.sid("DL"),
                sink_sid=sink_sid,
                position=position,
                account_sid=account_sid,
                event_id=event_id,
                event_type=event_type,
                call_sid=call_sid,
                code=code,
                reason=_REASON,
                attempts=attempts,
                http_status=http_status,
                last_answer="",
                first_ms=first_ms,
                last_ms=now_ms,
            )
            for (
                sink_sid,
                position,
                account_sid,
                event_id,
                event_type,
                call_sid,
                code,
                attempts,
                http_status,
                first_ms,
            ) in rows
        ]
        rows_of_letters = [msgspec.structs.asdict(letter) for letter in letters]
        connection.executemany(_SQL["bury"], rows_of_letters)
        return letters

    async def _drop(self, *drops: tuple[str, list[Any]]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            for query, keys in drops:
                connection.executemany(_SQL[query], keys)

        await self._database.write(work)


def _lowest_sid(at_ms: int) -> str:
    """Return what no dead letter's SID is below that was made at that time or later."""
    return f"DL{max(0, at_ms):012x}"


def _keep_posts(
    connection: sqlite3.Connection, span: dict[str, int], kept: Sequence[int]
) -> None:
    """Move the posts of events that go to rows of their own."""
    parameters = {**span, "kept": json.dumps(list(kept))}
    found = connection.execute(_SQL["posts_of_events"], parameters)
    connection.executemany(*keep(*(post_of_event(*row) for row in found)))


def _drop_events(
    connection: sqlite3.Connection, span: dict[str, int], kept: Sequence[int]
) -> int:
    parameters = {**span, "kept": json.dumps(list(kept))}
    dropped = connection.execute(_SQL["drop_events"], parameters).fetchall()
    blocks = [
        {"account_sid": account_sid, "block": block}
        for account_sid, block in set(dropped)
    ]
    connection.executemany(_SQL["drop_block"], blocks)
    return len(dropped)
