"""Trunkline's own paths."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route


def routes(ready: Callable[[], bool]) -> list[BaseRoute]:
    """Return the routes; `ready` tells whether the server takes requests."""

    async def healthz(_request: Request) -> JSONResponse:
        if ready():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "starting"}, 503)

    return [Route("/healthz", healthz)]
