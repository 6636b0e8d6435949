"""Pages of lists that change while they are read."""

from itertools import islice
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.api.forms import Form
from trunkline.api.paging import Order, Page, page_of
from trunkline.errors import Refused


NUMBERS: Order[int] = Order(int, int)


def page(items: list[int], query: str = "", **filters: str) -> Page[int]:
    return page_of(
        items,
        NUMBERS,
        Form(parse_qsl(query, keep_blank_values=True)),
        url="http://h/v1/Numbers",
        filters=filters,
        name="numbers",
    )


def follow(url: object) -> str:
    return urlsplit(str(url)).query


def test_the_meta_of_a_short_list() -> None:
    assert page([], "PageSize=20", Status="active").meta == {
        "page": 0,
        "page_size": 20,
        "first_page_url": "http://h/v1/Numbers?Status=active&PageSize=20&Page=0",
        "previous_page_url": None,
        "url": "http://h/v1/Numbers?Status=active&PageSize=20&Page=0",
        "next_page_url": None,
        "key": "numbers",
    }


def test_fifty_items_are_a_page() -> None:
    first = page(list(range(51)))
    assert first.items == list(range(50))
    second = page(list(range(51)), follow(first.meta["next_page_url"]))
    assert (second.items, second.meta["next_page_url"]) == ([50], None)
    assert second.meta["previous_page_url"] == first.meta["url"]


def test_a_page_by_hand_skips_what_comes_before() -> None:
    by_hand = page(list(range(10)), "PageSize=3&Page=2")
    assert by_hand.items == [6, 7, 8]
    assert page(list(range(10)), follow(by_hand.meta["url"])).items == [6, 7, 8]
    back = page(list(range(10)), follow(by_hand.meta["previous_page_url"]))
    assert back.items == [3, 4, 5]


def test_the_token_decides_and_the_page_is_echoed() -> None:
    token = dict(parse_qsl(follow(page([1, 2, 3], "PageSize=1").meta["next_page_url"])))
    found = page([1, 2, 3], f"PageSize=1&Page=7&PageToken={token['PageToken']}")
    assert (found.items, found.meta["page"]) == ([2], 7)


def test_a_page_past_the_end_is_empty() -> None:
    past = page([1, 2, 3], "Page=999999999&PageSize=1000")
    assert (past.items, past.meta["next_page_url"]) == ([], None)


@given(
    st.sets(st.integers(0, 60)),
    st.integers(1, 9),
    st.lists(st.tuples(st.booleans(), st.integers(0, 60))),
)
def test_writes_between_pages_hide_and_repeat_no_other_item(
    start: set[int], size: int, writes: list[tuple[bool, int]]
) -> None:
    items, touched = set(start), set[int]()
    seen: list[int] = []
    query, changes = f"PageSize={size}", iter(writes)
    while True:
        found = page(sorted(items), query)
        seen += found.items
        if found.meta["next_page_url"] is None:
            break
        query = follow(found.meta["next_page_url"])
        for add, item in islice(changes, 1):
            touched.add(item)
            (items.add if add else items.discard)(item)
    assert len(seen) == len(set(seen))
    assert start - touched <= set(seen)


@given(st.sampled_from(["PageSize", "Page", "PageToken"]), st.text(max_size=30))
def test_any_paging_value_gives_a_page_or_is_refused(name: str, value: str) -> None:
    try:
        page([1, 2, 3], urlencode({name: value}))
    except Refused as error:
        refusal: Refused | None = error
    else:
        refusal = None
    if refusal is not None:
        assert (refusal.code, refusal.status) == (91002, 400)
        assert refusal.message == f"Invalid paging value for {name}"


@pytest.mark.parametrize("token", ["W10", "MS4w", "IjEi", "====", "e30"])
def test_a_token_of_another_list_is_refused(token: str) -> None:
    with pytest.raises(Refused, match=r"^Invalid paging value for PageToken$"):
        page([1, 2, 3], f"PageToken={token}")
