"""Events of the log: search, and one event with where it stands at each sink."""

from operator import attrgetter
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trunkline.api.operations import Resource, json_answer, operation
from trunkline.api.own import filters, pages
from trunkline.api.own.deliveries import Delivery, explain
from trunkline.api.own.fields import read_query
from trunkline.api.own.pages import List
from trunkline.api.own.services import PREFIX, OwnServices
from trunkline.api.paging import PAGING, list_of
from trunkline.events import catalogue, envelope
from trunkline.events.times import iso_ms
from trunkline.log.filters import Filter
from trunkline.log.records import Entry
from trunkline.streams.directory import NotFound


class LoggedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event: its CloudEvent, in the newest schema version, and its place in the log."""

    specversion: str
    type: str
    source: str
    id: str
    dataschema: str
    datacontenttype: str
    time: str
    data: msgspec.Raw
    account_sid: str
    call_sid: str | None
    position: int
    accepted_at: str
    url: str


class ExplainedEvent(LoggedEvent, frozen=True, kw_only=True):
    """An event, and where it stands at each sink of its account."""

    deliveries: list[Delivery]


FILTERS = (filters.TYPES, filters.CALL_SID, filters.FROM, filters.TO)


def routes(services: OwnServices) -> list[BaseRoute]:
    """Return the routes of Events."""

    def shown(request: Request, entry: Entry) -> LoggedEvent:
        rendered = envelope.render(
            entry.event,
            catalogue.latest_version(entry.event.type),
            services.schema_host,
        )
        event = msgspec.json.decode(rendered, type=dict[str, msgspec.Raw])
        text = {
            name: msgspec.json.decode(value, type=str)
            for name, value in event.items()
            if name != "data"
        }
        # A test event goes out under its account's id; here it goes by its own.
        text["id"] = entry.event.id
        return LoggedEvent(
            **text,
            data=event["data"],
            account_sid=entry.event.account_sid,
            call_sid=entry.event.call_sid or None,
            position=entry.position,
            accepted_at=iso_ms(entry.accepted_ms),
            url=services.url(request, f"Events/{quote(entry.event.id, safe='')}"),
        )

    @operation(
        "Search the events of the log, newest first",
        query=(*FILTERS, *PAGING),
        answers={200: list_of("events", LoggedEvent)},
        errors=(400,),
    )
    async def list_all(request: Request) -> Response:
        account = services.account(request)
        given = filters.given(read_query(request))
        wanted = Filter(
            account_sid=account.sid,
            types=given.types,
            call_ids=await services.call_ids(account.sid, given),
            from_ms=given.from_ms,
            to_ms=given.to_ms,
        )
        search = services.search
        items: List[Entry, int] = List(
            lambda after, offset, limit: search.events(
                wanted, after=after, offset=offset, limit=limit
            ),
            lambda key, distance: search.event_before(
                wanted, key=key, distance=distance
            ),
            attrgetter("position"),
            pages.whole_number,
        )
        found, meta = await services.page(
            request, items, name="events", filters=FILTERS
        )
        return json_answer(
            {"events": [shown(request, entry) for entry in found], "meta": meta}
        )

    @operation(
        "Fetch an event and where it stands at each sink",
        answers={200: ExplainedEvent},
        errors=(404,),
    )
    async def fetch(request: Request) -> Response:
        account = services.account(request)
        standing = await services.search.standing(
            account.sid, request.path_params["id"]
        )
        if standing is None:
            raise NotFound
        entry = standing.entry
        deliveries = explain(
            standing,
            sinks=services.directory.sinks(account.sid),
            versions=dict(
                services.routes.match(account.sid, entry.event.type, entry.position)
            ),
            recent=services.recent,
        )
        event = msgspec.structs.asdict(shown(request, entry))
        return json_answer(ExplainedEvent(**event, deliveries=deliveries))

    return [
        Resource(f"{PREFIX}/Events", {"GET": list_all}),
        # A relayed event's id may have a slash.
        Resource(f"{PREFIX}/Events/{{id:path}}", {"GET": fetch}),
    ]
