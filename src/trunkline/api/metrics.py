"""`/metrics`, in the text format of Prometheus."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trunkline.api.operations import Resource, operation


MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def routes(exposition: Callable[[], Awaitable[bytes]]) -> list[BaseRoute]:
    """Return the route. It needs no credentials: it tells numbers, and SIDs of sinks."""

    @operation(
        "Tell all metrics, in the text format of Prometheus",
        answers={200: str},
        public=True,
        media_type="text/plain",
    )
    async def metrics(_request: Request) -> Response:
        return Response(await exposition(), media_type=MEDIA_TYPE)

    return [Resource("/metrics", {"GET": metrics})]
