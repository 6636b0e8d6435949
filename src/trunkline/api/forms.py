"""Form bodies: the only kind of body that the API reads (spec event-streams 2.1)."""

import asyncio
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_plus

from starlette.requests import Request

from trunkline.errors import Refused


# Far above any request of the API (TwiML, the largest field, has 4,000 characters);
# small enough that a thousand such requests at once fit in memory.
MAX_BODY_BYTES = 256 * 1024

# A form of that size takes a slow phone a few seconds.
BODY_TIMEOUT_S = 30

# A subscription to all types has twelve.
MAX_FIELDS = 1000

_FORM = "application/x-www-form-urlencoded"


class Form:
    """The fields of a form, in the order in which they were sent."""

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in fields:
            self._values.setdefault(name, []).append(value)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Give every field with each of its values, names as they first came."""
        return ((name, value) for name, all_ in self._values.items() for value in all_)

    def one(self, name: str) -> str | None:
        """Return the first value of a field, None where it was not sent."""
        values = self._values.get(name)
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        """Return every value of a field, in order."""
        return list(self._values.get(name, ()))

    def required(self, name: str) -> str:
        """Return the first value of a field. Raises Refused 20001 where it was not sent."""
        value = self.one(name)
        if value is None:
            raise Refused(20001, 400, f"Missing required parameter {name}")
        return value


async def read_form(request: Request) -> Form:
    """Return the form that a request carries; empty where its body is anything else.

    Raises Refused: 20413 (413) and 20408 (408) for a body that is too large or too
    slow, 20001 (400) for too many fields and for text that is not UTF-8.
    """
    kind = request.headers.get("content-type", "").partition(";")[0]
    if kind.strip().lower() != _FORM:
        return Form()
    return parse_form(await read_body(request))


def parse_form(body: bytes) -> Form:
    """Return the fields of an encoded form or query. Raises Refused 20001."""
    pairs = [pair for pair in body.split(b"&") if pair]
    if len(pairs) > MAX_FIELDS:
        raise Refused(20001, 400, f"Too many parameters: at most {MAX_FIELDS}")
    return Form(_decode(pair) for pair in pairs)


def _decode(pair: bytes) -> tuple[str, str]:
    name, _, value = pair.partition(b"=")
    shown = "name"
    try:
        shown = _text(name)
        return shown, _text(value)
    except UnicodeDecodeError:
        raise Refused(
            20001, 400, f"Invalid value for parameter {shown[:100]}"
        ) from None


def _text(encoded: bytes) -> str:
    return unquote_plus(encoded.decode("utf-8"), errors="strict")


async def read_body(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """Return a request's body, of at most `limit` bytes.

    Raises Refused: 20413 (413) where it is over the limit, 20408 (408) where it has
    not come within `BODY_TIMEOUT_S`, 20503 (503) where the server stops meanwhile.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise Refused(
                        20413,
                        413,
                        f"Request body is larger than {limit} bytes",
                    )
    except TimeoutError:
        raise Refused(20408, 408, "Request body did not come in time") from None
    except asyncio.CancelledError:
        # The server stops, and has waited for the rest long enough.
        raise Refused(20503, 503, "The server is stopping") from None
    return bytes(body)
