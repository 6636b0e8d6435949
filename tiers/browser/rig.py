"""The rest of the world, for a browser: pages, signalling, Twilio's gateway, faults.

One HTTPS server in a thread, whatever host name it is asked for.
"""

import asyncio
import json
import socket
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import jwt
import requests
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route, WebSocketRoute
from tiers.browser.signalling import Media, Phone, Signalling


T = TypeVar("T")

HERE = Path(__file__).parent
SDK = HERE / "node_modules/@twilio/voice-sdk/dist/twilio.js"

PAGE_HOST = "phone.local.test"
TRUNKLINE_HOST = "trunkline.local.test"

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "content-type, x-twilio-token",
    "Access-Control-Max-Age": "7200",
}

# Answers 503 to the first attempts of every delivery (spec voice-sdk 16).
FAILED_ATTEMPTS = 3

_TIMEOUT = 20


class Rig:
    """A context manager. `trunkline` is the real server's address, set by the tests."""

    def __init__(self, certificate: Path, key: Path, authority: Path) -> None:
        self._authority = authority
        self.trunkline = ""
        # By the identity in the token: two phones may post the same at the same time.
        self.twilio_posts: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.attempts: Counter[str] = Counter()
        self.media = Media()
        self.signalling = Signalling(self.media)
        app = Starlette(
            routes=[
                WebSocketRoute("/signal", self.signalling.serve),
                WebSocketRoute("/media-channel", self.media.serve),
                Route("/voice-sdk/sw.js", self._trunkline),
                Route("/v4/{what}", self._gateway, methods=["POST", "OPTIONS"]),
                Route("/worker-{mode}.js", _worker),
                Route("/{path:path}", _file),
            ]
        )
        config = uvicorn.Config(
            app,
            ssl_certfile=certificate,
            ssl_keyfile=key,
            ws="wsproto",
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._loop = asyncio.new_event_loop()
        self._listener = socket.socket(proto=socket.IPPROTO_TCP)
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        serving = self._server.serve([self._listener])
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(serving,)
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the rig's loop, from a test."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_TIMEOUT)

    def phone(self, identity: str) -> Phone:
        """Return the connection of a phone that has registered."""
        return self.signalling.phones[identity]

    async def _gateway(self, request: Request) -> Response:
        """Play Twilio's gateway, or the way to Trunkline on a bad day."""
        if request.url.hostname == TRUNKLINE_HOST:
            return await self._trunkline(request)
        if request.method == "POST":
            token = request.headers["x-twilio-token"]
            claims = jwt.decode(token, options={"verify_signature": False})
            posts = self.twilio_posts[claims["grants"]["identity"]]
            posts.append(json.loads(await request.body()))
        return Response(status_code=200, headers=_CORS)

    async def _trunkline(self, request: Request) -> Response:
        body = await request.body()
        delivery = request.headers.get("x-trunkline-delivery", "")
        if delivery:
            self.attempts[delivery] += 1
        attempt = self.attempts[delivery] if delivery else 0
        fails = 0 < attempt <= FAILED_ATTEMPTS
        # Of every other delivery the first attempt arrives, and its answer is lost.
        arrives = not fails or (attempt == 1 and int(delivery[-1], 16) % 2 == 0)
        if arrives:
            answer = await run_in_threadpool(self._forward, request, body)
            if not fails:
                return answer
        return Response(status_code=503, headers=_CORS)

    def _forward(self, request: Request, body: bytes) -> Response:
        answer = requests.request(
            request.method,
            f"{self.trunkline}{request.url.path}?{request.url.query}",
            headers={
                name: value
                for name, value in request.headers.items()
                if name not in {"host", "connection", "content-length"}
            },
            data=body,
            verify=str(self._authority),
            timeout=_TIMEOUT,
        )
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name.lower() not in {"content-length", "date", "server"}
        }
        return Response(answer.content, answer.status_code, headers)


async def _worker(request: Request) -> Response:
    """A page's own file that takes the worker from Trunkline."""
    url = f"https://{TRUNKLINE_HOST}/voice-sdk/sw.js?mode={request.path_params['mode']}"
    return Response(f'importScripts("{url}");', media_type="text/javascript")


async def _file(request: Request) -> Response:
    match request.path_params["path"]:
        case "":
            return FileResponse(HERE / "pages/phone.html")
        case "media":
            return FileResponse(HERE / "pages/media.html")
        case "twilio.js":
            return FileResponse(SDK)
        case path if path.endswith(".mp3"):
            return Response(_silence(), media_type="audio/wav", headers=_CORS)
        case _:
            return Response(status_code=404, headers=_CORS)


def _silence() -> bytes:
    """A tenth of a second of nothing, for the SDK's sounds."""
    rate = 8000
    data = bytes(rate // 10 * 2)
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    chunk = struct.pack("<4sI", b"data", len(data)) + data
    return (
        struct.pack("<4sI4s", b"RIFF", 4 + len(head) + len(chunk), b"WAVE")
        + head
        + chunk
    )
