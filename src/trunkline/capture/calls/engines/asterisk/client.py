"""ARI's REST and websocket, thin. Requests go to the operator's own Asterisk only.

Its address is a setting, not something that a request can choose, so the guard that
callbacks and webhooks pass (`trunkline.outgoing`) has nothing to judge here.
"""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self
from urllib.parse import quote

import aiohttp

from trunkline.capture.calls.engines.asterisk import events
from trunkline.capture.calls.engines.asterisk.events import Channel
from trunkline.errors import TrunklineError


# Seconds. Asterisk is near, and answers these at once or not at all.
_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
_HEARTBEAT = 15.0

_MAX_MESSAGE = 1 << 20
# A list of 50,000 channels.
_MAX_BODY = 32 << 20

_NOT_FOUND = 404
_ERRORS = range(400, 600)


class AriFailed(TrunklineError):
    """Asterisk did not do as it was asked. `status` is its answer's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class AriLost(TrunklineError):
    """Asterisk was not reached, or said nothing that can be read.

    `sent`: the request may have reached it nevertheless.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class Ari:
    """One Asterisk, and one application in it. A context manager."""

    def __init__(self, *, url: str, user: str, password: str, app: str) -> None:
        self._url = url
        self._app = app
        basic = b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {basic}"}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            timeout=_TIMEOUT,
            connector=aiohttp.TCPConnector(limit=0),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncIterator[str]]:
        """Register the application, for as long as the context is open.

        Yields the messages of its websocket. Raises AriFailed, AriLost; the messages
        end when the connection does.
        """
        try:
            socket = await self._session.ws_connect(
                f"{self._url}/ari/events",
                params={"app": self._app},
                heartbeat=_HEARTBEAT,
                max_msg_size=_MAX_MESSAGE,
            )
        except aiohttp.WSServerHandshakeError as error:
            raise AriFailed(error.status, _refusal(error.status)) from None
        except (aiohttp.ClientError, OSError) as error:
            raise AriLost(_reason(error)) from None
        async with socket:
            yield _messages(socket)

    async def is_registered(self) -> bool:
        """Tell whether Asterisk knows the application."""
        try:
            await self._ask("GET", f"/applications/{quote(self._app, safe='')}")
        except AriFailed as error:
            if error.status == _NOT_FOUND:
                return False
            raise
        return True

    async def channels(self) -> list[Channel]:
        """Return every channel that Asterisk has."""
        body = await self._ask("GET", "/channels")
        try:
            return events.decode_channels(body)
        except events.Unreadable as error:
            raise AriLost(f"channels cannot be read: {error}") from None

    async def dial(
        self,
        channel_id: str,
        *,
        endpoint: str,
        caller_id: str | None,
        ring_seconds: int,
    ) -> None:
        """Dial an endpoint; who answers enters the application."""
        parameters = {
            "endpoint": endpoint,
            "app": self._app,
            "channelId": channel_id,
            "timeout": str(ring_seconds),
        }
        if caller_id is not None:
            parameters["callerId"] = caller_id
        await self._ask("POST", "/channels", parameters)

    async def hang_up(self, channel_id: str) -> None:
        """Hang up a channel; one that is gone is fine."""
        await self._ask_if_there("DELETE", f"/channels/{quote(channel_id, safe='')}")

    async def subscribe(self, channel_id: str) -> None:
        """Hear of a channel's events, wherever in the dialplan it goes."""
        await self._ask(
            "POST",
            f"/applications/{quote(self._app, safe='')}/subscription",
            {"eventSource": f"channel:{channel_id}"},
        )

    async def go_on(self, channel_id: str) -> None:
        """Let a channel go on in the dialplan, after our application."""
        path = f"/channels/{quote(channel_id, safe='')}/continue"
        await self._ask_if_there("POST", path)

    async def bridge(self, bridge_id: str, channel_ids: tuple[str, ...]) -> None:
        """Let channels hear one another."""
        path = f"/bridges/{quote(bridge_id, safe='')}"
        await self._ask("POST", path, {"type": "mixing"})
        await self._ask(
            "POST", f"{path}/addChannel", {"channel": ",".join(channel_ids)}
        )

    async def unbridge(self, bridge_id: str) -> None:
        """Remove a bridge; one that is gone is fine."""
        await self._ask_if_there("DELETE", f"/bridges/{quote(bridge_id, safe='')}")

    async def _ask_if_there(self, method: str, path: str) -> None:
        try:
            await self._ask(method, path)
        except AriFailed as error:
            if error.status != _NOT_FOUND:
                raise

    async def _ask(
        self, method: str, path: str, parameters: dict[str, str] | None = None
    ) -> bytes:
        try:
            async with self._session.request(
                method,
                f"{self._url}/ari{path}",
                params=parameters,
                allow_redirects=False,
            ) as answer:
                body = await _read(answer)
        except aiohttp.ClientConnectorError as error:
            raise AriLost(_reason(error), sent=False) from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AriLost(_reason(error)) from None
        if answer.status in _ERRORS:
            raise AriFailed(answer.status, _refusal(answer.status, body))
        return body


async def _messages(socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[str]:
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            yield message.data


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > _MAX_BODY:
            raise aiohttp.ClientPayloadError("the answer has no end")
    return bytes(body)


def _refusal(status: int, body: bytes = b"") -> str:
    """Return what Asterisk says is wrong, short and in one line."""
    said = " ".join(body[:200].decode(errors="replace").split())
    return f"Asterisk answered {status} {said}".rstrip()


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
