"""What is kept of posts beside their events, and for how long."""

import json
from ipaddress import ip_network
from typing import Any

import pytest
import structlog
from tests.app.sdk.conftest import ACCOUNT, NOW_MS

from trunkline.capture.sdk.mapping import Place
from trunkline.capture.sdk.ports import KeptPost
from trunkline.storage.timeline import TimelineStore


CA, TJS = "CA" + "1" * 32, "TJS86cbb486-ccff-4689-b2da-587321b75215"
NOW = "2026-11-20T09:48:36.000Z"
DAY_S = 24 * 60 * 60


def event(name: str = "muted", level: str = "INFO", **payload: Any) -> dict[str, Any]:
    return {
        "group": "connection",
        "name": name,
        "level": level,
        "payload": {"call_sid": CA, **payload},
        "timestamp": NOW,
    }


def metrics(*samples: dict[str, Any]) -> dict[str, Any]:
    return {"group": "quality-metrics-samples", "name": "x", "payload": list(samples)}


async def rows(server: Any, query: str) -> list[Any]:
    found: list[Any] = await server.database.read(lambda c: c.execute(query).fetchall())
    return found


async def posts(server: Any, *ids: str) -> list[KeptPost]:
    """Return the posts on a call's timeline, in its order."""
    timelines = TimelineStore(server.database)
    marks = await timelines.marks(ACCOUNT.sid, ids)
    records = await timelines.records(ACCOUNT.sid, ids, marks)
    found = [
        (mark.id in records.events and records.events[mark.id].post)
        or records.posts.get(mark.post)
        for mark in marks
    ]
    return [post for post in found if post]


async def metadata(server: Any) -> dict[str, Any]:
    data = (await server.events())[-1]
    found: dict[str, Any] = data["sdk_edge"]["metadata"]
    return found


async def test_a_post_is_kept_beside_its_event(server: Any) -> None:
    await server.post(event(codec_params="x"))
    [post] = await posts(server, CA)
    assert json.loads(post.body) == event(codec_params="x")
    [(event_id,)] = await rows(server, "SELECT id FROM event")
    assert post[:-1] == (ACCOUNT.sid, CA, event_id, NOW_MS, NOW_MS, False)


async def test_a_post_that_waits_is_kept_once_and_goes_with_its_event(
    server: Any,
) -> None:
    await server.post(event("outgoing", call_sid=None, temp_call_sid=TJS))
    await server.post(event("outgoing-ringing", temp_call_sid=TJS))
    events = await rows(server, "SELECT id FROM event ORDER BY position")
    first, second = await posts(server, TJS, CA)
    assert [first.call_id, second.call_id] == [TJS, CA]
    assert [(first.event_id,), (second.event_id,)] == events
    assert await server.count("held_event") == 0


@pytest.mark.parametrize(
    ("at", "skewed"),
    [
        ("2026-11-19T09:48:36.000Z", False),
        ("2026-11-19T09:48:35.999Z", True),
        ("2026-11-20T09:58:36.000Z", False),
        ("2026-11-20T09:58:36.001Z", True),
        (None, False),
    ],
)
async def test_a_clock_that_is_far_off_is_marked_and_not_corrected(
    server: Any, at: str | None, skewed: bool
) -> None:
    await server.post({**event(), "timestamp": at})
    [post] = await posts(server, CA)
    assert post.clock_skew is skewed
    assert (await server.events())[0]["timestamp"] == (at or NOW)


async def test_with_raw_posts_off_only_the_mapped_event_is_kept(house: Any) -> None:
    async with house.server(sdk_keep_raw=False) as server:
        await server.post(event())
        await server.post(event("outgoing", call_sid=None, temp_call_sid=TJS))
        await server.post(event("outgoing-ringing", temp_call_sid=TJS))
        await server.post(event("init", call_sid=None))
        assert len(await server.events()) == 3
        assert await server.posts() == []
        for table in ("unattached_post", "held_event"):
            assert await server.count(table) == 0


