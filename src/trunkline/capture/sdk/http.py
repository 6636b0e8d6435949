"""As much HTTP as the gateway needs, on bare ASGI: bodies in, short answers out."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple

import msgspec

from trunkline.errors import Refused


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
HeaderList = list[tuple[bytes, bytes]]

# A post is a few kilobytes: slower than this is a broken or a hostile client.
BODY_TIMEOUT_S = 15.0

# Python does not read numbers of any length; no body is that long.
_LENGTH_DIGITS = 18

_NO_CONTENT = (b"content-length", b"0")


class ClientGone(Exception):
    """The client went away before its request was complete."""


def peer_of(scope: Scope) -> str:
    """Return the address of the socket, empty where it has none."""
    peer = scope.get("client")
    return peer[0] if peer else ""


async def read_body(
    receive: Receive, headers: Mapping[bytes, bytes], limit: int
) -> bytes:
    """Return the body of a request, of at most `limit` bytes.

    Raises Refused 413 as soon as it is known to be larger, 408 where it takes too
    long, 503 where the server stops meanwhile, and ClientGone.
    """
    length = headers.get(b"content-length")
    if (
        length is not None
        and length.isdigit()
        and (len(length) > _LENGTH_DIGITS or int(length) > limit)
    ):
        raise too_large()
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise too_large()
        return body
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await _read_on(message, receive, limit)
    except TimeoutError:
        raise Refused(20408, 408, "Request Timeout") from None
    except asyncio.CancelledError:
        # The server stops, and has waited for the rest long enough.
        raise Refused(20503, 503, "Service unavailable") from None


async def _read_on(
    message: MutableMapping[str, Any], receive: Receive, limit: int
) -> bytes:
    body = bytearray()
    while True:
        if message["type"] != "http.request":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > limit:
            raise too_large()
        if not message.get("more_body", False):
            return bytes(body)
        message = await receive()


def too_large() -> Refused:
    """Return the error for a body over its limit."""
    return Refused(20413, 413, "Request Entity Too Large")


class Answer(NamedTuple):
    """A whole answer: `headers` are all but `Date` and what a connection adds."""

    status: int
    headers: HeaderList
    body: bytes = b""


def answer_of(status: int, headers: HeaderList, body: bytes = b"") -> Answer:
    """Return an answer, with its length among the headers."""
    length = (b"content-length", b"%d" % len(body)) if body else _NO_CONTENT
    # No Content has no length either.
    return Answer(status, headers if status == 204 else [length, *headers], body)  # noqa: PLR2004


async def answer(
    send: Send, status: int, headers: HeaderList, body: bytes = b""
) -> None:
    """Send a whole answer, its length added."""
    await send_whole(send, answer_of(status, headers, body))


async def send_whole(send: Send, answer: Answer) -> None:
    """Send a whole answer."""
    status, head, body = answer
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


def error_body(error: Refused) -> bytes:
    """Return an error as SDKs are used to get it (spec voice-sdk 2.4)."""
    return msgspec.json.encode({"code": error.code, "message": error.message})
