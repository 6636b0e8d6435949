"""What is remembered of a call's posts: the newest of each, by the client's clock."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trunkline.capture.sdk.device import Hints
from trunkline.capture.sdk.mapping import Sender, call_event
from trunkline.capture.sdk.post import Post, parse_event
from trunkline.capture.sdk.sticky import Memory
from trunkline.events.call_event import encode


CALL = "CA" + "0" * 32
SENDERS = [
    Sender(
        account_sid="AC" + "1" * 32, client_name=name, address="", hints=Hints("", "")
    )
    for name in ("alice", "bob")
]
FIELDS = {
    "sdk_version": "version",
    "platform": "platform",
    "region": "region",
    "selected_region": "selected_region",
}

values = st.sampled_from([None, "", "a", "b", "1", 1, 1.0, True, ["a"], "x" * 300])
told = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys((*FIELDS, "edge", "selected_edge"), values),
)
posts = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.sampled_from(["settings/edge", "connection/error"]),
        st.sampled_from(["twilio-js-sdk", "twilio-voice-ios", 7]),
        told,
        st.sampled_from(SENDERS),
    ),
    max_size=12,
)


def post(at_s: int, kind: str, publisher: object, payload: dict[str, Any]) -> Post:
    group, name = kind.split("/")
    body = {
        "group": group,
        "name": name,
        "publisher": publisher,
        "timestamp": f"2026-11-20T09:14:{at_s:02d}.000Z",
        "payload": payload,
    }
    return parse_event(json.dumps(body).encode(), 0)


def as_text(value: object) -> str:
    if isinstance(value, str):
        return value[:256]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def newest(heard: list[Any], field: str) -> str:
    """Return the newest text that posts told, the later one of two of the same time."""
    found, found_s = "", -1
    for at_s, kind, _publisher, payload, _sender in heard:
        value = payload.get(field)
        if field.endswith("edge") and kind != "settings/edge":
            continue
        if field == "selected_edge" and isinstance(value, list):
            value = value[0]
        if as_text(value) and at_s >= found_s:
            found, found_s = as_text(value), at_s
    return found


@given(posts)
def test_the_newest_of_each_is_remembered(heard: list[Any]) -> None:
    memory = Memory()
    for at_s, kind, publisher, payload, _sender in heard:
        before = memory.sticky.edge
        changed = memory.hear(post(at_s, kind, publisher, payload))
        assert changed == (memory.sticky.edge is not before)
    for field, name in {
        **FIELDS,
        "edge": "edge",
        "selected_edge": "selected_edge",
    }.items():
        assert getattr(memory.sticky, name).value == newest(heard, field)


@given(posts)
def test_an_event_is_what_it_would_be_had_nothing_been_kept_from_the_last(
    heard: list[Any],
) -> None:
    memory = Memory()
    for at_s, kind, publisher, payload, sender in heard:
        read = post(at_s, kind, publisher, payload)
        memory.hear(read)
        event = encode(call_event(read, sender, memory, CALL))
        assert event == encode(call_event(read, sender, Memory(memory.sticky), CALL))


def test_what_is_long_is_not_remembered_as_it_came() -> None:
    memory = Memory()
    memory.hear(post(1, "connection/error", "twilio-js-sdk", {"region": "x" * 60_000}))
    held = [memory.sticky.region.value, *(memory._said or ())]
    assert sum(len(value) for value in held if isinstance(value, str)) <= 256