async def test_nothing_that_is_kept_has_what_privacy_forbids(house: Any) -> None:
    async with house.server(
        sdk_ip_privacy="truncate", sdk_client_name="hash"
    ) as server:
        candidate = {"ip": "192.168.17.23", "related_address": None}
        body = event(
            call_sid=None,
            temp_call_sid=TJS,
            local_candidate=candidate,
            audio_device_ids=["the-device"],
        )
        await server.post(body)
        await server.post(event("outgoing-ringing", temp_call_sid=TJS))
        assert (await metadata(server))["ip_address"] == "203.0.113.0"
        assert len((await metadata(server))["client_name"]) == 32
        await server.post(event("init", call_sid=None, ip="192.168.17.23"))
    content = b"".join(path.read_bytes() for path in house.folder.iterdir())
    for secret in (b"192.168.17.23", b"203.0.113.7", b"the-device", b"alice"):
        assert secret not in content
    assert b"192.168.17.0" in content


async def test_a_place_is_looked_up_before_the_address_is_dropped(house: Any) -> None:
    asked = []

    def place_of(address: str) -> Place:
        asked.append(address)
        return Place(city="Berlin", country_code="DE")

    house.place_of = place_of
    async with house.server(sdk_ip_privacy="drop", sdk_client_name="drop") as server:
        await server.post(event("outgoing", call_sid=None, temp_call_sid=TJS))
    house.place_of = lambda _: Place()
    async with house.server() as server:
        server.clock.advance(60)
        await server.joiner.release_due()
        found = await metadata(server)
    assert asked == ["203.0.113.7"]
    assert (found["city"], found["country_code"]) == ("Berlin", "DE")
    assert (found["ip_address"], found["client_name"]) == ("", "")


async def test_events_below_the_lowest_level_are_kept_and_not_emitted(
    house: Any,
) -> None:
    async with house.server(sdk_min_level="WARNING") as server:
        for level in ("DEBUG", "INFO", "warning", "ERROR", "odd"):
            await server.post(event(level=level))
        levels = [data["level"] for data in await server.events()]
        assert levels == ["WARNING", "ERROR", "UNKNOWN"]
        assert len(await server.posts()) == 5
        assert server.joiner.counts["below_level"] == 2


async def test_a_post_below_the_lowest_level_still_tells_which_call_it_is(
    house: Any,
) -> None:
    async with house.server(sdk_min_level="WARNING") as server:
        await server.post(event("a", call_sid=None, temp_call_sid=TJS))
        assert await server.count("held_event") == 0
        await server.post(event("b", "ERROR", call_sid=None, temp_call_sid=TJS))
        await server.post(event("c", temp_call_sid=TJS))
        [data] = await server.events()
    assert (data["name"], data["call_sid"]) == ("b", CA)


async def test_samples_are_kept_one_by_one_and_summed_up(server: Any) -> None:
    first = {"call_sid": CA, "timestamp": NOW, "mos": 4.1, "jitter": 2, "odd": [1]}
    await server.post(
        metrics(first, {"temp_call_sid": TJS, "mos": None}, {"mos": 1}),
        path="/v4/EndpointMetrics",
    )
    kept = await rows(server, "SELECT call_id, body FROM sdk_sample ORDER BY call_id")
    assert [(call_id, json.loads(body)) for call_id, body in kept] == [
        ("", {"mos": 1}),
        (CA, first),
        (TJS, {"temp_call_sid": TJS, "mos": None}),
    ]
    assert await server.count("sdk_roll_up") == 3
    assert server.metrics.counts["samples_unattached"] == 1


async def test_a_sample_that_is_repeated_replaces_the_earlier_one(server: Any) -> None:
    for mos in (1, 4):
        sample = {"call_sid": CA, "timestamp": NOW, "mos": mos}
        await server.post(metrics(sample), path="/v4/EndpointMetrics")
    [(body,)] = await rows(server, "SELECT body FROM sdk_sample")
    assert json.loads(body)["mos"] == 4
    assert await server.count("sdk_roll_up") == 1


