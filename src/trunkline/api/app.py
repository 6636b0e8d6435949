"""The one ASGI application: Voice SDK posts go straight to their gateway, the rest here."""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from trunkline.api import errors, events_v1, openapi, own, schemas, voice_sdk
from trunkline.api.events_v1.services import Services
from trunkline.streams.directory import NotFound


_GATEWAY_PREFIXES = ("/v3/", "/v4/", "/voice-sdk/")


class Application:
    """The gateway and the API, as one ASGI application."""

    def __init__(self, gateway: ASGIApp, api: Starlette) -> None:
        self.gateway = gateway
        self._api = api

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """All routes but the gateway's."""
        return self._api.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the gateway or the API."""
        # The hot way in is told apart before any framework has cost anything.
        if scope["type"] == "http" and scope["path"].startswith(_GATEWAY_PREFIXES):
            await self.gateway(scope, receive, send)
        else:
            await self._api(scope, receive, send)


def application(
    services: Services,
    *,
    gateway: ASGIApp,
    calls: Sequence[BaseRoute] = (),
    accounts: Sequence[BaseRoute] = (),
    own_api: Sequence[BaseRoute] = (),
    call_timeline: Sequence[BaseRoute] = (),
    ready: Callable[[], bool] = lambda: True,
    cors_origins: Sequence[str] = (),
) -> Application:
    """Return the application.

    `gateway` answers the Voice SDKs; `calls`, `accounts`, `call_timeline` and `own_api`
    are the routes of the Calls API, of accounts and keys, of calls' timelines, and of
    the rest of our own API; `ready`
    tells `/healthz` whether the server is up; `cors_origins` is the setting.
    """
    routes = [
        *events_v1.routes(services),
        *calls,
        *call_timeline,
        *accounts,
        *own_api,
        *schemas.routes(services.schema_base_url),
        *own.routes(ready),
    ]
    api = Starlette(
        routes=[*routes, openapi.route(routes, voice_sdk.OPERATIONS)],
        middleware=[*_cors(cors_origins), Middleware(errors.LastResort)],
        exception_handlers={**errors.HANDLERS, NotFound: _not_found},
    )
    # A path is right or wrong; a redirect would turn a client's POST into a GET.
    api.router.redirect_slashes = False

    return Application(gateway, api)


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
