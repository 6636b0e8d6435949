"""Deliveries by the service worker, repeated until one is answered: each counts once."""

import asyncio
import json
from typing import Any

import pytest

from trunkline.database import disk
from trunkline.database.kernel_sync import Told


CA, TJS = "CA" + "1" * 32, "TJS86cbb486-ccff-4689-b2da-587321b75215"
DELIVERY = "0f8fad5b-d9cb-469f-a165-70867728950e"
DAY_S = 24 * 60 * 60


def event(name: str = "muted", **payload: Any) -> dict[str, Any]:
    return {
        "group": "connection",
        "name": name,
        "level": "INFO",
        "payload": payload,
        "timestamp": "2026-11-20T09:13:16.860Z",
    }


async def post(server: Any, body: object, delivery: str = DELIVERY, **more: Any) -> int:
    headers = {"x-trunkline-delivery": delivery}
    answer = await server.post(body, headers=headers, **more)
    return int(answer.status)


@pytest.mark.parametrize(
    "payload", [{"call_sid": CA}, {"call_sid": CA, "temp_call_sid": TJS}]
)
async def test_a_repeated_delivery_is_answered_and_makes_no_second_event(
    server: Any, payload: dict[str, str]
) -> None:
    for spelling in (DELIVERY, DELIVERY.upper(), DELIVERY):
        assert await post(server, event(**payload), spelling) == 200
    assert len(await server.events()) == 1
    assert len(await server.posts()) == 1
    assert server.gateway.counts["repeated"] == 2


async def test_deliveries_at_the_same_time_count_once(server: Any) -> None:
    statuses = await asyncio.gather(
        *(post(server, event(call_sid=CA)) for _ in range(5))
    )
    assert statuses == [200] * 5
    assert len(await server.events()) == 1


async def test_a_repeat_on_the_heels_of_what_is_held_is_not_released_with_it(
    server: Any,
) -> None:
    held = event("outgoing", temp_call_sid=TJS)
    ringing = event("outgoing-ringing", temp_call_sid=TJS, call_sid=CA)
    await asyncio.gather(post(server, held), post(server, held), server.post(ringing))
    await asyncio.gather(post(server, held), server.post(ringing), post(server, held))
    names = [data["name"] for data in await server.events()]
    assert sorted(names) == ["outgoing", "outgoing-ringing", "outgoing-ringing"]
    assert server.gateway._turns._locks == server.gateway._turns._here == {}


async def test_equal_posts_of_two_deliveries_count_twice(server: Any) -> None:
    await post(server, event(call_sid=CA))
    await post(server, event(call_sid=CA), DELIVERY.replace("0", "1"))
    await server.post(event(call_sid=CA))
    await server.post(event(call_sid=CA))
    assert len(await server.events()) == 4


async def test_a_delivery_that_is_held_is_held_once_through_a_restart(
    house: Any,
) -> None:
    async with house.server() as server:
        assert await post(server, event("outgoing", temp_call_sid=TJS)) == 200
    async with house.server() as server:
        assert await post(server, event("outgoing", temp_call_sid=TJS)) == 200
        assert await server.count("held_event") == 1
        await server.post(event("outgoing-ringing", temp_call_sid=TJS, call_sid=CA))
        assert await post(server, event("outgoing", temp_call_sid=TJS)) == 200
        names = [data["name"] for data in await server.events()]
    assert names == ["outgoing", "outgoing-ringing"]


async def test_what_a_failing_disk_did_not_keep_counts_when_it_comes_again(
    server: Any,
) -> None:
    await server.database.write(
        lambda c: c.execute("ALTER TABLE event RENAME TO gone").close()
    )
    assert await post(server, event(call_sid=CA)) == 503
    await server.database.write(
        lambda c: c.execute("ALTER TABLE gone RENAME TO event").close()
    )
    assert await post(server, event(call_sid=CA)) == 200
    assert await post(server, event(call_sid=CA)) == 200
    assert len(await server.events()) == 1


async def test_posts_without_a_call_and_metrics_count_once_too(server: Any) -> None:
    metrics = {"group": "g", "name": "n", "payload": [{"call_sid": CA, "mos": 4}]}
    for _ in range(2):
        assert await post(server, event()) == 200
        for _ in range(2):
            delivery = DELIVERY.replace("0", "1")
            path = "/v4/EndpointMetrics"
            assert await post(server, metrics, delivery, path=path) == 200
        server.clock.advance(1)
    assert await server.count("unattached_post") == 1
    assert await server.count("sdk_sample") == 1


async def test_the_same_id_on_another_account_is_another_delivery(server: Any) -> None:
    other = server.token(iss="SK" + "0" * 31 + "2", sub="AC" + "0" * 31 + "2")
    await post(server, event(call_sid=CA))
    await post(server, event(call_sid=CA), token=other)
    assert len(await server.events()) == 2


async def test_a_delivery_is_remembered_for_a_day(server: Any) -> None:
    await post(server, event(call_sid=CA))
    server.clock.advance(DAY_S - 1)
    await server.joiner.prune()
    await post(server, event(call_sid=CA))
    assert len(await server.events()) == 1
    server.clock.advance(1)
    await post(server, event(call_sid=CA))
    assert len(await server.events()) == 2
    server.clock.advance(DAY_S + 1)
    await server.joiner.prune()
    assert await server.count("sdk_delivery") == 0


@pytest.mark.parametrize("bad", ["", "1", "x" * 5000, "0" * 31, "é"])
async def test_an_id_that_is_none_is_refused(server: Any, bad: str) -> None:
    headers = {"x-trunkline-delivery": bad}
    answer = await server.post(event(call_sid=CA), headers=headers)
    assert (answer.status, answer.code) == (400, 70001)
    assert "X-Trunkline-Delivery" in json.loads(answer.body)["message"]
    assert await server.events() == []


async def test_a_repeat_that_is_overtaken_by_the_sid_counts_once(server: Any) -> None:
    held = event("outgoing", temp_call_sid=TJS)
    assert await post(server, held) == 200
    ringing = event("outgoing-ringing", temp_call_sid=TJS, call_sid=CA)
    await asyncio.gather(post(server, held), server.post(ringing))
    names = [data["name"] for data in await server.events()]
    assert sorted(names) == ["outgoing", "outgoing-ringing"]
    assert server.gateway.counts["repeated"] == 1


FAULT = OSError(5, "Input/output error")


@pytest.fixture(params=["kernel", "thread"])
def broken(
    server: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> pytest.MonkeyPatch:
    """Have syncs fail until this is undone, whoever makes them."""

    def begin(told: Told) -> None:
        asyncio.get_running_loop().call_soon(told, FAULT)

    def sync(_descriptor: int) -> None:
        raise FAULT

    way = begin if request.param == "kernel" else None
    monkeypatch.setattr(server.database.commits, "_begin_sync", way)
    monkeypatch.setattr(disk, "sync", sync)
    return monkeypatch


async def test_a_repeat_of_what_was_written_but_not_synced_is_not_accepted(
    server: Any, broken: pytest.MonkeyPatch
) -> None:
    assert await post(server, event(call_sid=CA)) == 503
    broken.undo()
    assert await post(server, event(call_sid=CA)) == 503


@pytest.mark.usefixtures("broken")
async def test_a_repeat_beside_what_is_not_synced_is_not_accepted(server: Any) -> None:
    metrics = {"group": "g", "name": "n", "payload": [{"call_sid": CA, "mos": 4}]}
    path = "/v4/EndpointMetrics"
    answers = await asyncio.gather(
        *(post(server, metrics, path=path) for _ in range(2))
    )
    assert answers == [503, 503]
