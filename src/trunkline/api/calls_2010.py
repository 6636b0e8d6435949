"""The Calls API: `/2010-04-01/Accounts/{AC}/Calls` (spec call-progress 2, 9, 10)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from trunkline.accounts import Accounts
from trunkline.api import call_filters, call_operations, pages_2010
from trunkline.api.auth import account_of
from trunkline.api.call_resource import call_event_resource, call_resource
from trunkline.api.errors import not_found
from trunkline.api.forms import Form, read_form
from trunkline.api.operations import Resource
from trunkline.api.pages_2010 import Key, Neighbours, Page
from trunkline.api.urls import base_url
from trunkline.capture.calls import targets
from trunkline.capture.calls.answers import Answer
from trunkline.capture.calls.call import Call, CallFilters
from trunkline.capture.calls.call_event import CallEvent
from trunkline.capture.calls.parameters import API_VERSION
from trunkline.capture.calls.switchboard import Switchboard
from trunkline.clock import Clock
from trunkline.errors import Refused
from trunkline.events.ids import canonical


# What a call event shows of a request: every field, URLs without secrets, and of
# fields that are secrets only that they were there.
_URL_FIELD = re.compile(r"Url$|Callback$")
_SECRET_FIELD = re.compile(r"Password|Secret|Token|Auth", re.IGNORECASE)
_SHOWN_FIELD_LENGTH = 4000

_WRONG_STATE = "Call is not in a state in which this can be done"


class Calls(Protocol):
    """Where calls and their events are looked up."""

    async def call(self, sid: str) -> Call | None:
        """Return a call."""
        ...

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
        """Return calls of an account that pass the filters, newest first.

        With `edge`, only those older than it, or the newer ones, oldest first.
        """
        ...

    async def events(
        self, call_sid: str, *, offset: int, limit: int
    ) -> list[CallEvent]:
        """Return the requests of a call's life, oldest first."""
        ...

    async def delete(self, sid: str) -> bool:
        """Remove a call that is over, and its events; False where it is live."""
        ...


def routes(
    *,
    accounts: Accounts,
    switchboard: Switchboard,
    calls: Calls,
    clock: Clock,
    public_url: str | None,
) -> list[BaseRoute]:
    """Return the routes of the Calls API."""
    api = _CallsApi(accounts, switchboard, calls, clock, public_url)
    root = f"/{API_VERSION}/Accounts/{{account_sid}}/Calls"
    return [
        Resource(f"{root}.json", {"GET": api.find, "POST": api.create}),
        Resource(
            f"{root}/{{call_sid}}.json",
            {"GET": api.fetch, "POST": api.update, "DELETE": api.delete},
        ),
        Resource(f"{root}/{{call_sid}}/Events.json", {"GET": api.events}),
    ]


class _CallsApi:
    def __init__(
        self,
        accounts: Accounts,
        switchboard: Switchboard,
        calls: Calls,
        clock: Clock,
        public_url: str | None,
    ) -> None:
        self._accounts = accounts
        self._switchboard = switchboard
        self._calls = calls
        self._clock = clock
        self._public_url = public_url

    @call_operations.CREATE
    async def create(self, request: Request) -> Response:
        account_sid = self._account_sid(request)
        form = await read_form(request)
        started_ms = self._clock.now_ms()
        call = await self._switchboard.create(
            account_sid,
            form,
            lambda call: self._record(request, form, 201, call, started_ms),
        )
        # Dialled once the answer is written: the client knows the SID first.
        dial = BackgroundTask(self._switchboard.dial, call)
        body = _json(call_resource(call))
        return Response(body, 201, media_type="application/json", background=dial)

    @call_operations.FIND
    async def find(self, request: Request) -> Response:
        account_sid = self._account_sid(request)
        page = pages_2010.page_of(request)
        filters = call_filters.filters_of(request.query_params)
        calls = await self._calls.find(
            account_sid,
            filters,
            limit=page.wanted,
            offset=page.offset,
            edge=page.after,
        )
        neighbours = await self._neighbours(account_sid, filters, page, calls)
        items = [call_resource(call) for call in calls]
        answer = pages_2010.answer(request, page, "calls", items, neighbours)
        return JSONResponse(answer)

    async def _neighbours(
        self, account_sid: str, filters: CallFilters, page: Page, calls: Sequence[Call]
    ) -> Neighbours:
        following = _key(calls[page.size - 1]) if len(calls) > page.size else None
        if not page.number or not calls:
            return Neighbours(following)
        newer = await self._calls.find(
            account_sid, filters, limit=page.wanted, edge=_key(calls[0]), newer=True
        )
        previous = _key(newer[page.size]) if len(newer) > page.size else None
        return Neighbours(following, previous)

    @call_operations.FETCH
    async def fetch(self, request: Request) -> Response:
        return JSONResponse(call_resource(await self._call(request)))

    @call_operations.UPDATE
    async def update(self, request: Request) -> Response:
        call = await self._call(request)
        form = await read_form(request)
        started_ms = self._clock.now_ms()
        updated = await self._switchboard.update(
            call.sid,
            form,
            lambda after: self._record(request, form, 200, after, started_ms),
        )
        if updated is None:
            raise not_found(request.url.path)
        return JSONResponse(call_resource(updated))

    @call_operations.DELETE
    async def delete(self, request: Request) -> Response:
        call = await self._call(request)
        if not await self._calls.delete(call.sid):
            raise Refused(21220, 400, _WRONG_STATE)
        return Response(status_code=204)

    @call_operations.EVENTS
    async def events(self, request: Request) -> Response:
        call = await self._call(request)
        page = pages_2010.page_of(request)
        events = await self._calls.events(
            call.sid, offset=page.offset, limit=page.wanted
        )
        items = [call_event_resource(event) for event in events]
        return JSONResponse(pages_2010.answer(request, page, "events", items))

    def _account_sid(self, request: Request) -> str:
        """Return the account of path and credentials, which must be the same."""
        account = account_of(request, self._accounts)
        if canonical(request.path_params["account_sid"]) != canonical(account.sid):
            raise not_found(request.url.path)
        return account.sid

    async def _call(self, request: Request) -> Call:
        account_sid = self._account_sid(request)
        call = await self._calls.call(canonical(request.path_params["call_sid"]))
        if call is None or call.account_sid != account_sid:
            raise not_found(request.url.path)
        return call

    def _record(
        self, request: Request, form: Form, status: int, call: Call, started_ms: int
    ) -> CallEvent:
        """Return the call event of a request to this API."""
        now_ms = self._clock.now_ms()
        return CallEvent(
            method=request.method,
            url=base_url(request, self._public_url) + request.url.path,
            parameters=tuple((name, _shown(name, value)) for name, value in form),
            answer=Answer(
                status=status,
                duration_ms=now_ms - started_ms,
                content_type="application/json",
                body=_json(call_resource(call)),
                completed_ms=now_ms,
            ),
        )


def _shown(name: str, value: str) -> str:
    if _SECRET_FIELD.search(name):
        return "***"
    value = targets.shown(value) if _URL_FIELD.search(name) else value
    return value[:_SHOWN_FIELD_LENGTH]


def _key(call: Call) -> Key:
    return call.created_ms, call.sid


def _json(value: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(value)
