"""Who posts, by the head of a request."""

from trunkline.capture.sdk.device import MAX_CHARACTERS
from trunkline.capture.sdk.http import HeaderList
from trunkline.capture.sdk.mapping import Sender
from trunkline.capture.sdk.ports import Done
from trunkline.capture.sdk.token import Good


HintHeaders = tuple[bytes, bytes, bytes, bytes]
"""The headers that `Hints` are made of."""


class Client:
    """Who posts, by the head of a request: the same for all posts with that head.

    `cors` are headers of every answer. `done` hears of the end of each post that is
    taken at once. `sender` holds while `good` does; `good` is None where each post is to
    be checked.
    """

    __slots__ = ("address", "cors", "done", "good", "hints", "sender", "token")

    done: Done
    sender: Sender

    def __init__(
        self,
        *,
        token: bytes,
        address: str,
        hints: HintHeaders,
        cors: HeaderList,
    ) -> None:
        self.token = token
        self.address = address
        self.hints = hints
        self.cors = cors
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
