"""The gateway's HTTP: paths, CORS, statuses, limits, tokens."""

import asyncio
import json
from collections.abc import MutableMapping
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trunkline.capture.sdk import http


CA, TJS = "CA" + "1" * 32, "TJS86cbb486-ccff-4689-b2da-587321b75215"
EVENT = {
    "group": "connection",
    "name": "muted",
    "level": "INFO",
    "payload": {"call_sid": CA, "temp_call_sid": TJS},
    "timestamp": "2026-11-20T09:13:16.860Z",
}
SAMPLE = {"call_sid": CA, "jitter": 1, "mos": None}
METRICS = {"group": "quality-metrics-samples", "name": "metrics-sample"}
PATHS = [f"/v{v}/Endpoint{what}" for v in (3, 4) for what in ("Events", "Metrics")]


@pytest.mark.parametrize("path", PATHS)
async def test_a_preflight_is_answered_without_a_token(server: Any, path: str) -> None:
    answer = await server.request(
        "OPTIONS",
        path,
        headers={
            "origin": "https://voice.local.test",
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type,x-twilio-token",
        },
    )
    assert answer.status == 204
    assert answer.headers == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "POST, OPTIONS",
        "access-control-allow-headers": "content-type, x-twilio-token, x-trunkline-delivery",
        "access-control-max-age": "7200",
    }


@pytest.mark.parametrize("path", ["/v3/EndpointEvents", "/v4/EndpointEvents"])
async def test_an_event_is_in_the_log_when_its_post_is_answered(
    server: Any, path: str
) -> None:
    answer = await server.post(EVENT, path=path)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    [data] = await server.events()
    assert (data["name"], data["call_sid"]) == ("muted", CA)
    metadata = data["sdk_edge"]["metadata"]
    assert (metadata["client_name"], metadata["ip_address"]) == ("alice", "203.0.113.7")


async def test_an_event_has_its_envelope(server: Any) -> None:
    await server.post(EVENT)
    [row] = await server.database.read(
        lambda c: c.execute(
            "SELECT id, account_sid, type, source, time, call_sid FROM event"
        ).fetchall()
    )
    assert len(row[0]) == 34
    assert row[0].startswith("EZ")
    assert row[1:] == (
        "AC00000000000000000000000000000001",
        "com.twilio.voice.insights.call-event.sdk",
        f"/v1/Voice/{CA}/Events",
        "2026-11-20T09:13:16.860Z",
        CA,
    )


@pytest.mark.parametrize("payload", [[SAMPLE] * 10, SAMPLE, [None, 5]])
async def test_metrics_are_taken_and_make_no_event(
    server: Any, payload: object
) -> None:
    answer = await server.post(
        {**METRICS, "payload": payload}, path="/v4/EndpointMetrics"
    )
    assert answer.status == 200
    assert await server.events() == []


async def test_samples_are_counted(server: Any) -> None:
    await server.post(
        {**METRICS, "payload": [SAMPLE] * 103}, path="/v4/EndpointMetrics"
    )
    assert server.metrics.counts["samples"] == 100
    assert server.metrics.counts["samples_dropped"] == 3


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE"])
async def test_another_method_is_told_which_are_allowed(
    server: Any, method: str
) -> None:
    answer = await server.request(method, "/v4/EndpointEvents")
    assert (answer.status, answer.code) == (405, 20004)
    assert answer.headers["allow"] == "POST, OPTIONS"
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "GET"])
@pytest.mark.parametrize("path", ["/v4/", "/v5/EndpointEvents", "/v4/EndpointEvents/"])
async def test_another_path_is_not_found(server: Any, method: str, path: str) -> None:
    answer = await server.request(method, path)
    assert (answer.status, answer.code) == (404, 20404)


async def test_a_bad_body_is_refused_and_says_why(server: Any) -> None:
    answer = await server.post({**EVENT, "group": 5})
    assert (answer.status, answer.code) == (400, 70001)
    assert "group" in json.loads(answer.body)["message"]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"] == "application/json"


