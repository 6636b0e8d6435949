"""What sinks need of an HTTP client, and what they keep of its answers."""

from collections.abc import Callable
from typing import Any, Protocol

from trunkline.outgoing.client import Request, Response, SendFailed, Stale
from trunkline.outgoing.urls import Origin


class HttpClient(Protocol):
    """Sends requests."""

    async def send(self, request: Request) -> Response:
        """Return the answer to a request, or raise SendFailed."""
        ...


class Exchange(Protocol):
    """A request under way."""

    def cancel(self) -> None:
        """Give up, and tell nobody."""
        ...


class ReadyClient(HttpClient, Protocol):
    """Sends at once, too, what is composed already."""

    def send_at_once(
        self,
        request: Request,
        origin: Origin,
        wire: bytes,
        hear: Callable[[Response | SendFailed | Stale, Any], None],
        about: object,
    ) -> Exchange | None:
        """Send if a connection rests; else return None.

        `hear` is told how it ends, and what it is `about`, which is the caller's.
        """
        ...


EXCERPT_BYTES = 1024


def excerpt_of(response: Response, *secrets: str | None) -> bytes:
    """Return the first kilobyte of an answer's body.

    Empty if the body repeats a secret of the request, as debugging servers do.
    """
    if any(secret and secret.encode() in response.body for secret in secrets):
        return b""
    return response.body[:EXCERPT_BYTES]
