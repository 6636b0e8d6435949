"""Whatever is posted, the answer is 400 or an event that its schema allows."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trunkline.events import schemas


CA, TJS = "CA" + "1" * 32, "TJS86cbb486-ccff-4689-b2da-587321b75215"

FIELDS = [
    "call_sid",
    "temp_call_sid",
    "timestamp_ms",
    "sdk_version",
    "platform",
    "region",
    "selected_region",
    "edge",
    "selected_edge",
    "code",
    "message",
    "quality_score",
    "issue_name",
    "data",
    "local_candidate",
    "remote_candidate",
    "threshold",
    "values",
    "value",
    "ip",
    "audio_device_ids",
    "jitter",
    "rtt",
    "mos",
    "packets_lost",
    "total_packets_sent",
    "timestamp",
    "os_name",
    "device_model",
]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        [CA, TJS, "TJ", "", "1e999", "NaN", "9" * 30, "\x00", "\U0001f600"]
    )
    | st.text(max_size=20)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), inner)
    ),
    max_leaves=12,
)
PAYLOADS = st.dictionaries(st.sampled_from(FIELDS), VALUES)
EVENTS = st.fixed_dictionaries(
    {
        "group": VALUES | st.text(),
        "name": VALUES | st.text(),
        "payload": VALUES | PAYLOADS,
    },
    optional=dict.fromkeys(
        ("level", "timestamp", "publisher", "publisher_metadata"), VALUES
    ),
)
CALLS = st.fixed_dictionaries(
    {
        "group": st.sampled_from(["connection", "settings", "ice-candidate"]),
        "name": st.sampled_from(["error", "edge", "high-rtt", "cancel"]),
        "payload": PAYLOADS.map(lambda payload: {**payload, "call_sid": CA}),
    }
)

[SCHEMA] = [schemas.document("VoiceInsights.CallEvent", 2, "https://h")]
VALIDATOR = jsonschema.Draft7Validator(json.loads(SCHEMA or b""))

HARD = [
    b"",
    b"{",
    b"[" * 60_000,
    b'{"group":"a","name":"b","payload":' + b'{"a":' * 1000 + b"1" + b"}" * 1001,
    b'{"group":"a","name":"b","payload":{"code":1e400}}',
    b'{"group":"a","name":"b","payload":{"code":NaN}}',
    b'{"group":"a","name":"b","payload":{"message":"\\ud800"}}',
    b'{"group":"a","name":"b","payload":{"message":"\xff"}}',
    b'{"group":"a","group":5,"name":"b","payload":{}}',
    b'{"group":"a","name":"b","payload":{"x":' + b"9" * 5000 + b"}}",
    b"\xef\xbb\xbf{}",
    b"null",
]

_quick = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def check(server: Any, body: bytes, path: str) -> None:
    answer = await server.post(body, path=path)
    assert answer.status in {200, 400}, answer
    if answer.status == 400:
        assert answer.code == 70001
    for data in await server.events():
        VALIDATOR.validate(data)
    server.clock.advance(60)
    await server.joiner.release_due()


@_quick
@given(body=EVENTS | CALLS)
async def test_any_event_post_is_refused_or_mapped(server: Any, body: Any) -> None:
    await server.database.write(lambda c: c.execute("DELETE FROM event").close())
    await check(server, json.dumps(body).encode(), "/v4/EndpointEvents")


@_quick
@given(
    payload=st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES) | VALUES) | VALUES
)
async def test_any_metrics_post_is_refused_or_kept(server: Any, payload: Any) -> None:
    body = json.dumps({"group": "g", "name": "n", "payload": payload}).encode()
    await check(server, body, "/v4/EndpointMetrics")


@_quick
@given(body=st.binary(max_size=200))
async def test_any_bytes_are_refused(server: Any, body: bytes) -> None:
    answer = await server.post(body)
    assert (answer.status, answer.code) == (400, 70001)


@pytest.mark.parametrize("path", ["/v4/EndpointEvents", "/v3/EndpointMetrics"])
@pytest.mark.parametrize("body", HARD)
async def test_hard_bodies_break_nothing(server: Any, body: bytes, path: str) -> None:
    await check(server, body, path)
    assert await server.events() == []


@_quick
@given(token=st.text(max_size=200) | st.binary(max_size=200).map(repr))
async def test_any_token_is_refused(server: Any, token: str) -> None:
    server.clock.advance(60)  # another minute, with failures of its own
    raw = token.encode("utf-8", "replace").decode("latin-1")
    answer = await server.post({}, token=raw)
    assert answer.status == 403
    assert 20101 <= answer.code <= 20160
