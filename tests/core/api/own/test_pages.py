"""Pages of lists that grow at their head while they are read."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.api.forms import Form
from trunkline.api.own.pages import List, page_of, whole_number
from trunkline.api.paging import PageMeta
from trunkline.errors import Refused


def numbers(items: list[int]) -> List[int, int]:
    """A list as a database would answer it, of numbers, the highest first."""

    async def find(after: int | None, offset: int, limit: int) -> list[int]:
        rest = sorted((n for n in items if after is None or n < after), reverse=True)
        return rest[offset : offset + limit]

    async def before(key: int, distance: int) -> int | None:
        higher = sorted(n for n in items if n > key)
        return higher[distance - 1] if len(higher) >= distance else None

    return List(find, before, int, whole_number)


async def page(items: list[int], query: str) -> tuple[list[int], PageMeta]:
    shown, meta = await page_of(
        numbers(items),
        Form(parse_qsl(query)),
        url="http://h/l",
        filters=["Types"],
        name="numbers",
    )
    return list(shown), meta


def query_of(url: str | None) -> str:
    assert url is not None
    return urlsplit(url).query


async def test_the_meta_of_a_middle_page() -> None:
    shown, meta = await page([1, 2, 3, 4, 5], "PageSize=2&Page=1&PageToken=4&Types=a")

    assert shown == [3, 2]
    assert meta == {
        "page": 1,
        "page_size": 2,
        "first_page_url": "http://h/l?Types=a&PageSize=2&Page=0",
        "previous_page_url": "http://h/l?Types=a&PageSize=2&Page=0",
        "url": "http://h/l?Types=a&PageSize=2&Page=1&PageToken=4",
        "next_page_url": "http://h/l?Types=a&PageSize=2&Page=2&PageToken=2",
        "key": "numbers",
    }


@given(st.sets(st.integers(1, 10**6), max_size=30), st.integers(1, 7), st.data())
async def test_reading_on_shows_each_item_once_whatever_comes_in(
    items: set[int], size: int, data: st.DataObject
) -> None:
    grown = list(items)
    seen: list[int] = []
    query: str | None = f"PageSize={size}"
    while query is not None:
        shown, meta = await page(grown, query)
        seen += shown
        query = query_of(meta["next_page_url"]) if meta["next_page_url"] else None
        grown.append(max(grown, default=0) + data.draw(st.integers(1, 9)))

    assert seen == sorted(items, reverse=True)


@given(st.sets(st.integers(1, 10**6), min_size=1, max_size=30), st.integers(1, 7))
async def test_reading_back_shows_the_pages_before(items: set[int], size: int) -> None:
    forth = []
    query = f"PageSize={size}"
    while True:
        shown, meta = await page(list(items), query)
        forth.append(shown)
        if meta["next_page_url"] is None:
            break
        query = query_of(meta["next_page_url"])
    back = [shown]
    while meta["previous_page_url"] is not None:
        shown, meta = await page(list(items), query_of(meta["previous_page_url"]))
        back.append(shown)

    assert back == forth[::-1]


async def test_a_page_number_without_a_token_is_counted_from_the_head() -> None:
    assert (await page([1, 2, 3, 4, 5], "PageSize=2&Page=2"))[0] == [1]


@pytest.mark.parametrize(
    "query",
    [
        "PageSize=0",
        "PageSize=1001",
        "PageSize=x",
        "Page=-1",
        "Page=9999999999",
        "PageToken=",
        "PageToken=x",
        "PageToken=%00",
        "PageToken=" + "1" * 50,
    ],
)
async def test_a_bad_paging_value_is_refused_by_name(query: str) -> None:
    form = Form(parse_qsl(query, keep_blank_values=True))
    with pytest.raises(Refused) as refused:
        await page_of(numbers([]), form, url="", filters=[], name="n")

    assert refused.value.code == 91002
    assert query.partition("=")[0] in refused.value.message
