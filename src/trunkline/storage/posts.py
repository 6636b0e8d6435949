"""Calls and posts of the Voice SDK gateway in the database."""

import sqlite3
from collections.abc import Sequence

import msgspec

from trunkline.capture.sdk.ports import HeldEvent, SavedCall, Write
from trunkline.capture.sdk.sticky import Sticky
from trunkline.database import queries
from trunkline.database.file import Database


_SQL = queries.load("trunkline.storage", "posts.sql")

# Rows pruned at a time, so that pruning holds up nobody's commit for long.
_PRUNED_TOGETHER = 1000

_encode = msgspec.msgpack.Encoder().encode
_decode_sticky = msgspec.msgpack.Decoder(Sticky).decode
_decode_held = msgspec.msgpack.Decoder(HeldEvent).decode


class PostStore:
    """Reads and writes the tables `sdk_call`, `held_event` and `unattached_post`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_call(self, account_sid: str, call_id: str) -> SavedCall | None:
        """Return the call with that temporary id or SID."""
        parameters = {"account_sid": account_sid, "id": call_id}
        row = await self._database.read(
            lambda connection: connection.execute(
                _SQL["find_call"], parameters
            ).fetchone()
        )
        if row is None:
            return None
        account_sid, known_as, call_sid, sticky, seen_ms = row
        return SavedCall(
            account_sid=account_sid,
            known_as=known_as,
            call_sid=call_sid,
            sticky=_decode_sticky(sticky),
            seen_ms=seen_ms,
        )

    def save_call(self, call: SavedCall) -> Write:
        """Return the write that inserts or replaces a call."""
        row = {**msgspec.structs.asdict(call), "sticky": _encode(call.sticky)}

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_SQL["save_call"], row)

        return write

    async def hold(self, held: HeldEvent, *, cut: bool) -> None:
        """Keep a held event; `cut` makes its call's others due no later than it."""
        row = {
            "id": held.event_id,
            "account_sid": held.sender.account_sid,
            "temp_call_sid": held.temp_call_sid,
            "due_ms": held.due_ms,
            "body": _encode(held),
        }

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_SQL["hold"], row)
            if cut:
                connection.execute(_SQL["cut_waits"], row)

        await self._database.write(write)

    def release(self, event_ids: Sequence[str]) -> Write:
        """Return the write that drops held events."""
        rows = [(event_id,) for event_id in event_ids]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(_SQL["release"], rows)

        return write

    async def held_events(self) -> list[HeldEvent]:
        """Return all held events, in the order of their arrival."""
        rows = await self._database.read(
            lambda connection: connection.execute(_SQL["held_events"]).fetchall()
        )
        return [
            # The wait may have been cut since the event was written.
            msgspec.structs.replace(_decode_held(body), due_ms=due_ms)
            for due_ms, body in rows
        ]

    async def keep_unattached(
        self, account_sid: str, received_ms: int, body: bytes
    ) -> None:
        """Keep a post that names no call."""
        row = account_sid, received_ms, body

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_SQL["keep_unattached"], row)

        await self._database.write(write)

    async def prune(self, *, pairs_before_ms: int, posts_before_ms: int) -> None:
        """Drop a bounded number of calls and unattached posts that are older."""

        def write(connection: sqlite3.Connection) -> None:
            for query, before_ms in (
                ("prune_calls", pairs_before_ms),
                ("prune_unattached", posts_before_ms),
            ):
                parameters = {"before_ms": before_ms, "limit": _PRUNED_TOGETHER}
                connection.execute(_SQL[query], parameters)

        await self._database.write(write)
