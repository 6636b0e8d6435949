"""Calls made elsewhere: told of and reported over HTTP (spec call-progress 12.1).

`POST /trunkline/v1/Calls` tells of a call, `POST /trunkline/v1/Calls/{sid}/Progress`
of what has become of it. Both may be repeated: what is known already changes nothing.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Protocol

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from trunkline.accounts import Accounts
from trunkline.api.auth import account_of
from trunkline.api.call_operations import CallBody
from trunkline.api.call_resource import call_resource
from trunkline.api.errors import not_found
from trunkline.api.operations import Parameter, Resource, operation
from trunkline.api.own.fields import read_fields
from trunkline.api.urls import base_url
from trunkline.capture.calls import registration, targets
from trunkline.capture.calls.call import Call
from trunkline.capture.calls.call_event import CallEvent
from trunkline.capture.calls.progress import Report
from trunkline.clock import Clock
from trunkline.errors import Refused
from trunkline.events.ids import Ids, canonical, is_sid
from trunkline.settings import Network


PATH = "/trunkline/v1/Calls"

_ABOUT = {
    "CallSid": "SID of the call, if it has one; else it gets one.",
    "Leg": "What you call it; works in the path of Progress in place of the SID.",
    "Direction": "inbound (default), outbound-api or outbound-dial.",
    "From": "Number or address that calls.",
    "To": "Number or address that is called.",
    "ParentCallSid": "The call whose leg it is.",
    "StatusCallback": "Where progress is reported.",
    "StatusCallbackMethod": "GET or POST.",
    "StatusCallbackEvent": "Repeated: initiated, ringing, answered, completed.",
    "Timeout": "Seconds after which we end it unanswered; else you do.",
    "State": "initiated, ringing, answered or ended.",
    "At": "When, as ISO 8601; by default now.",
    "SipCode": "Final SIP status.",
    "SipCallId": "SIP Call-ID.",
    "Q850": "Q.850 cause.",
    "Cause": "Your engine's own word for the end.",
    "EndedBy": "caller, callee, api, timer or engine.",
    "AnsweredBy": "What answering-machine detection found.",
    "RecordingUrl": "Where the recording is.",
}
_TYPES: dict[str, Any] = {
    "StatusCallbackEvent": list[str],
    "Timeout": Annotated[int, Meta(ge=1, le=600)],
    "SipCode": Annotated[int, Meta(ge=100, le=699)],
    "Q850": Annotated[int, Meta(ge=0, le=127)],
}
_REQUIRED = frozenset({"From", "To", "State"})


class Calls(Protocol):
    """Where calls are kept."""

    async def register(
        self, call: Call, leg: str | None, event: CallEvent
    ) -> tuple[Call | None, bool]:
        """Keep a call, unless it is known; return the one that is, and if it is new."""
        ...

    async def call(self, sid: str) -> Call | None:
        """Return a call."""
        ...

    async def sid_of_leg(self, account_sid: str, leg: str) -> str | None:
        """Return the SID of the call for which an account has that name."""
        ...


class Board(Protocol):
    """Who works off reports."""

    async def report(self, reports: Sequence[Report]) -> list[Call | None]:
        """Work off reports; return their calls."""
        ...


def routes(
    *,
    accounts: Accounts,
    board: Board,
    calls: Calls,
    clock: Clock,
    ids: Ids,
    networks: Sequence[Network],
    public_url: str | None,
) -> list[BaseRoute]:
    """Return the routes; `networks` are those, beyond public ones, for callbacks."""
    api = _CallReports(
        accounts=accounts,
        board=board,
        calls=calls,
        clock=clock,
        ids=ids,
        networks=networks,
        public_url=public_url,
    )
    return [
        Resource(PATH, {"POST": api.register}),
        # A leg's name may have a slash: Call-IDs of SIP do.
        Resource(f"{PATH}/{{sid:path}}/Progress", {"POST": api.progress}),
    ]


def _parameters(names: Sequence[str]) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(
            name=name,
            about=_ABOUT.get(name, "As in callbacks."),
            type=_TYPES.get(name, str),
            required=name in _REQUIRED,
        )
        for name in names
    )


class _CallReports:
    def __init__(
        self,
        *,
        accounts: Accounts,
        board: Board,
        calls: Calls,
        clock: Clock,
        ids: Ids,
        networks: Sequence[Network],
        public_url: str | None,
    ) -> None:
        self._accounts = accounts
        self._board = board
        self._calls = calls
        self._clock = clock
        self._ids = ids
        self._networks = networks
        self._public_url = public_url

    @operation(
        "Tell of a call that is made elsewhere",
        form=_parameters(registration.CALL_FIELDS),
        answers={200: CallBody, 201: CallBody},
    )
    async def register(self, request: Request) -> Response:
        """Answer 201 with the new call, 200 with one that is known already."""
        account_sid = account_of(request, self._accounts).sid
        fields = await read_fields(request)
        call, leg = registration.registered(
            fields,
            new_sid=self._ids.sid("CA"),
            account_sid=account_sid,
            now_ms=self._clock.now_ms(),
            networks=self._networks,
        )
        event = CallEvent(
            method="POST",
            url=base_url(request, self._public_url) + PATH,
            parameters=tuple(
                (name, targets.shown(value) if "://" in value else value)
                for name, value in fields
            ),
        )
        known, new = await self._calls.register(call, leg, event)
        if known is None or known.account_sid != account_sid:
            name = "CallSid" if known is not None or leg is None else "Leg"
            message = f"Invalid value for parameter {name}: it is another call's"
            raise Refused(20001, 400, message)
        return JSONResponse(call_resource(known), 201 if new else 200)

    @operation(
        "Report what has become of a call that is made elsewhere",
        form=_parameters(registration.REPORT_FIELDS),
        answers={200: CallBody},
        errors=(404,),
    )
    async def progress(self, request: Request) -> Response:
        """Answer with the call as it is after the report."""
        call = await self._call(request)
        report = registration.reported(await read_fields(request), call.sid)
        (after,) = await self._board.report([report])
        if after is None:
            raise not_found(request.url.path)
        return JSONResponse(call_resource(after))

    async def _call(self, request: Request) -> Call:
        account_sid = account_of(request, self._accounts).sid
        name = request.path_params["sid"]
        sid = await self._calls.sid_of_leg(account_sid, name)
        if sid is None and is_sid(name, "CA"):
            sid = canonical(name)
        call = None if sid is None else await self._calls.call(sid)
        if call is None or call.account_sid != account_sid:
            raise not_found(request.url.path)
        return call
