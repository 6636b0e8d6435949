"""What is on record of a call: reads what others wrote."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from trunkline.capture.calls.call_event import CallEvent
from trunkline.capture.sdk.arrival import post_of_event
from trunkline.capture.sdk.identity import LAST_NAMES
from trunkline.capture.sdk.ports import KeptPost
from trunkline.capture.sdk.samples import RollUp
from trunkline.capture.timeline import (
    KeptSample,
    Kind,
    Mark,
    Recorded,
    Records,
    SampleMark,
    marks_of,
)
from trunkline.database import queries
from trunkline.database.file import Database
from trunkline.events.envelope import Event
from trunkline.events.times import parse_iso
from trunkline.log.naming import positions_told


_SQL = queries.load("trunkline.storage", "timeline.sql")

# Marks read of one call, of each sort: a day of samples, and more events than any has.
_LIMIT = 100_000

_call_event = msgspec.json.Decoder(CallEvent).decode
_roll_up = msgspec.json.Decoder(RollUp).decode


class TimelineStore:
    """Implements the port `call_timeline.Timelines`. `ids` are all those of one call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_known(self, account_sid: str, ids: Sequence[str]) -> bool:
        """Tell whether anything is on record of a call of the account."""
        rows = await self._read("is_known", account_sid, ids=ids)
        return bool(rows[0][0])

    async def has_final_event(self, account_sid: str, ids: Sequence[str]) -> bool:
        """Tell whether the Voice SDK has reported the end of a call."""
        rows = await self._read(
            "has_final_event", account_sid, ids=ids, names=list(LAST_NAMES)
        )
        return bool(rows[0][0])

    async def marks(self, account_sid: str, ids: Sequence[str]) -> list[Mark]:
        """Return the marks of a call's timeline, in its order."""
        events = await self._read("event_marks", account_sid, ids=ids)
        posts = await self._read("post_marks", account_sid, ids=ids)
        requests = await self._read("requests", account_sid, ids=ids)
        return marks_of(
            [(parse_iso(time) or 0, event_id) for time, event_id in events],
            [(number, at_ms, event_id) for number, at_ms, event_id in posts],
            [(number, _call_event(body)) for number, body in requests],
        )

    async def records(
        self, account_sid: str, ids: Sequence[str], marks: Sequence[Mark]
    ) -> Records:
        """Return what stands behind some marks."""
        events = [mark.id for mark in marks if mark.kind is Kind.EVENT]
        numbers = [mark.post for mark in marks if mark.post]
        requests = (
            await self._read("requests", account_sid, ids=ids)
            if any(mark.kind is Kind.REQUEST for mark in marks)
            else []
        )
        return Records(
            events={
                event_id: _recorded(post, accepted_ms, Event(event_id, *event))
                for post, accepted_ms, event_id, *event in await self._read(
                    "events", account_sid, ids=events, told=positions_told(events)
                )
            },
            posts={
                number: KeptPost(*row)
                for number, *row in await self._read(
                    "posts", account_sid, numbers=numbers
                )
            },
            requests={number: _call_event(body) for number, body in requests},
        )

    async def roll_ups(self, account_sid: str, ids: Sequence[str]) -> list[RollUp]:
        """Return the roll-ups of a call's samples, in the order of their times."""
        rows = await self._read("roll_ups", account_sid, ids=ids)
        return [_roll_up(body) for (body,) in rows]

    async def sample_marks(
        self, account_sid: str, ids: Sequence[str]
    ) -> list[SampleMark]:
        """Return where a call's samples are found, in the order of their times."""
        rows = await self._read("sample_marks", account_sid, ids=ids)
        return [SampleMark(at_ms, call_id) for at_ms, call_id in rows]

    async def samples(
        self, account_sid: str, ids: Sequence[str], marks: Sequence[SampleMark]
    ) -> list[KeptSample]:
        """Return the samples of some marks, which follow one another."""
        if not marks:
            return []
        rows = await self._read(
            "samples",
            account_sid,
            ids=ids,
            first_ms=marks[0].at_ms,
            last_ms=marks[-1].at_ms,
        )
        bodies = {SampleMark(at_ms, call_id): body for at_ms, call_id, body in rows}
        return [
            KeptSample(mark=mark, fields=msgspec.Raw(bodies[mark]))
            for mark in marks
            if mark in bodies
        ]

    async def _read(self, query: str, account_sid: str, **values: Any) -> list[Any]:
        parameters = {
            "account_sid": account_sid,
            "limit": _LIMIT,
            **{
                name: json.dumps(list(value))
                if isinstance(value, list | tuple)
                else value
                for name, value in values.items()
            },
        }

        def work(connection: sqlite3.Connection) -> list[Any]:
            return connection.execute(_SQL[query], parameters).fetchall()

        return await self._database.read(work)


def _recorded(post: bytes, accepted_ms: int, event: Event) -> Recorded:
    kept = None
    if post:
        ids = event.account_sid, event.call_sid, event.id
        kept = post_of_event(*ids, event.time, accepted_ms, post)
    return Recorded(event=event, accepted_ms=accepted_ms, post=kept)
