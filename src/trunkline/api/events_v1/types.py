"""Types: list, fetch."""

from operator import attrgetter

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trunkline.api.events_v1 import resources, views
from trunkline.api.events_v1.services import Services
from trunkline.api.forms import parse_form
from trunkline.api.operations import Parameter, Resource, json_answer, operation
from trunkline.api.paging import PAGING, Order, list_of
from trunkline.events.catalogue import EventType
from trunkline.streams.directory import NotFound


_SCHEMA_ID = Parameter(name="SchemaId", about="Only types of this schema.")

_BY_TYPE: Order[EventType] = Order(attrgetter("type"), str)


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of Types."""
    types = services.directory.event_types

    @operation(
        "List event types",
        query=(_SCHEMA_ID, *PAGING),
        answers={200: list_of("types", resources.Type)},
    )
    async def list_all(request: Request) -> Response:
        services.account(request)
        schema_id = parse_form(request.scope["query_string"]).one("SchemaId")
        chosen = [
            row
            for _, row in sorted(types.items())
            if schema_id is None or row.schema_id == schema_id
        ]
        return services.listing(
            request,
            chosen,
            _BY_TYPE,
            views.event_type,
            name="types",
            filters=["SchemaId"],
        )

    @operation("Fetch an event type", answers={200: resources.Type}, errors=(404,))
    async def fetch(request: Request) -> Response:
        services.account(request)
        row = types.get(request.path_params["type"])
        if row is None:
            raise NotFound
        return json_answer(views.event_type(row, services.base(request)))

    return [
        Resource("/v1/Types", {"GET": list_all}),
        Resource("/v1/Types/{type}", {"GET": fetch}),
    ]
