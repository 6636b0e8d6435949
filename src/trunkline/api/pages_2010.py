"""Pages of the 2010 API's lists (spec call-progress 9).

SDKs find the list as the one key of an answer that has nothing to do with paging.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request

from trunkline.errors import Refused


DEFAULT_SIZE = 50
SIZES = range(1, 1001)

# As far as anyone pages by hand, and far below what a database counts to.
PAGES = range(1_000_000)

_NUMBER = re.compile(r"[0-9]{1,7}")
_PAGING = frozenset({"Page", "PageSize", "PageToken"})


class Page(NamedTuple):
    """Which page is asked for."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many items come before it."""
        return self.number * self.size

    @property
    def wanted(self) -> int:
        """How many items to look for: one more tells whether there is a next page."""
        return self.size + 1


def page_of(request: Request) -> Page:
    """Return the page that a request asks for. Raises Refused 20001."""
    return Page(_query(request, "Page", 0, PAGES), _size(request))


def answer(
    request: Request, page: Page, key: str, items: Sequence[object]
) -> dict[str, Any]:
    """Return the answer, of up to `page.wanted` items from `page.offset` on."""
    shown = items[: page.size]
    start = page.offset if shown else 0
    return {
        "first_page_uri": _uri(request, page.size, 0),
        "next_page_uri": _uri(request, page.size, page.number + 1)
        if len(items) > page.size
        else None,
        "previous_page_uri": _uri(request, page.size, page.number - 1)
        if page.number
        else None,
        "uri": _uri(request, page.size, page.number),
        "page": page.number,
        "page_size": page.size,
        "start": start,
        "end": start + max(len(shown) - 1, 0),
        key: shown,
    }


def _size(request: Request) -> int:
    return _query(request, "PageSize", DEFAULT_SIZE, SIZES)


def _query(request: Request, name: str, default: int, allowed: range) -> int:
    value = request.query_params.get(name)
    if value is None:
        return default
    if not _NUMBER.fullmatch(value) or int(value) not in allowed:
        raise Refused(20001, 400, f"Invalid value for parameter {name}")
    return int(value)


def _uri(request: Request, size: int, number: int) -> str:
    others = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in _PAGING
    ]
    query = urlencode([*others, ("PageSize", size), ("Page", number)])
    return f"{request.url.path}?{query}"
