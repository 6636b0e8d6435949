"""Pages of lists, stable while the list changes (spec event-streams 2.5).

A page token is the sort key of the last item before the page. It needs no state on
the server, and items that come or go elsewhere in the list shift nothing.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Generic, NamedTuple, TypedDict, TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from trunkline.api.forms import Form
from trunkline.api.operations import Parameter
from trunkline.errors import Refused


T = TypeVar("T")

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000

# No list is so long that its pages need more digits.
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


class Order(NamedTuple, Generic[T]):
    """How a list is sorted: by `key`, which is a value of `key_type`."""

    key: Callable[[T], Any]
    key_type: Any


class PageMeta(TypedDict):
    """Where a page is in its list; `key` names the array beside it."""

    page: int
    page_size: int
    first_page_url: str
    previous_page_url: str | None
    url: str
    next_page_url: str | None
    key: str


class Page(NamedTuple, Generic[T]):
    """The items of one page, and the `meta` that goes with them."""

    items: Sequence[T]
    meta: PageMeta


PAGING = (
    Parameter(
        name="PageSize",
        about="Items of a page.",
        type=Annotated[int, Meta(ge=1, le=MAX_PAGE_SIZE)],
    ),
    Parameter(
        name="Page",
        about="Number of the page; a token decides in its place.",
        type=Annotated[int, Meta(ge=0)],
    ),
    Parameter(name="PageToken", about="Where the page begins; made by the server."),
)


def list_of(name: str, item: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return the type of a list's body, whose array is called `name`."""
    items: Any = list[item]  # type: ignore[valid-type]
    return msgspec.defstruct(
        f"{item.__name__}List", [(name, items), ("meta", PageMeta)], frozen=True
    )


def page_of(
    items: Sequence[T],
    order: Order[T],
    query: Form,
    *,
    url: str,
    filters: Mapping[str, str],
    name: str,
) -> Page[T]:
    """Return the page of sorted `items` that the query asks for.

    `url` is the list's address and `name` that of its array; `filters` are the query
    parameters that chose the items. Raises Refused 91002 for a bad paging value.
    """
    size = _number(query, "PageSize", DEFAULT_PAGE_SIZE)
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise _bad("PageSize")
    page = _number(query, "Page", 0)
    keys = [order.key(item) for item in items]
    token = query.one("PageToken")
    start = (
        min(page * size, len(items))
        if token is None
        else bisect_right(keys, _decode(token, order.key_type))
    )

    def address(number: int, first: int) -> str:
        parameters = {**filters, "PageSize": size, "Page": number}
        if number > 0 and first > 0:
            parameters["PageToken"] = _encode(keys[first - 1])
        return f"{url}?{urlencode(parameters)}"

    before = max(0, start - size)
    after = start + size
    meta = PageMeta(
        page=page,
        page_size=size,
        first_page_url=address(0, 0),
        previous_page_url=(
            address(page - 1 if before else 0, before) if page > 0 else None
        ),
        url=address(page, start),
        next_page_url=address(page + 1, after) if after < len(items) else None,
        key=name,
    )
    return Page(items[start:after], meta)


def _number(query: Form, name: str, default: int) -> int:
    text = query.one(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text):
        raise _bad(name)
    return int(text)


def _encode(key: object) -> str:
    return urlsafe_b64encode(msgspec.json.encode(key)).decode("ascii").rstrip("=")


def _decode(token: str, key_type: Any) -> Any:
    try:
        padded = token + "=" * (-len(token) % 4)
        text = urlsafe_b64decode(padded.encode("ascii"))
        return msgspec.json.decode(text, type=key_type)
    except (ValueError, BadBase64, RecursionError):
        raise _bad("PageToken") from None


def _bad(name: str) -> Refused:
    return Refused(91002, 400, f"Invalid paging value for {name}")