async def test_what_is_kept_is_pruned_when_its_time_is_over(house: Any) -> None:
    async with house.server(sdk_retention_days=3) as server:
        await server.post(event())
        await server.post(event("outgoing", call_sid=None, temp_call_sid=TJS))
        await server.post(event("init", call_sid=None))
        samples = [{"call_sid": CA, "timestamp_ms": n} for n in range(100)]
        for _ in range(2):
            await server.post(metrics(*samples), path="/v4/EndpointMetrics")
        tables = ("sdk_post", "unattached_post", "sdk_sample", "sdk_roll_up")
        server.clock.advance(3 * DAY_S)
        await server.joiner.prune()
        assert [await server.count(table) for table in tables] == [1, 1, 100, 1]
        assert len(await server.posts()) == 2
        server.clock.advance(1)
        await server.joiner.prune()
        assert [await server.count(table) for table in tables] == [0, 0, 0, 0]
        assert await server.posts() == []
        assert len(await server.events()) == 1


async def test_a_metrics_post_over_its_limit_is_refused(house: Any) -> None:
    async with house.server(sdk_max_metrics_bytes=1024) as server:
        body = metrics({"call_sid": CA, "x": "x" * 1024})
        answer = await server.post(body, path="/v4/EndpointMetrics")
        assert (answer.status, answer.code) == (413, 20413)


@pytest.mark.parametrize(
    ("setting", "header", "value"),
    [
        ("X-Forwarded-For", "x-forwarded-for", "198.51.100.9, 203.0.113.8"),
        ("Forwarded", "forwarded", "for=198.51.100.9;proto=https"),
        ("X-Real-IP", "x-real-ip", "198.51.100.9"),
    ],
)
async def test_a_trusted_proxy_tells_the_address_in_the_header_it_is_set_to(
    house: Any, setting: str, header: str, value: str
) -> None:
    async with house.server(
        sdk_trusted_proxies=(ip_network("203.0.113.0/24"),),
        sdk_client_ip_header=setting,
    ) as server:
        await server.post(event(), headers={header: value})
        assert (await metadata(server))["ip_address"] == "198.51.100.9"
        await server.post(event(), headers={"x-client-ip": value})
        assert (await metadata(server))["ip_address"] == "203.0.113.7"


async def test_claims_are_enough_where_tests_say_so(house: Any) -> None:
    async with house.server(sdk_token_check="claims") as server:
        unknown = server.token(iss="SK" + "9" * 32, sub="AC" + "9" * 32)
        assert (await server.post(event(), token=unknown)).status == 200
        [data] = await server.events()
    assert data["account_sid"] == "AC" + "9" * 32


async def test_without_a_grace_an_expired_token_does_for_no_call(house: Any) -> None:
    async with house.server(sdk_expired_token_grace=0) as server:
        await server.post(event())
        now = server.clock.now_ms() // 1000
        expired = server.token(nbf=now - 600, exp=now - 61)
        answer = await server.post(event(), token=expired)
    assert (answer.status, answer.code) == (403, 20104)


async def test_a_refused_token_is_logged_and_shown_without_the_token(
    server: Any,
) -> None:
    bad = server.token(iss="SK" + "0" * 31 + "1", sub="AC" + "0" * 31 + "2")
    with structlog.testing.capture_logs() as lines:
        answer = await server.post(event(), token=bad)
    assert answer.code == 20103
    [line] = lines
    assert line["event"] == "sdk_token_refused"
    assert (line["iss"], line["sub"]) == ("SK" + "0" * 31 + "1", "AC" + "0" * 31 + "2")
    assert (line["code"], line["exp"]) == (20103, server.clock.now_ms() // 1000 + 3600)
    assert bad not in str(lines)
    [failure] = server.failures.of("AC" + "0" * 31 + "1")
    assert failure.code == 20103


async def test_the_worker_is_served_where_a_public_url_is_set(house: Any) -> None:
    async with house.server(public_url="https://trunkline.example") as server:
        answer = await server.request("GET", "/voice-sdk/sw.js")
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/javascript"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["service-worker-allowed"] == "/"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert b'"https://trunkline.example"' in answer.body
        refused = await server.request("POST", "/voice-sdk/sw.js")
        assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")
        assert (await server.request("GET", "/voice-sdk/x.js")).status == 404
    async with house.server() as server:
        assert (await server.request("GET", "/voice-sdk/sw.js")).status == 404
