"""Pages of the 2010 API's lists (spec call-progress 9).

SDKs find the list as the one key of an answer that has nothing to do with paging. A
page token is the sort key of the last item before the page: what comes on top of a
list meanwhile shifts nothing.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request

from trunkline.errors import Refused


DEFAULT_SIZE = 50
SIZES = range(1, 1001)

# As far as anyone pages by hand, and far below what a database counts to.
PAGES = range(1_000_000)

_NUMBER = re.compile(r"[0-9]{1,7}")
_PAGING = frozenset({"Page", "PageSize", "PageToken"})

Key = tuple[int, str]


class Page(NamedTuple):
    """Which page is asked for: by its number, or better the key before it."""

    number: int
    size: int
    after: Key | None = None

    @property
    def offset(self) -> int:
        """How many items come before it, after that of the key."""
        return self.number * self.size if self.after is None else 0

    @property
    def wanted(self) -> int:
        """How many items to look for: one more tells whether there is a next page."""
        return self.size + 1


class Neighbours(NamedTuple):
    """The keys that pages begin after: the next one, and the one before this."""

    next: Key | None = None
    previous: Key | None = None


def page_of(request: Request) -> Page:
    """Return the page that a request asks for. Raises Refused 20001."""
    number = _query(request, "Page", 0, PAGES)
    size = _query(request, "PageSize", DEFAULT_SIZE, SIZES)
    token = request.query_params.get("PageToken")
    return Page(number, size, _key(token) if token else None)


def answer(
    request: Request,
    page: Page,
    key: str,
    items: Sequence[object],
    neighbours: Neighbours = Neighbours(),  # noqa: B008 (it never changes)
) -> dict[str, Any]:
    """Return the answer, of up to `page.wanted` items from the page's first on."""
    shown = items[: page.size]
    start = page.number * page.size if shown else 0
    following, before = page.number + 1, page.number - 1
    return {
        "first_page_uri": _uri(request, page.size, 0),
        "next_page_uri": _uri(request, page.size, following, neighbours.next)
        if len(items) > page.size
        else None,
        "previous_page_uri": _uri(request, page.size, before, neighbours.previous)
        if page.number
        else None,
        "uri": _uri(request, page.size, page.number, page.after),
        "page": page.number,
        "page_size": page.size,
        "start": start,
        "end": start + max(len(shown) - 1, 0),
        key: shown,
    }


def _query(request: Request, name: str, default: int, allowed: range) -> int:
    value = request.query_params.get(name)
    if value is None:
        return default
    if not _NUMBER.fullmatch(value) or int(value) not in allowed:
        raise Refused(20001, 400, f"Invalid value for parameter {name}")
    return int(value)


def _uri(request: Request, size: int, number: int, after: Key | None = None) -> str:
    others = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in _PAGING
    ]
    paging: list[tuple[str, object]] = [("PageSize", size), ("Page", number)]
    if after is not None:
        paging.append(("PageToken", _token(after)))
    return f"{request.url.path}?{urlencode([*others, *paging])}"


def _token(key: Key) -> str:
    return urlsafe_b64encode(msgspec.json.encode(key)).decode("ascii").rstrip("=")


def _key(token: str) -> Key:
    try:
        text = urlsafe_b64decode((token + "=" * (-len(token) % 4)).encode("ascii"))
        key: Key = msgspec.json.decode(text, type=Key)
    except ValueError:
        raise Refused(20001, 400, "Invalid value for parameter PageToken") from None
    # A database counts no further than 64 bits.
    if not 0 <= key[0] < 2**62:
        raise Refused(20001, 400, "Invalid value for parameter PageToken")
    return key
