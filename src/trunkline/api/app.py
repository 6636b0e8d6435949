"""The one ASGI application: Voice SDK posts go straight to their gateway, the rest here."""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from trunkline.api import errors, events_v1, own, schemas
from trunkline.api.events_v1.services import Services
from trunkline.errors import Refused
from trunkline.streams.directory import NotFound


_GATEWAY_PREFIXES = ("/v3/", "/v4/", "/voice-sdk/")


def application(
    services: Services,
    *,
    gateway: ASGIApp,
    calls: Sequence[BaseRoute] = (),
    ready: Callable[[], bool] = lambda: True,
    cors_origins: Sequence[str] = (),
) -> ASGIApp:
    """Return the application.

    `gateway` answers the Voice SDKs, `calls` are the routes of the Calls API, `ready`
    tells `/healthz` whether the server is up, `cors_origins` is the setting.
    """
    api = Starlette(
        routes=[
            *events_v1.routes(services),
            *calls,
            *schemas.routes(services.schema_base_url),
            *own.routes(ready),
        ],
        middleware=[*_cors(cors_origins), Middleware(errors.LastResort)],
        exception_handlers={
            Refused: errors.refused,
            NotFound: _not_found,
            HTTPException: errors.http_error,
        },
    )
    # A path is right or wrong; a redirect would turn a client's POST into a GET.
    api.router.redirect_slashes = False

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        # The hot way in is told apart before any framework has cost anything.
        if scope["type"] == "http" and scope["path"].startswith(_GATEWAY_PREFIXES):
            await gateway(scope, receive, send)
        else:
            await api(scope, receive, send)

    return dispatch


async def _not_found(request: Request, _error: Exception) -> Response:
    return await errors.refused(request, errors.not_found(request.scope["path"]))


def _cors(origins: Sequence[str]) -> list[Middleware]:
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
        )
    ]
