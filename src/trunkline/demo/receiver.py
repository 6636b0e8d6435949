"""The demo's receiver: a small HTTP server for the sink and for status callbacks.

Signatures are checked with Twilio's own validator. Pass it the raw body as text: given
a parsed body it checks the URL alone and takes a forged body for good.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send
from twilio.request_validator import RequestValidator

from trunkline.clock import Clock
from trunkline.demo.arrivals import Arrival, Callback, read_callback, read_events


EVENTS = "/events"
CALLBACKS = "/callbacks"


class Receiver:
    """An ASGI application that hands on what it got, before it answers 204.

    `url` is its own address as the server knows it: the signature covers it.
    """

    def __init__(
        self,
        *,
        url: str,
        auth_token: str,
        clock: Clock,
        on_event: Callable[[Arrival], None],
        on_callback: Callable[[Callback], None],
    ) -> None:
        self._url = url
        self._validator = RequestValidator(auth_token)
        self._clock = clock
        self._on_event = on_event
        self._on_callback = on_callback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        received_ms = self._clock.now_ms()
        try:
            body = (await request.body()).decode()
            if request.method == "POST" and request.url.path == EVENTS:
                self._take_events(request, body, received_ms)
            elif request.method == "POST" and request.url.path == CALLBACKS:
                self._take_callback(request, body)
            else:
                return PlainTextResponse("Not found\n", 404)
        except ValueError as error:
            return PlainTextResponse(f"{error}\n", 400)
        return Response(status_code=204)

    def _take_events(self, request: Request, body: str, received_ms: int) -> None:
        # Without the hash in the URL nothing would vouch for the body.
        verified = "bodySHA256" in request.query_params and self._is_signed(
            request, body
        )
        for arrival in read_events(body, received_ms=received_ms, verified=verified):
            self._on_event(arrival)

    def _take_callback(self, request: Request, body: str) -> None:
        fields = dict(parse_qsl(body, keep_blank_values=True))
        verified = self._is_signed(request, fields)
        self._on_callback(read_callback(fields, verified=verified))

    def _is_signed(self, request: Request, body: str | dict[str, str]) -> bool:
        path, query = request.url.path, request.url.query
        url = f"{self._url}{path}?{query}" if query else f"{self._url}{path}"
        signature = request.headers.get("x-twilio-signature", "")
        return bool(self._validator.validate(url, body, signature))


class _Server(uvicorn.Server):
    """uvicorn, with signals left to the demo."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@contextmanager
def free_address() -> Iterator[tuple[socket.socket, str]]:
    """Listen on a free port of this machine; yield the socket and its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def serving(
    app: Callable[..., Any], listener: socket.socket, tasks: asyncio.TaskGroup
) -> AsyncIterator[None]:
    """Serve an application on a socket meanwhile."""
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=120,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = tasks.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait([task])
