"""Replays: past events to a sink again."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trunkline.api.operations import Parameter, Resource, json_answer, operation
from trunkline.api.own import filters
from trunkline.api.own.fields import read_fields, read_query
from trunkline.api.own.pages import List
from trunkline.api.own.services import PREFIX, OwnServices
from trunkline.api.paging import PAGING, list_of
from trunkline.delivery.replays import Replay, Status
from trunkline.errors import Refused
from trunkline.events.catalogue import SinkType
from trunkline.events.ids import canonical, is_sid
from trunkline.events.times import iso_ms, iso_seconds
from trunkline.streams.directory import NotFound
from trunkline.streams.sinks import Sink


class ReplayView(msgspec.Struct, frozen=True, kw_only=True):
    """A replay: what was asked for, and how far it is.

    `delivered`, `waiting` for a retry and `dead` count what became of its events.
    """

    sid: str
    account_sid: str
    sink_sid: str
    status: Status
    reason: str | None
    types: list[str]
    call_sid: str | None
    from_: str | None = msgspec.field(name="from")
    to: str
    delivered: int
    waiting: int
    dead: int
    date_created: str
    date_updated: str
    url: str


FORM = (filters.TO_SINK, filters.TYPES, filters.CALL_SID, filters.FROM, filters.TO)
STATUS = Parameter(name="Status", about="Only replays of that status.", type=Status)
FILTERS = (filters.SINK_SID, STATUS)
CANCEL = Parameter(
    name="Status", about="`cancelled`: cancels the replay.", required=True
)


def routes(services: OwnServices) -> list[BaseRoute]:
    """Return the routes of Replays."""
    replays = ReplayResource(services)
    path = f"{PREFIX}/Replays"
    return [
        Resource(path, {"GET": replays.list_all, "POST": replays.create}),
        Resource(f"{path}/{{sid}}", {"GET": replays.fetch, "POST": replays.update}),
        Resource(f"{path}/{{sid}}/Cancel", {"POST": replays.cancel}),
    ]


class ReplayResource:
    """The operations on replays."""

    def __init__(self, services: OwnServices) -> None:
        self._services = services
        self._replays = services.replays

    @operation(
        "List replays, newest first",
        query=(*FILTERS, *PAGING),
        answers={200: list_of("replays", ReplayView)},
        errors=(400,),
    )
    async def list_all(self, request: Request) -> Response:
        """Answer with one page."""
        account = self._services.account(request)
        query = read_query(request)
        status, sink_sid = query.one("Status") or None, filters.sink_sid(query)
        if status is not None and status not in set(Status):
            raise filters.invalid("Status")
        chosen = [
            replay
            for replay in self._replays.of_account(account.sid)
            if status in {None, replay.status} and sink_sid in {None, replay.sink_sid}
        ]
        found, meta = await self._services.page(
            request, _newest_first(chosen), name="replays", filters=FILTERS
        )
        shown = [self._shown(request, replay) for replay in found]
        return json_answer({"replays": shown, "meta": meta})

    @operation(
        "Have past events sent to a sink again",
        form=FORM,
        answers={201: ReplayView},
        errors=(400, 404, 409),
    )
    async def create(self, request: Request) -> Response:
        """Make a replay."""
        account = self._services.account(request)
        form = await read_fields(request)
        sink = self._services.directory.sink(account.sid, form.required("SinkSid"))
        given = filters.given(form)
        if given.to_ms is not None and given.to_ms <= (given.from_ms or 0):
            raise filters.invalid("To")
        for event_type in given.types:
            if sink.sink_type not in self._sinks_of(event_type):
                raise Refused(
                    20409,
                    409,
                    f"Type {event_type} cannot be sent to a {sink.sink_type} sink",
                )
        ids = await self._services.call_ids(account.sid, given)
        replay = await self._replays.create(
            account.sid,
            sink.sid,
            types=given.types or self._types_of(sink),
            # Events of a call go by its SID as soon as that is known.
            call_sid=next((i for i in ids if is_sid(i, "CA")), given.call_id),
            from_ms=given.from_ms or 0,
            to_ms=given.to_ms,
        )
        return json_answer(self._shown(request, replay), 201)

    @operation("Fetch a replay", answers={200: ReplayView}, errors=(404,))
    async def fetch(self, request: Request) -> Response:
        """Answer with one replay."""
        return json_answer(self._shown(request, self._find(request)))

    @operation(
        "Cancel a replay",
        form=(CANCEL,),
        answers={200: ReplayView},
        errors=(400, 404, 409),
    )
    async def update(self, request: Request) -> Response:
        """Cancel a replay, as clients of Twilio's API would."""
        replay = self._find(request)
        form = await read_fields(request)
        if form.required("Status") not in {Status.CANCELLED, Status.CANCELLING}:
            raise filters.invalid("Status")
        return json_answer(self._shown(request, await self._cancel(replay)))

    @operation("Cancel a replay", answers={200: ReplayView}, errors=(404, 409))
    async def cancel(self, request: Request) -> Response:
        """Cancel a replay."""
        replay = await self._cancel(self._find(request))
        return json_answer(self._shown(request, replay))

    def _types_of(self, sink: Sink) -> list[str]:
        """Return what a sink is subscribed to; if to nothing, all that it can take."""
        directory = self._services.directory
        subscribed = {
            event.type
            for subscription in directory.subscriptions(sink.account_sid)
            if subscription.sink_sid == sink.sid
            for event in subscription.events
        }
        types = directory.event_types.values()
        fitting = {row.type for row in types if sink.sink_type in row.sinks}
        return sorted(subscribed or fitting)

    def _sinks_of(self, event_type: str) -> frozenset[SinkType]:
        row = self._services.directory.event_types.get(event_type)
        return row.sinks if row else frozenset()

    async def _cancel(self, replay: Replay) -> Replay:
        if replay.status in {Status.COMPLETED, Status.FAILED}:
            raise Refused(20409, 409, f"Replay {replay.sid} is {replay.status} already")
        return await self._replays.cancel(replay)

    def _find(self, request: Request) -> Replay:
        account = self._services.account(request)
        sid = canonical(request.path_params["sid"])
        replay = self._replays.find(account.sid, sid)
        if replay is None:
            raise NotFound
        return replay

    def _shown(self, request: Request, replay: Replay) -> ReplayView:
        return ReplayView(
            sid=replay.sid,
            account_sid=replay.account_sid,
            sink_sid=replay.sink_sid,
            status=replay.status,
            reason=replay.reason,
            types=list(replay.types),
            call_sid=replay.call_sid,
            from_=iso_ms(replay.from_ms) if replay.from_ms else None,
            to=iso_ms(replay.to_ms),
            delivered=replay.delivered,
            waiting=replay.waiting,
            dead=replay.dead,
            date_created=iso_seconds(replay.created_ms),
            date_updated=iso_seconds(replay.updated_ms),
            url=self._services.url(request, f"Replays/{replay.sid}"),
        )


def _newest_first(replays: list[Replay]) -> List[Replay, str]:
    """Return the list as pages want it: SIDs rise with time."""
    rows = sorted(replays, key=lambda replay: replay.sid, reverse=True)

    async def find(after: str | None, offset: int, limit: int) -> list[Replay]:
        rest = [row for row in rows if after is None or row.sid < after]
        return rest[offset : offset + limit]

    async def before(key: str, distance: int) -> str | None:
        newer = [row.sid for row in rows if row.sid > key]
        return newer[-distance] if len(newer) >= distance else None

    return List(find, before, lambda replay: replay.sid, str)
