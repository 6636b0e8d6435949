"""Schemas: fetch, and their versions: list, fetch."""

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trunkline.api.events_v1 import resources, views
from trunkline.api.events_v1.services import Services
from trunkline.api.operations import Resource, json_answer, operation
from trunkline.api.paging import PAGING, Order, list_of
from trunkline.errors import Refused
from trunkline.events.schemas import SCHEMAS
from trunkline.streams.directory import NotFound


_BY_NUMBER: Order[int] = Order(int, int)

_INTEGER = re.compile(r"-?\d+", re.ASCII)


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of Schemas."""

    def schema_id(request: Request) -> str:
        services.account(request)
        found: str = request.path_params["id"]
        if found not in SCHEMAS:
            raise NotFound
        return found

    @operation("Fetch a schema", answers={200: resources.Schema}, errors=(404,))
    async def fetch(request: Request) -> Response:
        return json_answer(views.schema(schema_id(request), services.base(request)))

    @operation(
        "List the versions of a schema",
        query=PAGING,
        answers={200: list_of("schema_versions", resources.SchemaVersion)},
        errors=(404,),
    )
    async def list_versions(request: Request) -> Response:
        found = schema_id(request)
        return services.listing(
            request,
            SCHEMAS[found],
            _BY_NUMBER,
            lambda version, base: views.schema_version(
                found, version, base, services.schema_base_url
            ),
            name="schema_versions",
        )

    @operation(
        "Fetch a version of a schema",
        answers={200: resources.SchemaVersion},
        errors=(400, 404),
    )
    async def fetch_version(request: Request) -> Response:
        found = schema_id(request)
        number = request.path_params["version"]
        if not _INTEGER.fullmatch(number):
            raise Refused(91201, 400, "Bad request")
        version = {str(version): version for version in SCHEMAS[found]}.get(number)
        if version is None:
            raise NotFound
        return json_answer(
            views.schema_version(
                found, version, services.base(request), services.schema_base_url
            )
        )

    return [
        Resource("/v1/Schemas/{id}", {"GET": fetch}),
        Resource("/v1/Schemas/{id}/Versions", {"GET": list_versions}),
        Resource("/v1/Schemas/{id}/Versions/{version}", {"GET": fetch_version}),
    ]
