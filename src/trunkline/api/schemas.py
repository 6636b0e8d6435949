"""The schema host: JSON Schema documents (spec event-streams 10). No credentials.

They are at `/schemas/{id}/{version}`, and at `/{id}/{version}` for clients whose
schema host has been pointed here.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from trunkline.api.errors import not_found
from trunkline.api.operations import operation
from trunkline.events import catalogue
from trunkline.events.envelope import SCHEMA_HOST
from trunkline.events.schemas import SCHEMAS, document


def routes(schema_base_url: str | None) -> list[BaseRoute]:
    """Return the routes of the documents; the setting is their host in `$id`."""
    host = schema_base_url or SCHEMA_HOST

    @operation(
        "Fetch a JSON Schema document",
        answers={200: dict[str, object]},
        errors=(404,),
        public=True,
    )
    async def fetch(request: Request) -> Response:
        path = request.scope["path"]
        schema_id, version = path.split("/")[-2:]
        found = document(schema_id, version, host)
        if found is None:
            raise not_found(path)
        return Response(found, media_type="application/json")

    # By name: a pattern of two parts would swallow other paths' 404 and 405.
    own = [
        Route(f"/{schema_id}/{{version}}", fetch)
        for schema_id in (*SCHEMAS, catalogue.TEST_SINK)
    ]
    return [Route("/schemas/{id}/{version}", fetch), *own]