async def test_a_body_nested_a_thousand_levels_is_refused(server: Any) -> None:
    deep = b'{"group":"a","name":"b","payload":{"data":' + b"[" * 1000 + b"]" * 1000
    answer = await server.post(deep + b"}}")
    assert (answer.status, answer.code) == (400, 70001)
    assert (await server.post(EVENT)).status == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"\xff", "UTF-8"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b'{"name":"b","payload":{}}', "group"),
        (b'{"group":"a","name":5,"payload":{}}', "name"),
        (b'{"group":"a","name":"b","payload":"x"}', "payload"),
        (b'{"group":"a","name":"b","payload":{"x":NaN}}', "JSON"),
        (b'{"group":"a","name":"b","payload":{"x":-Infinity}}', "JSON"),
    ],
)
async def test_every_way_a_body_can_be_bad_has_one_code(
    server: Any, path: str, raw: bytes, word: str
) -> None:
    answer = await server.post(raw, path=path)
    assert (answer.status, answer.code) == (400, 70001)
    told = json.loads(answer.body)
    assert told.keys() == {"code", "message"}
    assert told["message"].startswith("The request has constraint violations: ")
    assert word in told["message"]


@pytest.mark.parametrize(
    "payload", [{}, {"temp_call_sid": ""}, [{"jitter": 1}], [], [None]], ids=str
)
async def test_what_names_no_call_is_kept_all_the_same(
    server: Any, payload: object
) -> None:
    what = "Metrics" if isinstance(payload, list) else "Events"
    body = {"group": "never seen", "name": "neither", "payload": payload}
    answer = await server.post(body, path=f"/v4/Endpoint{what}")
    assert (answer.status, answer.body) == (200, b"")


async def test_good_posts_have_no_limit(server: Any) -> None:
    answers = [await server.post(EVENT) for _ in range(100)]
    assert {answer.status for answer in answers} == {200}
    assert len(await server.events()) == 100


async def test_a_bad_token_comes_before_a_bad_body(server: Any) -> None:
    answer = await server.post(b"{", token="x")
    assert (answer.status, answer.code) == (403, 20160)


@pytest.mark.parametrize(
    ("path", "limit"),
    [("/v4/EndpointEvents", 65_536), ("/v4/EndpointMetrics", 262_144)],
)
async def test_a_body_over_its_limit_is_not_read_on(
    server: Any, path: str, limit: int
) -> None:
    declared = await server.post(
        b"", path=path, headers={"content-length": str(limit + 1)}
    )
    assert (declared.status, declared.code) == (413, 20413)
    assert declared.headers["connection"] == "close"
    chunks = [b" " * 1000] * 1000
    streamed = await server.request("POST", path, chunks=chunks)
    assert streamed.status == 413
    assert len(chunks) == 1000 - limit // 1000 - 1
    assert (
        await server.request("POST", path, chunks=[b" " * (limit + 1)])
    ).status == 413
    assert (await server.post(b" " * limit, path=path)).code == 70001


async def test_a_body_may_come_in_pieces(server: Any) -> None:
    raw = json.dumps(EVENT).encode()
    headers = {"x-twilio-token": server.token()}
    pieces = [raw[:10], b"", raw[10:20], raw[20:]]
    answer = await server.request(
        "POST", "/v4/EndpointEvents", headers=headers, chunks=pieces
    )
    assert answer.status == 200


async def test_a_body_that_never_ends_is_given_up(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "BODY_TIMEOUT_S", 0.01)
    first = [{"type": "http.request", "body": b"{", "more_body": True}]
    never: asyncio.Future[MutableMapping[str, Any]] = asyncio.Future()

    async def receive() -> MutableMapping[str, Any]:
        if first:
            return first.pop()
        return await never

    answer = await server.request("POST", "/v4/EndpointEvents", receive=receive)
    assert answer.status == 408
    assert answer.headers["connection"] == "close"


async def test_a_client_that_goes_away_gets_no_answer(server: Any) -> None:
    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    answer = await server.request("POST", "/v4/EndpointEvents", receive=receive)
    assert answer.status == 0


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("https://a.example", "https://a.example"), ("https://evil.example", None)],
)
async def test_only_named_origins_are_allowed(
    house: Any, origin: str, allowed: str | None
) -> None:
    async with house.server(sdk_allowed_origins=("https://a.example",)) as server:
        for answer in (
            await server.post(EVENT, headers={"origin": origin}),
            await server.post(EVENT, headers={"origin": origin}, token="x"),
            await server.request("OPTIONS", PATHS[0], headers={"origin": origin}),
        ):
            assert answer.headers.get("access-control-allow-origin") == allowed
            assert answer.headers["vary"] == "Origin"


