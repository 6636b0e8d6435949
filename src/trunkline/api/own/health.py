"""Whether the server is up."""

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trunkline.api.operations import Resource, json_answer, operation


class Health(msgspec.Struct, frozen=True):
    """`ready`, or `starting`."""

    status: str


def routes(ready: Callable[[], bool]) -> list[BaseRoute]:
    """Return the route; `ready` tells whether the server takes requests."""

    @operation(
        "Tell whether the server takes requests",
        answers={200: Health, 503: Health},
        public=True,
    )
    async def healthz(_request: Request) -> Response:
        if ready():
            return json_answer(Health("ready"))
        return json_answer(Health("starting"), 503)

    return [Resource("/healthz", {"GET": healthz})]
