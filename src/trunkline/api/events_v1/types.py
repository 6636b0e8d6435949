"""Types: list, fetch."""

from operator import attrgetter

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from trunkline.api.events_v1 import views
from trunkline.api.events_v1.services import Services, resource
from trunkline.api.forms import parse_form
from trunkline.api.paging import Order
from trunkline.events.catalogue import EventType
from trunkline.streams.directory import NotFound


_BY_TYPE: Order[EventType] = Order(attrgetter("type"), str)


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of Types."""
    types = services.directory.event_types

    async def list_all(request: Request) -> JSONResponse:
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

    async def fetch(request: Request) -> JSONResponse:
        services.account(request)
        row = types.get(request.path_params["type"])
        if row is None:
            raise NotFound
        return JSONResponse(views.event_type(row, services.base(request)))

    return [
        resource("/v1/Types", {"GET": list_all}),
        resource("/v1/Types/{type}", {"GET": fetch}),
    ]
