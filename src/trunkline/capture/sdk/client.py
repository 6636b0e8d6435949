"""Who posts, by the head of a request."""

from trunkline.capture.sdk.device import MAX_CHARACTERS
from trunkline.capture.sdk.http import Answer, HeaderList
from trunkline.capture.sdk.mapping import Sender
from trunkline.capture.sdk.token import Good


HintHeaders = tuple[bytes, bytes, bytes, bytes]
"""The headers that `Hints` are made of."""


class Client:
    """Who posts, by the head of a request: the same for all posts with that head.

    `cors` are headers of every answer, `taken` is the answer to a post that is kept.
    `sender` holds while `good` does; `good` is None where each post is to be checked.
    """

    __slots__ = ("address", "cors", "good", "hints", "sender", "taken", "token")

    sender: Sender

    def __init__(
        self,
        *,
        token: bytes,
        address: str,
        hints: HintHeaders,
        cors: HeaderList,
        taken: Answer,
    ) -> None:
        self.token = token
        self.address = address
        self.hints = hints
        self.cors = cors
        self.taken = taken
        self.good: Good | None = None


def hint_headers(headers: dict[bytes, bytes]) -> HintHeaders:
    """Return the headers that `Hints` are made of."""
    get = headers.get
    return (
        get(b"user-agent", b"")[:MAX_CHARACTERS],
        get(b"sec-ch-ua", b"")[:MAX_CHARACTERS],
        get(b"sec-ch-ua-mobile", b"")[:MAX_CHARACTERS],
        get(b"sec-ch-ua-platform", b"")[:MAX_CHARACTERS],
    )
