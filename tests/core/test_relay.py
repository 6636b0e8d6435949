"""Reading CloudEvents of other streams: each is taken as it is, or refused by name."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.capture import relay
from trunkline.capture.relay import BATCH, JSON, STRUCTURED, Arrived
from trunkline.errors import Refused
from trunkline.events import catalogue, envelope, test_event
from trunkline.events.envelope import Event


SEEDS = sorted((Path(__file__).parents[1] / "data/seeds").glob("com.*.json"))
ACCOUNT = "AC" + "1" * 32
CALL = "CA" + "a" * 32
RINGING = catalogue.progress_type("ringing")
SDK = catalogue.SDK_EVENT_TYPE
TIME = "2026-01-01T00:00:00.000Z"

objects = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
datas = st.dictionaries(st.text("abc", max_size=3), objects, max_size=4)
words = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=20
)
events = st.builds(
    Event,
    id=words,
    account_sid=st.just(ACCOUNT),
    type=st.sampled_from(sorted(catalogue.EVENT_TYPES)),
    source=words,
    time=st.just(TIME),
    call_sid=st.just(""),
    data=datas.map(lambda data: json.dumps(data, separators=(",", ":")).encode()),
)


def cloud_event(**changes: Any) -> dict[str, Any]:
    """A good event with some attributes changed, and those left out that are `...`."""
    good = {
        "specversion": "1.0",
        "id": "EZ1",
        "source": "/v1/Voice/CA1/Events",
        "type": SDK,
        "time": TIME,
        "data": {"call_sid": CALL, "timestamp": TIME},
    }
    return {k: v for k, v in {**good, **changes}.items() if v is not ...}


def read(*found: Any) -> Arrived:
    return relay.parse(json.dumps(found).encode(), JSON, ACCOUNT)


def one(found: Any) -> Event:
    arrived = read(found)
    assert arrived.refusals == []
    return arrived.events[0]


def complaint(body: bytes, content_type: str = JSON) -> tuple[int, int, str]:
    with pytest.raises(Refused) as refused:
        relay.parse(body, content_type, ACCOUNT)
    return refused.value.code, refused.value.status, refused.value.message


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_every_example_that_twilio_has_published_is_taken_as_it_is(path: Path) -> None:
    published = json.loads(path.read_text("utf-8"))

    event = one(published)

    assert (event.id, event.source) == (published["id"], published["source"])
    assert (event.type, event.account_sid) == (published["type"], ACCOUNT)
    assert json.loads(event.data) == published["data"]
    # These have no `time`, and a timestamp as `datacontenttype`.
    assert event.time == published["data"]["timestamp"]
    assert event.call_sid == "CA0000000000000000000000000000001"


@given(found=st.lists(events, max_size=5))
def test_what_a_sink_of_ours_sends_comes_back_as_it_was(found: list[Event]) -> None:
    body = b"[" + b",".join(envelope.render(event, 2) for event in found) + b"]"

    for content_type in (JSON, BATCH):
        arrived = relay.parse(body, content_type, ACCOUNT)

        assert list(arrived.events.values()) == found
        assert (arrived.refusals, arrived.tests) == ([], [])


@given(event=events)
def test_an_event_is_the_same_in_every_mode(event: Event) -> None:
    structured = envelope.render(event, 2)
    attributes = json.loads(structured)
    del attributes["data"]
    headers = {f"ce-{name}": quote(value) for name, value in attributes.items()}

    assert relay.is_binary(headers)
    assert relay.parse(structured, STRUCTURED, ACCOUNT).events == {0: event}
    assert relay.parse(structured, JSON, ACCOUNT).events == {0: event}
    assert relay.parse_binary(headers, event.data, ACCOUNT).events == {0: event}


@given(data=datas, indent=st.sampled_from([None, 0, 3]))
def test_data_goes_on_as_it_came_but_for_white_space(
    data: dict[str, Any], indent: int | None
) -> None:
    body = json.dumps([cloud_event(data=data)], indent=indent).encode()

    [event] = relay.parse(body, JSON, ACCOUNT).events.values()

    assert event.data == json.dumps(data, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "text", ["1.0", "1E5", "-0.0", '"\\u00e9\\/"', "18446744073709551616"]
)
def test_a_value_is_not_written_anew(text: str) -> None:
    body = json.dumps(cloud_event(data={"new": 0})).replace("0}", text + "}").encode()

    assert (
        relay.parse(body, JSON, ACCOUNT).events[0].data == f'{{"new":{text}}}'.encode()
    )


@pytest.mark.parametrize(
    ("event_type", "member"),
    [(SDK, "call_sid"), *((t, "sid") for t in catalogue.EVENT_TYPES if t != SDK)],
)
def test_the_call_is_the_one_that_data_names(event_type: str, member: str) -> None:
    named = cloud_event(type=event_type, data={member: "CA" + "A" * 32})
    others = cloud_event(type=event_type, data={"sid": 1, "call_sid": None})

    assert one(named).call_sid == CALL
    assert one(others | {"time": TIME}).call_sid == ""


@pytest.mark.parametrize("sid", ["x" * 101, "a\nb", 7, None, {}, ""])
def test_what_can_be_no_call_is_left_to_data(sid: object) -> None:
    event = one(cloud_event(data={"call_sid": sid}))

    assert event.call_sid == ""
    assert json.loads(event.data) == {"call_sid": sid}


def test_attributes_that_we_do_not_know_are_no_error() -> None:
    found = cloud_event(
        datacontenttype="2025-10-08T07:17:02.363Z", dataschema=7, traceparent=None
    )

    assert one(found) == one(cloud_event())


@given(at=st.datetimes(timezones=st.just(UTC)))
def test_every_time_of_rfc_3339_is_kept_as_it_is_written(at: datetime) -> None:
    text = at.isoformat()

    assert one(cloud_event(time=text)).time == text


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"specversion": ...}, "specversion", "is missing"),
        ({"specversion": "0.3"}, "specversion", "is not 1.0"),
        ({"specversion": 1.0}, "specversion", "is not text"),
        ({"id": ...}, "id", "is missing"),
        ({"id": ""}, "id", "is empty"),
        ({"id": 7}, "id", "is not text"),
        ({"id": None}, "id", "is not text"),
        ({"id": "x" * 257}, "id", "is longer than 256 characters"),
        ({"id": "a\nb"}, "id", "has characters that CloudEvents does not allow"),
        ({"id": "\ufffe"}, "id", "has characters that CloudEvents does not allow"),
        ({"source": ...}, "source", "is missing"),
        ({"source": "/" * 2049}, "source", "is longer than 2048 characters"),
        ({"type": ...}, "type", "is missing"),
        ({"type": "com.example.x"}, "type", "com.example.x is not known"),
        ({"time": 1767225600}, "time", "is not text"),
        ({"time": "yesterday"}, "time", "is not an RFC 3339 time"),
        ({"time": "2026-02-30T00:00:00Z"}, "time", "is not an RFC 3339 time"),
        ({"time": "2026-01-01T00:00:00"}, "time", "is not an RFC 3339 time"),
        ({"time": "2026-01-01 00:00:00Z"}, "time", "is not an RFC 3339 time"),
        ({"time": "2026-01-01T00:00:00+0100"}, "time", "is not an RFC 3339 time"),
        ({"time": ..., "data": {}}, "time", "is missing"),
        ({"time": ..., "data": {"timestamp": "x"}}, "time", "is not an RFC 3339 time"),
        ({"data": ...}, "data", "is missing"),
        ({"data": ..., "data_base64": "e30="}, "data", "is missing"),
        ({"data": None}, "data", "is not a JSON object"),
        ({"data": []}, "data", "is not a JSON object"),
        ({"data": "{}"}, "data", "is not a JSON object"),
        ({"data": {"x": "y" * 999_993}}, "data", "is larger than 1000000 bytes"),
    ],
)
def test_what_is_wrong_is_told_by_its_name(
    changes: dict[str, Any], field: str, reason: str
) -> None:
    arrived = read(cloud_event(**changes))

    assert arrived.events == {}
    [refusal] = arrived.refusals
    assert (refusal.index, refusal.field, refusal.reason) == (0, field, reason)
    assert refusal.id == (None if field == "id" else "EZ1")
    assert refusal.message == f"Event 0 was refused: {field} {reason}"


@pytest.mark.parametrize("found", [7, None, "x", [], True])
def test_what_is_no_object_is_no_event(found: object) -> None:
    [refusal] = read(found).refusals

    assert refusal.message == "Event 0 was refused: it is not a JSON object"


def test_limits_are_what_still_fits() -> None:
    largest = {"x": "y" * 999_992}
    event = one(cloud_event(id="i" * 256, source="s" * 2048, data=largest))

    assert len(event.data) == envelope.MAX_DATA_BYTES


@pytest.mark.parametrize(("levels", "good"), [(100, True), (101, False), (300, False)])
@pytest.mark.parametrize("pair", [('{"a":', "}"), ("[", "]")])
def test_data_is_nested_as_deep_as_every_reader_can_follow(
    levels: int, good: bool, pair: tuple[str, str]
) -> None:
    deep = pair[0] * (levels - 1) + "1" + pair[1] * (levels - 1)
    body = json.dumps(cloud_event(data={"a": 0})).replace("0}", deep + "}")

    arrived = relay.parse(body.encode(), JSON, ACCOUNT)

    assert [r.field for r in arrived.refusals] == ([] if good else ["data"])
    assert len(arrived.events) == good


@pytest.mark.parametrize(
    "value",
    [b"1e999", b"9" * 5000, b'"\xff"', b'"\xed\xa0\x80"', b"[" * 300 + b"]" * 300],
)
def test_data_that_nobody_could_read_is_refused_beside_good_events(
    value: bytes,
) -> None:
    bad = json.dumps(cloud_event(id="bad", data={"a": 0})).encode()
    good = json.dumps(cloud_event()).encode()
    body = b"[%b,%b]" % (bad.replace(b"0}", value + b"}"), good)

    arrived = relay.parse(body, JSON, ACCOUNT)

    assert [refusal.field for refusal in arrived.refusals] == ["data"]
    assert arrived.events == {1: one(cloud_event())}


def test_a_bad_event_does_not_take_good_ones_along() -> None:
    arrived = read(cloud_event(id="a"), cloud_event(id=""), 7, cloud_event(id="b"), {})

    assert {i: event.id for i, event in arrived.events.items()} == {0: "a", 3: "b"}
    assert [refusal.index for refusal in arrived.refusals] == [1, 2, 4]


def test_a_test_event_is_told_of_and_is_no_event() -> None:
    sent = test_event.make(
        event_id="TE1", account_sid=ACCOUNT, test_id="the-test-id", time=TIME
    )

    arrived = relay.parse(b"[" + envelope.render(sent, 1) + b"]", JSON, ACCOUNT)

    assert arrived == Arrived(tests=["the-test-id"])


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b"", JSON, "The request body is not valid JSON"),
        (b"[{}", JSON, "The request body is not valid JSON"),
        (b"{},{}", JSON, "The request body is not valid JSON"),
        (b'{"a":NaN}', STRUCTURED, "The request body is not valid JSON"),
        (b"\xef\xbb\xbf[]", JSON, "The request body is not valid JSON"),
        (b"[" * 30_000, JSON, "The request body is nested too deeply"),
        (b'[{"data":' + b"[" * 9000, JSON, "The request body is nested too deeply"),
        (b" [{}]", STRUCTURED, "The request body is not one JSON object"),
        (b" {}", BATCH, "The request body is not a JSON array"),
    ],
)
def test_a_body_that_is_no_events_at_all_is_refused_as_a_whole(
    body: bytes, content_type: str, message: str
) -> None:
    assert complaint(body, content_type) == (20001, 400, message)


def test_a_request_has_so_many_events_and_no_more() -> None:
    assert len(read(*[{}] * 1000).refusals) == 1000
    too_many = json.dumps([{}] * 1001).encode()
    message = "Request body has more than 1000 events"
    assert complaint(too_many) == (20413, 413, message)


def test_no_events_are_no_error() -> None:
    assert relay.parse(b"[]", BATCH, ACCOUNT) == Arrived()


def test_headers_that_are_no_text_are_refused() -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "%ff"}
    [refusal] = relay.parse_binary(headers, b"{}", ACCOUNT).refusals

    assert refusal.message == "Event 0 was refused: a header of it is not UTF-8"


@given(
    body=st.binary(max_size=60), content_type=st.sampled_from([JSON, STRUCTURED, BATCH])
)
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str) -> None:
    with suppress(Refused):
        assert relay.parse(body, content_type, ACCOUNT).events == {}


@given(
    found=st.lists(objects | st.builds(lambda d: cloud_event(**d), datas), max_size=4)
)
def test_every_event_of_a_request_is_taken_or_refused_once(found: list[Any]) -> None:
    arrived = read(*found)

    places = [*arrived.events, *(refusal.index for refusal in arrived.refusals)]
    assert sorted(places) == list(range(len(found)))
