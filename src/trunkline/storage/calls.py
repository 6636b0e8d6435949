"""Calls, the callbacks they owe, and the requests of their life, on SQLite."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from trunkline.capture.calls import targets
from trunkline.capture.calls.call import Call, CallFilters, limit_ms
from trunkline.capture.calls.call_event import CallEvent
from trunkline.capture.calls.callback import Callback
from trunkline.capture.calls.sender import Waiting
from trunkline.capture.calls.switchboard import Step
from trunkline.database import queries
from trunkline.database.file import Database


_SQL = queries.load("trunkline.storage", "calls.sql")

# Later than any call.
_FOREVER_MS = 2**62

_encode = msgspec.json.Encoder().encode
_call = msgspec.json.Decoder(Call).decode
_callback = msgspec.json.Decoder(Callback).decode
_call_event = msgspec.json.Decoder(CallEvent).decode


class _Changes(NamedTuple):
    calls: list[tuple[Call, Call] | None]
    owed: list[Waiting]


class CallStore:
    """Implements the ports `switchboard.Calls` and `sender.Queue`, and more for the API."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, call: Call, event: CallEvent) -> None:
        """Keep a new call, and the request that made it."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SQL["add_call"], _row(call))
            _add_event(connection, call.sid, event)

        await self._database.write(work)

    async def adopt(self, call: Call) -> None:
        """Keep a call that an engine has found; nothing, if it is kept already."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SQL["adopt_call"], _row(call))

        await self._database.write(work)

    async def change(
        self,
        steps: Sequence[tuple[str, Step]],
        then: Callable[[Sequence[Waiting]], None],
    ) -> list[tuple[Call, Call] | None]:
        """Take steps, each on the call of that SID, in one transaction."""

        def work(connection: sqlite3.Connection) -> _Changes:
            owed: list[Waiting] = []
            calls = [_change(connection, sid, step, owed) for sid, step in steps]
            return _Changes(calls, owed)

        changes = await self._database.write(work, lambda changes: then(changes.owed))
        return changes.calls

    async def record(self, call_sid: str, event: CallEvent) -> None:
        """Record a request of a call's life."""
        await self._database.write(
            lambda connection: _add_event(connection, call_sid, event)
        )

    async def call(self, sid: str) -> Call | None:
        """Return a call."""
        return await self._database.read(lambda connection: _find(connection, sid))

    async def several(self, sids: Sequence[str]) -> list[Call]:
        """Return the calls of those SIDs that there are, in that order."""

        def work(connection: sqlite3.Connection) -> list[Call]:
            found = (_find(connection, sid) for sid in sids)
            return [call for call in found if call is not None]

        return await self._database.read(work)

    async def find(
        self,
        account_sid: str,
        filters: CallFilters,
        *,
        limit: int,
        offset: int = 0,
        edge: tuple[int, str] | None = None,
        newer: bool = False,
    ) -> list[Call]:
        """Return calls of an account that pass the filters, from `offset` on.

        With `edge`, which is when a call was made and its SID, only those older than
        that one, or the newer ones. Newest first; newer ones oldest first.
        """
        edge_ms, edge_sid = edge or ((0, "") if newer else (_FOREVER_MS, ""))
        parameters = {
            **msgspec.structs.asdict(filters),
            "account_sid": account_sid,
            "edge_ms": edge_ms,
            "edge_sid": edge_sid,
            "offset": offset,
            "limit": limit,
        }
        sql = _SQL["list_newer" if newer else "list"]
        return await self._database.read(
            lambda connection: [
                _call(body) for (body,) in connection.execute(sql, parameters)
            ]
        )

    async def live(self, after: str, limit: int) -> list[Call]:
        """Return calls that are not over, with SIDs above `after`, in their order."""
        return await self._database.read(
            lambda connection: [
                _call(body)
                for (body,) in connection.execute(_SQL["live"], (after, limit))
            ]
        )

    async def overdue(self, now_ms: int, limit: int) -> list[str]:
        """Return the SIDs of calls whose time is up."""
        return await self._database.read(
            lambda connection: [
                sid for (sid,) in connection.execute(_SQL["overdue"], (now_ms, limit))
            ]
        )

    async def events(
        self, call_sid: str, *, offset: int, limit: int
    ) -> list[CallEvent]:
        """Return the requests of a call's life, oldest first."""
        return await self._database.read(
            lambda connection: [
                _call_event(body)
                for (body,) in connection.execute(
                    _SQL["call_events"], (call_sid, limit, offset)
                )
            ]
        )

    async def delete(self, sid: str) -> bool:
        """Remove a call and its call events; False where it is live, or there is none."""

        def work(connection: sqlite3.Connection) -> bool:
            if not connection.execute(_SQL["delete_call"], (sid,)).rowcount:
                return False
            connection.execute(_SQL["delete_call_events"], (sid,))
            return True

        return await self._database.write(work)

    async def register(
        self, call: Call, leg: str | None, event: CallEvent
    ) -> tuple[Call | None, bool]:
        """Keep a call that was made elsewhere, and the request that told of it.

        Where its SID, or the name `leg` that its account has for it, is taken, nothing
        is kept. Returns the call of that SID or name, and whether it is new; no call
        where they are two calls'.
        """

        def work(connection: sqlite3.Connection) -> tuple[Call | None, bool]:
            known = _find(connection, call.sid)
            if leg is not None:
                key = (call.account_sid, leg)
                row = connection.execute(_SQL["leg"], key).fetchone()
                named = _find(connection, row[0]) if row else None
                if known is not None and named != known:
                    return None, False
                known = named
            if known is not None:
                return known, False
            connection.execute(_SQL["add_call"], _row(call))
            if leg is not None:
                row = (call.account_sid, leg, call.sid)
                connection.execute(_SQL["name_leg"], row)
            _add_event(connection, call.sid, event)
            return call, True

        return await self._database.write(work)

    async def sid_of_leg(self, account_sid: str, leg: str) -> str | None:
        """Return the SID of the call for which an account has that name."""

        def work(connection: sqlite3.Connection) -> str | None:
            row = connection.execute(_SQL["leg"], (account_sid, leg)).fetchone()
            return row[0] if row else None

        return await self._database.read(work)

    async def waiting(self, after: int, limit: int) -> list[Waiting]:
        """Return places numbered above `after`, in order, without their callbacks."""
        return await self._database.read(
            lambda connection: [
                Waiting(*row)
                for row in connection.execute(_SQL["waiting"], (after, limit))
            ]
        )

    async def callback(self, number: int) -> Callback | None:
        """Return the callback at a place; None if it is settled."""

        def work(connection: sqlite3.Connection) -> Callback | None:
            row = connection.execute(_SQL["callback"], (number,)).fetchone()
            return _callback(row[0]) if row else None

        return await self._database.read(work)

    def settle(
        self, number: int, call_sid: str, event: CallEvent
    ) -> Callable[[sqlite3.Connection], None]:
        """Return the write that gives up a place and appends its call event."""

        def write(connection: sqlite3.Connection) -> None:
            # Exactly one call event per callback: whoever gives up the place adds it.
            if connection.execute(_SQL["settle_callback"], (number,)).rowcount:
                _add_event(connection, call_sid, event)

        return write


