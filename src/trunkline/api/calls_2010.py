"""The Calls API: `/2010-04-01/Accounts/{AC}/Calls` (spec call-progress 2, 9, 10)."""

import json
from typing import Any, Protocol

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trunkline.accounts import Accounts
from trunkline.api import call_filters, pages_2010
from trunkline.api.auth import account_of
from trunkline.api.call_resource import call_event_resource, call_resource
from trunkline.api.errors import not_found
from trunkline.api.forms import Form, read_form
from trunkline.api.urls import base_url
from trunkline.capture.calls import targets
from trunkline.capture.calls.answers import Answer
from trunkline.capture.calls.call import Call, CallFilters
from trunkline.capture.calls.call_event import CallEvent
from trunkline.capture.calls.parameters import API_VERSION
from trunkline.capture.calls.progress import EndedBy, State
from trunkline.capture.calls.switchboard import Switchboard
from trunkline.clock import Clock
from trunkline.errors import Refused
from trunkline.events.ids import canonical


# What a call event shows of a request to this API.
_SHOWN_FIELDS = (
    "To",
    "From",
    "Url",
    "Method",
    "Twiml",
    "ApplicationSid",
    "Timeout",
    "Status",
    "StatusCallback",
    "StatusCallbackEvent",
    "StatusCallbackMethod",
)
_URL_FIELDS = frozenset({"Url", "StatusCallback"})

_WRONG_STATE = "Call is not in a state in which this can be done"
_LEAVABLE = {
    "canceled": frozenset({State.QUEUED, State.INITIATED, State.RINGING}),
    "completed": frozenset(
        {State.QUEUED, State.INITIATED, State.RINGING, State.IN_PROGRESS}
    ),
}


class Calls(Protocol):
    """Where calls and their events are looked up."""

    async def call(self, sid: str) -> Call | None:
        """Return a call."""
        ...

    async def find(
        self, account_sid: str, filters: CallFilters, *, offset: int, limit: int
    ) -> list[Call]:
        """Return calls of an account that pass the filters, newest first."""
        ...

    async def events(
        self, call_sid: str, *, offset: int, limit: int
    ) -> list[CallEvent]:
        """Return the requests of a call's life, oldest first."""
        ...

    async def record(self, call_sid: str, event: CallEvent) -> None:
        """Record a request of a call's life."""
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
) -> list[Route]:
    """Return the routes of the Calls API."""
    api = _CallsApi(accounts, switchboard, calls, clock, public_url)
    root = f"/{API_VERSION}/Accounts/{{account_sid}}/Calls"
    return [
        Route(f"{root}.json", api.create, methods=["POST"]),
        Route(f"{root}.json", api.find, methods=["GET"]),
        Route(f"{root}/{{call_sid}}.json", api.fetch, methods=["GET"]),
        Route(f"{root}/{{call_sid}}.json", api.update, methods=["POST"]),
        Route(f"{root}/{{call_sid}}.json", api.delete, methods=["DELETE"]),
        Route(f"{root}/{{call_sid}}/Events.json", api.events, methods=["GET"]),
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
        return JSONResponse(call_resource(call), 201, background=dial)

    async def find(self, request: Request) -> Response:
        account_sid = self._account_sid(request)
        page = pages_2010.page_of(request)
        filters = call_filters.filters_of(request.query_params)
        calls = await self._calls.find(
            account_sid, filters, offset=page.offset, limit=page.wanted
        )
        items = [call_resource(call) for call in calls]
        return JSONResponse(pages_2010.answer(request, page, "calls", items))

    async def fetch(self, request: Request) -> Response:
        return JSONResponse(call_resource(await self._call(request)))

    async def update(self, request: Request) -> Response:
        call = await self._call(request)
        form = await read_form(request)
        started_ms = self._clock.now_ms()
        updated = await self._updated(request, call, form)
        event = self._record(request, form, 200, updated, started_ms)
        await self._calls.record(updated.sid, event)
        return JSONResponse(call_resource(updated))

    async def delete(self, request: Request) -> Response:
        call = await self._call(request)
        if not await self._calls.delete(call.sid):
            raise Refused(21220, 400, _WRONG_STATE)
        return Response(status_code=204)

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

    async def _updated(self, request: Request, call: Call, form: Form) -> Call:
        """Do what an update asks for, and return the call after it."""
        status = form.one("Status") or None
        url = form.one("StatusCallback") or None
        method = form.one("StatusCallbackMethod") or None
        _refuse_new_twiml(call, form)
        if status is not None and status not in _LEAVABLE:
            raise Refused(21200, 400, "Status must be canceled or completed")
        if method not in {None, "GET", "POST"}:
            raise Refused(21200, 400, "StatusCallbackMethod must be GET or POST")
        if status is not None and call.state not in _LEAVABLE[status]:
            raise Refused(21220, 400, _WRONG_STATE)
        updated: Call | None = call
        if url is not None or method is not None:
            updated = await self._switchboard.set_callback(call.sid, url, method)
        if status is not None:
            updated = await self._switchboard.end(call.sid, EndedBy.API)
        if updated is None:
            raise not_found(request.url.path)
        return updated

    def _record(
        self, request: Request, form: Form, status: int, call: Call, started_ms: int
    ) -> CallEvent:
        """Return the call event of a request to this API."""
        now_ms = self._clock.now_ms()
        return CallEvent(
            method=request.method,
            url=base_url(request, self._public_url) + request.url.path,
            parameters=tuple(
                (name, targets.shown(value) if name in _URL_FIELDS else value)
                for name in _SHOWN_FIELDS
                for value in form.all(name)
            ),
            answer=Answer(
                status=status,
                duration_ms=now_ms - started_ms,
                content_type="application/json",
                body=_json(call_resource(call)),
                completed_ms=now_ms,
            ),
        )


def _refuse_new_twiml(call: Call, form: Form) -> None:
    """Refuse new instructions: calls do not run TwiML yet."""
    given = [name for name in ("Url", "Twiml") if form.one(name)]
    if given and call.state is not State.IN_PROGRESS:
        raise Refused(21220, 400, _WRONG_STATE)
    if given:
        message = f"A call cannot be given new instructions yet ({', '.join(given)})"
        raise Refused(21200, 400, message)


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