async def test_the_31st_failed_token_of_a_minute_is_not_looked_at(server: Any) -> None:
    assert (await server.post(EVENT)).status == 200
    for _ in range(30):
        assert (await server.post(EVENT, token="x")).status == 403
    blocked = await server.post(EVENT, token="y")
    assert (blocked.status, blocked.code) == (429, 20429)
    assert blocked.headers["retry-after"] == "60"
    # Another address is not blocked, nor is a token that was good before.
    other = await server.post(EVENT, token="x", client=("203.0.113.8", 1))
    assert other.status == 403
    assert (await server.post(EVENT)).status == 200
    server.clock.advance(60)
    assert (await server.post(EVENT, token="x")).status == 403


async def test_behind_a_proxy_the_forwarded_address_counts(house: Any) -> None:
    async with house.server(
        sdk_trusted_proxies=(ip_network("203.0.113.0/24"),)
    ) as server:
        await server.post(EVENT, headers={"x-forwarded-for": "198.51.100.9"})
        [data] = await server.events()
    assert data["sdk_edge"]["metadata"]["ip_address"] == "198.51.100.9"


async def test_an_expired_token_is_good_for_a_call_that_is_known(server: Any) -> None:
    now = server.clock.now_ms() // 1000
    expired = server.token(nbf=now - 4000, exp=now - 400)
    before = await server.post(EVENT, token=expired)
    assert (before.status, before.code) == (403, 20104)
    assert (await server.post(EVENT)).status == 200
    assert (await server.post(EVENT, token=expired)).status == 200
    metrics = {**METRICS, "payload": [{"call_sid": "CA" + "9" * 32}, SAMPLE]}
    late = await server.post(metrics, token=expired, path="/v4/EndpointMetrics")
    assert late.status == 200
    other = {**EVENT, "payload": {"call_sid": "CA" + "9" * 32}}
    assert (await server.post(other, token=expired)).code == 20104
    assert (await server.post(b"{", token=expired)).code == 20104


async def test_a_call_is_known_to_its_own_account_only(server: Any) -> None:
    await server.post(EVENT)
    now = server.clock.now_ms() // 1000
    times = {"nbf": now - 4000, "exp": now - 400}
    strange = server.token(
        iss="SK" + "0" * 31 + "2", sub="AC" + "0" * 31 + "2", **times
    )
    assert (await server.post(EVENT, token=strange)).code == 20104


async def test_a_call_is_known_after_a_restart(house: Any) -> None:
    async with house.server() as server:
        await server.post(EVENT)
    async with house.server() as server:
        now = server.clock.now_ms() // 1000
        expired = server.token(nbf=now - 4000, exp=now - 400)
        assert (await server.post(EVENT, token=expired)).status == 200


async def test_a_disk_that_does_not_keep_it_makes_503(server: Any) -> None:
    await server.post(EVENT)
    await server.database.write(
        lambda c: c.execute("ALTER TABLE event RENAME TO gone").close()
    )
    answer = await server.post(EVENT)
    assert (answer.status, answer.code) == (503, 20503)
    assert answer.headers["retry-after"] == "5"
    assert answer.headers["access-control-allow-origin"] == "*"


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)
fields = st.sampled_from(
    ["group", "name", "payload", "level", "timestamp", "publisher_metadata"]
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    body=st.binary(max_size=100)
    | st.dictionaries(fields, json_values).map(lambda v: json.dumps(v).encode())
    | json_values.map(lambda v: json.dumps({**EVENT, "payload": {"data": v}}).encode()),
    token=st.none() | st.text(st.characters(max_codepoint=255)),
    path=st.sampled_from(PATHS),
)
async def test_whatever_is_posted_has_an_answer(
    server: Any, body: bytes, token: str | None, path: str
) -> None:
    answer = await server.post(body, token=token, path=path)
    assert answer.status in ({200, 400} if token is None else {403, 429})
