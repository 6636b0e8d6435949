"""Requests, responses, and the ways in which there is none. Pure."""

import re
from collections.abc import Sequence
from enum import Enum, auto
from functools import lru_cache

import msgspec

from trunkline.errors import TrunklineError
from trunkline.outgoing.urls import InvalidUrl, Origin, split


_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_NOT_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

# Whatever decides how a message is framed or who it is for is written here only.
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request, with its limits.

    Times are in seconds, from the start of `send` (from when it is this request's
    turn, where the client is full).

    `url` goes on the wire byte for byte, hence has no user info and no fragment.
    `headers` come after `Host`, `Content-Length` and `Connection`, which are not theirs.
    """

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    #: For the look-up of the name, TCP and TLS, all addresses together.
    connect_timeout: float
    #: Of silence: until the answer's first byte, and between two arrivals.
    read_timeout: float
    #: Until the end of the answer, or of its head where `body_timeout` is given.
    total_timeout: float
    #: How long the answer's body may take. What came until then is the answer.
    body_timeout: float | None = None
    #: How many bytes of the answer's body are kept; after that, the connection is closed.
    body_limit: int = 65_536
    send_sni: bool = True
    keep_alive: bool = True


class Response(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the server answered. Names and values of headers are as received."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    #: The body has more than `body`: it was too long, too slow, or broke off.
    truncated: bool = False

    def header(self, name: str) -> str | None:
        """Return the first header of that (lower-case) name."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None


class Reason(Enum):
    """Why a request has no proper answer."""

    INVALID_REQUEST = auto()  #: it cannot be put on the wire; nothing was sent
    NAME_NOT_RESOLVED = auto()
    ADDRESS_REFUSED = auto()  #: none of the host's addresses may be dialled
    CONNECT_FAILED = auto()
    CONNECT_TIMEOUT = auto()  #: TCP or TLS took longer than `connect_timeout`
    TLS_FAILED = auto()
    CERTIFICATE_HOST = auto()  #: the certificate is another host's
    CERTIFICATE_EXPIRED = auto()  #: or not valid yet
    CERTIFICATE_UNTRUSTED = auto()  #: no path to a root we trust
    NO_ANSWER = auto()  #: silence for `read_timeout`
    TOTAL_TIMEOUT = auto()
    CONNECTION_LOST = auto()  #: closed or reset before the answer was complete
    NOT_HTTP = auto()  #: what came is not an HTTP answer, or has no bounds


class SendFailed(TrunklineError):
    """A request that has no proper answer.

    `connected` tells whether the server may have got it; `response` is what came of
    the answer if its head was complete. `detail` is fit for logs and users.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        connected: bool = False,
        response: Response | None = None,
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.connected = connected
        self.response = response


def compose(request: Request) -> tuple[Origin, bytes]:
    """Return where a request goes and what is written there.

    Raises SendFailed (INVALID_REQUEST) for anything that could be read as more than
    one request, or as another one.
    """
    try:
        origin, target = split(request.url)
        head = _head(request, origin, target)
    except InvalidUrl as error:
        raise SendFailed(Reason.INVALID_REQUEST, f"URL: {error}") from None
    return origin, head + request.body


def _head(request: Request, origin: Origin, target: str) -> bytes:
    if not _is_token(request.method):
        raise SendFailed(Reason.INVALID_REQUEST, "the method is not a word")
    first = f"{request.method} {target} HTTP/1.1\r\n"
    rest = f"Host: {origin.authority}\r\n"
    if request.body or request.method != "GET":
        rest += f"Content-Length: {len(request.body)}\r\n"
    if not request.keep_alive:
        rest += "Connection: close\r\n"
    for name, value in request.headers:
        if not _is_field_name(name):
            raise SendFailed(Reason.INVALID_REQUEST, "a header has an unusable name")
        if not value.isprintable() and _NOT_IN_VALUE.search(value):
            detail = f"header {name} has a control character"
            raise SendFailed(Reason.INVALID_REQUEST, detail)
        rest += f"{name}: {value}\r\n"
    try:
        return first.encode() + (rest + "\r\n").encode("latin-1")
    except UnicodeEncodeError:
        detail = "the URL or a header has characters that HTTP cannot carry"
        raise SendFailed(Reason.INVALID_REQUEST, detail) from None


@lru_cache(maxsize=256)
def _is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


@lru_cache(maxsize=256)
def _is_field_name(text: str) -> bool:
    return _is_token(text) and text.lower() not in _OURS
