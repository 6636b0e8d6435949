"""Reading posts: whatever comes is read or refused, never worse."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.capture.sdk.post import (
    MAX_DEPTH,
    CallIds,
    call_ids,
    number,
    parse_event,
    parse_metrics,
)
from trunkline.errors import Refused


CA = "CA" + "a" * 32
TJS = "TJS86cbb486-ccff-4689-b2da-587321b75215"


def body(**changes: Any) -> bytes:
    good = {
        "group": "connection",
        "name": "outgoing",
        "level": "INFO",
        "payload": {"temp_call_sid": TJS},
        "timestamp": "2026-11-20T09:13:16.860Z",
    }
    fields = {**good, **changes}
    return json.dumps({k: v for k, v in fields.items() if v is not ...}).encode()


def complaint(raw: bytes) -> str:
    with pytest.raises(Refused) as refused:
        parse_event(raw, 0)
    assert (refused.value.code, refused.value.status) == (70001, 400)
    return refused.value.message


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        pytest.param(b"", "JSON", id="nothing"),
        pytest.param(b"{", "JSON", id="cut"),
        pytest.param(b"[]", "object", id="array"),
        pytest.param(b"null", "object", id="null"),
        pytest.param(b'{"a":"\xff"}', "UTF-8", id="latin-1"),
        pytest.param(
            body(extra="x").replace(b'"x"', b'"\xed\xa0\x80"'), "UTF-8", id="cesu"
        ),
        pytest.param(body().replace(b'"INFO"', b"NaN"), "JSON", id="NaN"),
        pytest.param(body().replace(b'"INFO"', b"-Infinity"), "JSON", id="Infinity"),
        pytest.param(body().replace(b'"INFO"', b"1e400"), "JSON", id="1e400"),
        pytest.param(body().replace(b'"INFO"', b'"\\ud800"'), "JSON", id="surrogate"),
        pytest.param(body(group=...), "group", id="no group"),
        pytest.param(body(group=1), "group", id="number as group"),
        pytest.param(body(name=None), "name", id="null as name"),
        pytest.param(body(payload=...), "payload", id="no payload"),
        pytest.param(body(payload=[]), "payload", id="array as payload"),
        pytest.param(body(payload="{}"), "payload", id="text as payload"),
        pytest.param(b"[" * 1000 + b"]" * 1000, "deep", id="nested"),
        pytest.param(
            body().replace(b'"INFO"', b"[" * 30_000 + b"]" * 30_000),
            "deep",
            id="nested in a field",
        ),
    ],
)
def test_a_bad_body_is_refused_with_a_reason(raw: bytes, word: str) -> None:
    assert word in complaint(raw)


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        pytest.param(b"", "JSON", id="nothing"),
        pytest.param(b"[]", "object", id="array"),
        pytest.param(b'{"a":"\xff"}', "UTF-8", id="latin-1"),
        pytest.param(body(group=7), "group", id="number as group"),
        pytest.param(body(name=...), "name", id="no name"),
        pytest.param(body(payload=...), "payload", id="no payload"),
        pytest.param(body(payload=None), "payload", id="null as payload"),
        pytest.param(body(payload="[]"), "payload", id="text as payload"),
        pytest.param(body(payload=5), "payload", id="number as payload"),
        pytest.param(body(payload=[1]).replace(b"1]", b"NaN]"), "JSON", id="NaN"),
        pytest.param(
            body(payload=[1]).replace(b"1]", b"-Infinity]"), "JSON", id="Infinity"
        ),
        pytest.param(body(payload=[1]).replace(b"1]", b"1e400]"), "JSON", id="1e400"),
        pytest.param(
            body(payload=[1]).replace(b"1]", b'"\\udc00"]'), "JSON", id="surrogate"
        ),
        pytest.param(
            body(payload=[1]).replace(b"1]", b"[" * 1000 + b"]" * 1001),
            "deep",
            id="nested",
        ),
    ],
)
def test_a_bad_metrics_body_is_refused_with_a_reason(raw: bytes, word: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_metrics(raw)
    assert (refused.value.code, refused.value.status) == (70001, 400)
    assert word in refused.value.message


def test_other_fields_may_have_any_type() -> None:
    post = parse_event(
        body(
            level=7,
            publisher=None,
            timestamp=["x"],
            publisher_metadata=3,
            private="no",
            payload={"call_sid": {}, "temp_call_sid": 5, "timestamp_ms": [], "x": None},
        ),
        1234,
    )
    assert (post.level, post.publisher, post.at_ms) == ("UNKNOWN", "", 1234)
    assert post.ids == CallIds(None, None)


def test_of_a_field_given_twice_the_last_counts() -> None:
    assert (
        parse_event(body().replace(b"{", b'{"name":"first",', 1), 0).name == "outgoing"
    )


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ("debug", "DEBUG"),
        ("WARNING", "WARNING"),
        ("FATAL", "UNKNOWN"),
        (..., "UNKNOWN"),
    ],
)
def test_levels_are_the_four_or_unknown(given: object, level: str) -> None:
    assert parse_event(body(level=given), 0).level == level


def test_group_and_name_are_cut() -> None:
    post = parse_event(body(group="g" * 200, name="n" * 300), 0)
    assert (len(post.group), len(post.name)) == (128, 256)


@pytest.mark.parametrize(
    ("timestamp", "timestamp_ms", "at_ms"),
    [
        ("2026-11-20T09:13:16.860Z", 5, 1_795_165_996_860),
        ("2026-11-20T10:13:16.86+01:00", 5, 1_795_165_996_860),
        ("yesterday", 1_795_165_996_860, 1_795_165_996_860),
        (None, "1795165996860", 1_795_165_996_860),
        (None, 1_795_165_996_860.7, 1_795_165_996_860),
        (None, "soon", 42),
        (None, -5, 42),
        (None, True, 42),
        (None, 10**18, 42),
        ("0001-01-01T00:00:00Z", None, 42),
    ],
)
def test_time_is_the_clients_if_it_can_be_read(
    timestamp: object, timestamp_ms: object, at_ms: int
) -> None:
    raw = body(timestamp=timestamp, payload={"timestamp_ms": timestamp_ms})
    assert parse_event(raw, 42).at_ms == at_ms


@pytest.mark.parametrize(
    ("call_sid", "temp_call_sid", "ids"),
    [
        (CA, TJS, CallIds(CA, TJS)),
        (CA.upper(), None, CallIds(CA, None)),
        (TJS, None, CallIds(None, TJS)),
        (TJS, "TJSother", CallIds(None, "TJSother")),
        ("CA1", "", CallIds(None, None)),
        ("", "TJ" + "x" * 100, CallIds(None, None)),
        (None, "TJS\n", CallIds(None, None)),
        (None, CA, CallIds(None, None)),
        (5, [], CallIds(None, None)),
    ],
)
def test_ids_are_sorted_by_what_they_are(
    call_sid: object, temp_call_sid: object, ids: CallIds
) -> None:
    assert call_ids(call_sid, temp_call_sid) == ids


def test_samples_beyond_a_hundred_are_dropped_and_counted() -> None:
    sample = {"call_sid": CA, "jitter": 1}
    post = parse_metrics(body(payload=[*[sample] * 99, 5, *[sample] * 20]))
    assert (len(post.samples), post.dropped) == (99, 21)
    assert post.ids[0] == CallIds(CA, None)


def test_one_sample_may_come_alone() -> None:
    assert parse_metrics(body(payload={"call_sid": CA})).ids == [CallIds(CA, None)]


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for parse in (lambda: parse_event(raw, 0), lambda: parse_metrics(raw)):
        try:
            parse()
        except Refused as refused:
            assert refused.code == 70001  # noqa: PT017 (either is good)


@given(json_values)
def test_any_json_is_read_or_refused(value: object) -> None:
    try:
        parse_event(json.dumps(value).encode(), 0)
    except Refused as refused:
        assert refused.code == 70001  # noqa: PT017 (either is good)


def read_from(calls: int, raw: bytes) -> object:
    """Read a post from deeper in the program by that many calls."""
    if calls:
        return read_from(calls - 1, raw)
    return parse_event(raw, 0), parse_metrics(raw)


def nested(levels: int, around: str) -> bytes:
    """A post with a field of levels that are objects and lists as `around` says."""
    opened = "".join('{"a":' if kind == "{" else "[" for kind in around) * levels
    closed = "".join("}" if kind == "{" else "]" for kind in reversed(around)) * levels
    raw = body(payload={"data": "here"}).decode()
    return raw.replace('"here"', f"{opened}1{closed}").encode()


@given(st.sampled_from(["[", "{", "[{"]), st.integers(1, 800), st.integers(0, 200))
def test_how_deep_a_post_may_be_does_not_depend_on_who_reads_it(
    around: str, levels: int, calls: int
) -> None:
    raw = nested(levels, around)
    # The post itself and its payload are levels as well.
    if levels * len(around) + 2 <= MAX_DEPTH:
        read_from(calls, raw)
    else:
        with pytest.raises(Refused, match="nested too deeply"):
            read_from(calls, raw)


def test_many_lists_side_by_side_are_not_deep() -> None:
    raw = body(payload={"data": {"values": [[n] for n in range(1000)]}})
    assert parse_event(raw, 0).payload.data == {"values": [[n] for n in range(1000)]}


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (5, 5),
        (2.5, 2.5),
        ("400", 400),
        ("-3", -3),
        ("327.67", 327.67),
        ("1e3", 1000),
        (10**300, 10**300),
        (10**301, None),
        ("1e301", None),
        ("1e999", None),
        ("Infinity", None),
        ("NaN", None),
        ("1_000", None),
        ("\u0663", None),
        ("9" * 33, None),
        ("", None),
        (True, None),
        (None, None),
        ([1], None),
    ],
    ids=str,
)
def test_a_number_may_be_a_text_that_says_one(value: object, meant: object) -> None:
    assert number(value) == meant
