"""What a subscription may ask for, and how it changes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import Refused
from trunkline.events.catalogue import EVENT_TYPES, SinkType, Status, progress_type
from trunkline.streams import subscriptions
from trunkline.streams.subscriptions import Choice, Subscription, Wish


RINGING = progress_type("ringing")
INITIATED = progress_type("initiated")
ANSWERED = progress_type("answered")

SUBSCRIPTION = Subscription(
    sid="DF" + "1" * 32,
    account_sid="AC" + "1" * 32,
    sink_sid="DG" + "1" * 32,
    description="A subscription",
    created_ms=0,
    updated_ms=0,
)


@contextmanager
def refusals() -> Iterator[list[Refused]]:
    """Collect what is refused."""
    refused: list[Refused] = []
    try:
        yield refused
    except Refused as error:
        refused.append(error)


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ('{"type":"a"}', Wish("a", None)),
        ('{ "type" : "a", "schema_version": null, "more": [] }', Wish("a", None)),
        ('{"type":"a","schema_version":1}', Wish("a", 1)),
        ('{"type":"a","schema_version":"02"}', Wish("a", 2)),
        ('{"type":"a","schema_version":-7}', Wish("a", -7)),
    ],
)
def test_an_entry_is_a_json_object(text: str, wish: Wish) -> None:
    assert subscriptions.parse_types([text]) == [wish]


@pytest.mark.parametrize("version", ["true", "1.0", '""', '"v1"', '"²"', "[]", "1e400"])
def test_a_version_is_an_integer_or_digits(version: str) -> None:
    with pytest.raises(Refused) as refusal:
        subscriptions.parse_types([f'{{"type":"a","schema_version":{version}}}'])
    assert refusal.value.code == 20001


# Texts that look like entries, and texts that do not.
ENTRIES = st.text() | st.builds(
    json.dumps,
    st.fixed_dictionaries(
        {"type": st.sampled_from([RINGING, ANSWERED]) | st.text()},
        optional={"schema_version": st.integers() | st.text() | st.booleans()},
    ),
)


@given(st.lists(ENTRIES))
def test_any_types_are_read_or_refused_as_documented(values: list[str]) -> None:
    with refusals() as refused:
        wishes = subscriptions.parse_types(values)
        subscriptions.choose_all(wishes, SinkType.WEBHOOK, EVENT_TYPES)
    assert {(error.code, error.status) for error in refused} <= {
        (20001, 400),
        (91103, 400),
        (91101, 400),
        (20409, 409),
    }


@given(st.text())
def test_any_schema_version_is_read_or_refused(text: str) -> None:
    with refusals() as refused:
        assert subscriptions.parse_version(text) >= 0
    assert {(error.code, error.status) for error in refused} <= {(20001, 400)}


def test_the_latest_version_is_chosen_where_none_is_named() -> None:
    wish = Wish(RINGING, None)
    assert subscriptions.choose(wish, SinkType.SEGMENT, EVENT_TYPES) == (RINGING, 2)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (Status.AVAILABLE, None),
        (Status.DEPRECATED, None),
        (Status.RESTRICTED, f"Type {RINGING} is restricted"),
        (Status.DISCONTINUED, "Type is discontinued"),
    ],
)
def test_a_type_past_its_life_cannot_be_chosen(
    status: Status, message: str | None
) -> None:
    types = {RINGING: replace(EVENT_TYPES[RINGING], status=status)}
    # The life-cycle is looked at before the version.
    wish = Wish(RINGING, 99 if message else 1)
    if message is None:
        assert subscriptions.choose(wish, SinkType.WEBHOOK, types) == (RINGING, 1)
        return
    with pytest.raises(Refused) as refusal:
        subscriptions.choose(wish, SinkType.WEBHOOK, types)
    assert (refusal.value.code, refusal.value.status) == (20409, 409)
    assert refusal.value.message == message


def opened(*choices: Choice, position: int = 10) -> Subscription:
    return subscriptions.change(
        SUBSCRIPTION, opened=choices, closed=(), position=position
    )


def test_types_keep_the_order_in_which_they_were_asked_for() -> None:
    subscription = opened(Choice(RINGING, 2), Choice(ANSWERED, 1))
    changed = subscriptions.change(
        subscription,
        opened=[Choice(INITIATED, 2), Choice(RINGING, 1)],
        closed={RINGING},
        position=25,
    )
    assert [(e.type, e.version, e.from_position) for e in changed.events] == [
        (RINGING, 1, 25),
        (ANSWERED, 1, 10),
        (INITIATED, 2, 25),
    ]


def test_a_type_that_comes_back_comes_last() -> None:
    subscription = opened(Choice(RINGING, 2), Choice(ANSWERED, 1))
    without = subscriptions.change(
        subscription, opened=(), closed={RINGING}, position=20
    )
    again = subscriptions.change(
        without, opened=[Choice(RINGING, 2)], closed=(), position=30
    )
    assert [event.type for event in again.events] == [ANSWERED, RINGING]


def test_a_route_that_counted_nothing_is_not_kept() -> None:
    subscription = opened(Choice(RINGING, 2), position=10)
    assert subscriptions.routes(subscription, until_position=10) == []
    (route,) = subscriptions.routes(subscription, until_position=11)
    assert [position for position in range(9, 13) if route.counts(position)] == [11]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([RINGING, INITIATED, ANSWERED]),
            st.sampled_from([None, 1, 2]),
            st.integers(min_value=0, max_value=3),
        ),
        max_size=12,
    )
)
def test_each_event_counts_once_for_each_type_while_it_is_subscribed(
    steps: list[tuple[str, int | None, int]],
) -> None:
    """Whatever is opened and closed, events are counted without gap or overlap."""
    subscription, position = SUBSCRIPTION, 0
    routes, expected = [], {}
    for event_type, version, events in steps:
        before = subscription
        subscription = subscriptions.change(
            subscription,
            opened=[] if version is None else [Choice(event_type, version)],
            closed={event_type},
            position=position,
        )
        gone = [event for event in before.events if event.type == event_type]
        routes += subscriptions.routes(replace(before, events=tuple(gone)), position)
        for _ in range(events):
            position += 1
            for event in subscription.events:
                expected[position, event.type] = event.version
    routes += subscriptions.routes(subscription)
    found = [
        ((place, route.type), route.version)
        for place in range(1, position + 1)
        for route in routes
        if route.counts(place)
    ]
    assert len(found) == len(expected)
    assert dict(found) == expected
