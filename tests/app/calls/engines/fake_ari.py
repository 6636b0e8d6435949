"""An Asterisk as far as ARI shows it: channels, one websocket, what it was asked."""

import asyncio
import json
from typing import Any, NamedTuple

from aiohttp import BasicAuth, WSCloseCode, web
from tests.app.calls.engines.news import News


USER = "trunkline"
PASSWORD = "the-ari-password"


class Asked(NamedTuple):
    """A request, without the `/ari` of its path."""

    method: str
    path: str
    query: dict[str, str]


def channel(channel_id: str, state: str = "Down", **fields: Any) -> dict[str, Any]:
    """A channel as Asterisk shows it."""
    return {
        "id": channel_id,
        "name": "PJSIP/trunk-00000001",
        "state": state,
        "protocol_id": f"sip-{channel_id}",
        "caller": {"name": "", "number": "+15550001111"},
        "connected": {"name": "", "number": ""},
        "dialplan": {"context": "in", "exten": "1001", "priority": 1},
        "creationtime": "2026-09-14T09:30:00.000+0000",
        "language": "en",
        **fields,
    }


class FakeAri:
    """The server. `answers` overrules what a path, with its method, is answered.

    `held` are paths whose answers wait until a test lets them go.
    """

    def __init__(self) -> None:
        self.channels: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, int] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.registered = True
        self.asked: News[Asked] = News()
        self.connections = 0
        self._socket: web.WebSocketResponse | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/ari/events", self._events)
        app.router.add_route("*", "/ari/{path:.*}", self._rest)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self.drop()
        await self._runner.cleanup()

    async def say(self, kind: str, **fields: Any) -> None:
        """Send an event."""
        assert self._socket is not None
        event = {"type": kind, "timestamp": "2026-09-14T09:30:00.000+0000", **fields}
        await self._socket.send_str(json.dumps(event))

    async def say_text(self, text: str) -> None:
        """Send what need not be an event."""
        assert self._socket is not None
        await self._socket.send_str(text)

    async def drop(self) -> None:
        """End the websocket."""
        if self._socket is not None:
            await self._socket.close(code=WSCloseCode.GOING_AWAY)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        self.connections += 1
        refused = self._refusal(request, "GET /events")
        self._note(request, "/events")
        if refused is not None:
            return refused
        socket = self._socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        path = f"/{request.match_info['path']}"
        self._note(request, path)
        if (held := self.held.get(f"{request.method} {path}")) is not None:
            await held.wait()
        refused = self._refusal(request, f"{request.method} {path}")
        if refused is not None:
            return refused
        match [request.method, *path.strip("/").split("/")]:
            case ["GET", "applications", _]:
                return web.json_response({}, status=200 if self.registered else 404)
            case ["GET", "channels"]:
                return web.json_response(list(self.channels.values()))
            case ["POST", "channels"]:
                made = channel(request.query["channelId"])
                self.channels[made["id"]] = made
                return web.json_response(made)
            case ["DELETE", "channels", channel_id]:
                there = self.channels.pop(channel_id, None)
                return web.Response(status=204 if there else 404)
            case _:
                return web.Response(status=204)

    def _note(self, request: web.Request, path: str) -> None:
        self.asked.add(Asked(request.method, path, dict(request.query)))

    def _refusal(self, request: web.Request, asked: str) -> web.Response | None:
        given = BasicAuth.decode(request.headers["Authorization"])
        if (given.login, given.password) != (USER, PASSWORD):
            return web.Response(status=401)
        status = self.answers.get(asked)
        return web.json_response({"message": "No"}, status=status) if status else None
