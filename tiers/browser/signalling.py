"""Stands in for what Twilio does around a call: signalling, and the far end's media.

As little of the SDK's signalling protocol as real calls need (spec voice-sdk 12.1);
media is a page of its own in the same browser, told what to do over a WebSocket.
"""

import asyncio
import itertools
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from starlette.websockets import WebSocket, WebSocketDisconnect


HEARTBEAT_S = 5.0
ANSWER_AFTER_S = 0.3


class Media:
    """The page that is the far end of every call's media: of each browser, its own.

    Orders go to the one that was opened last.
    """

    def __init__(self) -> None:
        self._sockets: list[WebSocket] = []
        self._orders: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count()

    async def serve(self, socket: WebSocket) -> None:
        """Let the page in, and hear its answers."""
        await socket.accept()
        self._sockets.append(socket)
        try:
            while True:
                answer = json.loads(await socket.receive_text())
                self._orders.pop(answer["id"]).set_result(answer)
        except WebSocketDisconnect:
            self._sockets.remove(socket)

    async def order(self, op: str, call: str, sdp: str = "") -> str:
        """Have the page do something, and return the description it made."""
        assert self._sockets, "no media page is open"
        number = next(self._numbers)
        future = self._orders[number] = asyncio.get_running_loop().create_future()
        order = {"id": number, "op": op, "call": call, "sdp": sdp}
        await self._sockets[-1].send_text(json.dumps(order))
        answer = await asyncio.wait_for(future, 10)
        assert "error" not in answer, answer
        return str(answer.get("sdp", ""))


class Signalling:
    """Every phone's connection, by the identity in its token."""

    def __init__(self, media: Media) -> None:
        self.media = media
        self.phones: dict[str, Phone] = {}

    async def serve(self, socket: WebSocket) -> None:
        """Serve one phone until it goes."""
        await socket.accept()
        phone = Phone(self, socket)
        async with phone.beating():
            try:
                while True:
                    text = await socket.receive_text()
                    if text.strip():
                        message = json.loads(text)
                        await phone.receive(
                            message["type"], message.get("payload") or {}
                        )
            except WebSocketDisconnect:
                pass


class Phone:
    """One SDK. `calls` are the SIDs of its calls, in their order."""

    def __init__(self, signalling: Signalling, socket: WebSocket) -> None:
        self._signalling = signalling
        self._media = signalling.media
        self._socket = socket
        self.calls: list[str] = []

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Send heartbeats meanwhile, without which the SDK hangs up."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(HEARTBEAT_S)
                await self._socket.send_text("\n")

        task = asyncio.ensure_future(beat())
        try:
            yield
        finally:
            task.cancel()

    async def send(self, kind: str, **payload: Any) -> None:
        """Send a message."""
        message = {"type": kind, "version": "1.6", "payload": payload}
        await self._socket.send_text(json.dumps(message))

    async def invite(self) -> str:
        """Call the phone; return the call's SID."""
        sid = self._new_call()
        sdp = await self._media.order("offer", sid)
        parameters = {"CallSid": sid, "From": "+15550002222", "To": "client:phone"}
        await self.send(
            "invite", callsid=sid, sdp=sdp, parameters=parameters, reconnect="again"
        )
        return sid

    async def receive(self, kind: str, payload: dict[str, Any]) -> None:
        """Do what a message asks for."""
        call, sdp = payload.get("callsid", ""), payload.get("sdp", "")
        match kind:
            case "listen":
                await self._connected(payload["token"])
            case "register":
                await self.send("ready")
            case "invite":
                await self._answer(sdp)
            case "answer":
                await self._media.order("accept", call, sdp)
                await self.send("answer", callsid=call, reconnect="again")
            case "hangup" | "reject":
                await self._media.order("close", call)
            case _:
                pass

    async def _connected(self, token: str) -> None:
        claims = jwt.decode(token, options={"verify_signature": False})
        identity = claims["grants"]["identity"]
        self._signalling.phones[identity] = self
        await self.send(
            "connected",
            region="US_EAST_VIRGINIA",
            edge="ashburn",
            gateway="gw-fake-1",
            home="us1",
            token={"identity": identity, "ttl": 3600},
        )

    async def _answer(self, offer: str) -> None:
        sid = self._new_call()
        await self.send("ringing", callsid=sid)
        sdp = await self._media.order("answer", sid, offer)
        await asyncio.sleep(ANSWER_AFTER_S)
        await self.send("answer", callsid=sid, sdp=sdp, reconnect="again")

    def _new_call(self) -> str:
        self.calls.append(f"CA{secrets.token_hex(16)}")
        return self.calls[-1]
