"""Calls and posts of the Voice SDK gateway in the database."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from trunkline.capture.sdk.ports import (
    Delivery,
    HeldEvent,
    KeptPost,
    Repeated,
    Rows,
    SavedCall,
    Write,
)
from trunkline.capture.sdk.samples import RollUp, Sample
from trunkline.capture.sdk.sticky import Sticky
from trunkline.database import queries
from trunkline.database.file import Database


_SQL = queries.load("trunkline.storage", "posts.sql")

# Rows pruned at a time, so that pruning holds up nobody's commit for long. Those of
# events are written anew.
_PRUNED_TOGETHER = 1000
_EMPTIED_TOGETHER = 100

# A delivery counts as repeated for that long (spec voice-sdk 2.2).
_REPEATED_WITHIN_MS = 24 * 60 * 60 * 1000

_encode = msgspec.msgpack.Encoder().encode
_encode_json = msgspec.json.Encoder().encode
_decode_sticky = msgspec.msgpack.Decoder(Sticky).decode
_decode_held = msgspec.msgpack.Decoder(HeldEvent).decode


class PostStore:
    """Reads and writes the tables of the Voice SDK gateway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, *writes: Write | None) -> None:
        """Do writes in one transaction."""

        def work(connection: sqlite3.Connection) -> None:
            for write in writes:
                if write is not None:
                    write(connection)

        await self._database.write(work)

    async def salt(self, name: str, fresh: bytes) -> bytes:
        """Return the salt of that name, which is `fresh` from the first time on."""

        def work(connection: sqlite3.Connection) -> bytes:
            connection.execute(_SQL["add_salt"], (name, fresh))
            value: bytes = connection.execute(_SQL["salt"], (name,)).fetchone()[0]
            return value

        return await self._database.write(work)

    def has_come(self, delivery: Delivery) -> bool:
        """Tell whether a delivery is remembered from a short while ago."""
        row = self._database.look(_SQL["has_come"], _remembered(delivery))
        return row is not None

    def once(self, delivery: Delivery) -> Write:
        """Return the write that remembers a delivery; it raises Repeated."""
        row = _remembered(delivery)

        def write(connection: sqlite3.Connection) -> None:
            if not connection.execute(_SQL["add_delivery"], row).rowcount:
                raise Repeated

        return write

    def find_call(self, account_sid: str, call_id: str) -> SavedCall | None:
        """Return the call with that temporary id or SID."""
        parameters = {"account_sid": account_sid, "id": call_id}
        row = self._database.look(_SQL["find_call"], parameters)
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

    async def ids_of_call(self, account_sid: str, call_id: str) -> list[str]:
        """Return all ids by which a call is known, the one asked for among them."""
        parameters = {"account_sid": account_sid, "id": call_id}
        rows = await self._database.read(
            lambda connection: connection.execute(
                _SQL["ids_of_call"], parameters
            ).fetchall()
        )
        return [call_id, *(found for (found,) in rows if found != call_id)]

    def save_call(self, call: SavedCall) -> Rows:
        """Return the row that inserts or replaces a call."""
        sticky = _encode(call.sticky)
        row = (call.account_sid, call.known_as, call.call_sid, sticky, call.seen_ms)
        return _SQL["save_call"], (row,)

    def keep(self, post: KeptPost) -> Rows:
        """Return the row that keeps a post apart from any event."""
        return keep(post)

    def keep_samples(
        self, account_sid: str, received_ms: int, samples: Sequence[Sample]
    ) -> Write:
        """Return the write that keeps samples; newer ones replace those of their time."""
        rows = [
            (
                sample.call_id,
                account_sid,
                sample.at_ms,
                received_ms,
                _encode_json(sample.fields),
            )
            for sample in samples
        ]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(_SQL["keep_sample"], rows)

        return write

    def keep_roll_up(
        self, account_sid: str, call_id: str, received_ms: int, roll_up: RollUp
    ) -> Write:
        """Return the write that keeps the roll-up of a post's samples."""
        body = _encode_json(roll_up)
        row = (call_id, account_sid, roll_up.first_ms, received_ms, body)

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_SQL["keep_roll_up"], row)

        return write

    def hold(self, held: HeldEvent, *, cut: bool) -> Sequence[Rows]:
        """Return the rows that keep a held event.

        `cut` makes its call's others due no later than it.
        """
        account_sid, call, due_ms = (
            held.sender.account_sid,
            held.temp_call_sid,
            held.due_ms,
        )
        row = (held.event_id, account_sid, call, due_ms, _encode(held))
        hold = _SQL["hold"], (row,)
        if not cut:
            return (hold,)
        return hold, (_SQL["cut_waits"], ((account_sid, call, due_ms),))

    def release(self, event_ids: Sequence[str]) -> Rows:
        """Return the rows that drop held events."""
        return _SQL["release"], [(event_id,) for event_id in event_ids]

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

    def keep_unattached(self, account_sid: str, received_ms: int, body: bytes) -> Rows:
        """Return the row that keeps a post that names no call."""
        return _SQL["keep_unattached"], ((account_sid, received_ms, body),)

    async def prune(
        self, *, pairs_before_ms: int, posts_before_ms: int, deliveries_before_ms: int
    ) -> bool:
        """Drop a bounded number of what is older; tell whether there may be more."""
        limits = {
            "prune_calls": pairs_before_ms,
            "prune_unattached": posts_before_ms,
            "prune_posts": posts_before_ms,
            "prune_samples": posts_before_ms,
            "prune_roll_ups": posts_before_ms,
            "prune_deliveries": deliveries_before_ms,
        }

        def write(connection: sqlite3.Connection) -> bool:
            dropped = [
                connection.execute(
                    _SQL[query], {"before_ms": before_ms, "limit": _PRUNED_TOGETHER}
                ).rowcount
                for query, before_ms in limits.items()
            ]
            connection.execute(_SQL["lower_late_index"])
            emptied = _drop_posts_of_events(connection, posts_before_ms)
            return max(dropped) >= _PRUNED_TOGETHER or emptied >= _EMPTIED_TOGETHER

        return await self._database.write(write)


def keep(*posts: KeptPost) -> Rows:
    """Return the rows that keep posts apart from any event."""
    # Of types that sqlite3 takes as they are: for others it looks for adapters.
    return _SQL["keep"], [
        (*post[:-2], int(post.clock_skew), bytearray(post.body)) for post in posts
    ]


def _drop_posts_of_events(connection: sqlite3.Connection, before_ms: int) -> int:
    """Drop posts in the rows of events; return how many events were looked at."""
    limits = {"before_ms": before_ms, "limit": _EMPTIED_TOGETHER}
    upto, count = connection.execute(_SQL["events_with_old_posts"], limits).fetchone()
    if count:
        connection.execute(_SQL["drop_posts"], {"upto": upto})
        connection.execute(_SQL["note_dropped"], {"upto": upto})
    return int(count)


def _remembered(delivery: Delivery) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(delivery),
        "forgotten_ms": delivery.received_ms - _REPEATED_WITHIN_MS,
    }