def _change(
    connection: sqlite3.Connection, sid: str, step: Step, owed: list[Waiting]
) -> tuple[Call, Call] | None:
    before = _find(connection, sid)
    if before is None:
        return None
    after, callback, event, legs = step(before)
    if after is not before:
        connection.execute(_SQL["change_call"], _row(after))
    if callback is not None:
        host = targets.target_of(callback.url).origin.authority
        row = (sid, host, _encode(callback))
        number = connection.execute(_SQL["add_callback"], row).lastrowid
        assert number is not None
        owed.append(Waiting(number, sid, host, callback))
    for leg in legs:
        connection.execute(_SQL["add_call"], _row(leg))
    if event is not None:
        _add_event(connection, sid, event)
    return before, after


def _find(connection: sqlite3.Connection, sid: str) -> Call | None:
    row = connection.execute(_SQL["call"], (sid,)).fetchone()
    return _call(row[0]) if row else None


def _row(call: Call) -> dict[str, object]:
    return {
        "sid": call.sid,
        "account_sid": call.account_sid,
        "created_ms": call.created_ms,
        "over": call.over,
        "limit_ms": limit_ms(call),
        "body": _encode(call).decode(),
    }


def _add_event(connection: sqlite3.Connection, call_sid: str, event: CallEvent) -> None:
    parameters = {"call_sid": call_sid, "body": _encode(event)}
    connection.execute(_SQL["add_call_event"], parameters)
