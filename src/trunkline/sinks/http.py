"""What sinks need of an HTTP client, and what they keep of its answers."""

from typing import Protocol

from trunkline.outgoing.client import Request, Response


class HttpClient(Protocol):
    """Sends requests."""

    async def send(self, request: Request) -> Response:
        """Return the answer to a request, or raise SendFailed."""
        ...


EXCERPT_BYTES = 1024


def excerpt_of(response: Response, *secrets: str | None) -> bytes:
    """Return the first kilobyte of an answer's body.

    Empty if the body repeats a secret of the request, as debugging servers do.
    """
    if any(secret and secret.encode() in response.body for secret in secrets):
        return b""
    return response.body[:EXCERPT_BYTES]
