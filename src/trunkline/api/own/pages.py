"""Pages of lists that the database answers, newest first; shaped as those of Events v1.

A page token is the key of the item before the page: what comes in at the head of a
list shifts nothing.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from trunkline.api.forms import Form
from trunkline.api.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, PageMeta
from trunkline.errors import Refused


T = TypeVar("T")
Key = TypeVar("Key", int, str)

_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_MAX_NUMBER = 10**9
_TOKEN = re.compile(r"[0-9A-Za-z]{1,40}", re.ASCII)


class List(NamedTuple, Generic[T, Key]):
    """A list in the database, newest item first.

    `find` returns up to `limit` items after a key, or from the head; `before` the key
    that is `distance` places nearer the head than another.
    """

    find: Callable[[Key | None, int, int], Awaitable[Sequence[T]]]
    before: Callable[[Key, int], Awaitable[Key | None]]
    key: Callable[[T], Key]
    read_key: Callable[[str], Key]


async def page_of(
    items: List[T, Key], query: Form, *, url: str, filters: Sequence[str], name: str
) -> tuple[Sequence[T], PageMeta]:
    """Return the page that a query asks for.

    `url` is the list's address, `name` that of its array; `filters` name the query's
    parameters that chose the items. Raises Refused 91002 for a bad paging value.
    """
    size = _number(query, "PageSize", DEFAULT_PAGE_SIZE)
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise _bad("PageSize")
    page = _number(query, "Page", 0)
    token = query.one("PageToken")
    after = None if token is None else _key(token, items.read_key)
    offset = page * size if token is None else 0
    found = await items.find(after, offset, size + 1)
    shown = found[:size]
    kept: list[tuple[str, object]] = [
        (key, value) for key in filters for value in query.all(key)
    ]

    def address(number: int, key: Key | None) -> str:
        parameters = [*kept, ("PageSize", size), ("Page", number)]
        if key is not None:
            parameters.append(("PageToken", key))
        return f"{url}?{urlencode(parameters)}"

    previous = None
    if page > 0:
        before = None if after is None else await items.before(after, size)
        first = after is not None and before is None
        previous = address(0 if first else page - 1, before)
    more = len(found) > size
    return shown, PageMeta(
        page=page,
        page_size=size,
        first_page_url=address(0, None),
        previous_page_url=previous,
        url=address(page, after),
        next_page_url=address(page + 1, items.key(shown[-1])) if more else None,
        key=name,
    )


def whole_number(text: str) -> int:
    """Read a key that is a number. Raises ValueError."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _key(token: str, read: Callable[[str], Key]) -> Key:
    if not _TOKEN.fullmatch(token):
        raise _bad("PageToken")
    try:
        return read(token)
    except ValueError:
        raise _bad("PageToken") from None


def _number(query: Form, name: str, default: int) -> int:
    text = query.one(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or int(text) >= _MAX_NUMBER:
        raise _bad(name)
    return int(text)


def _bad(name: str) -> Refused:
    return Refused(91002, 400, f"Invalid paging value for {name}")
