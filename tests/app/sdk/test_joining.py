"""From posts to events of the right call: recorded calls, holding, restarts."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest


DATA = Path(__file__).parents[2] / "data" / "voice-sdk"
CALLS = sorted(path.stem for path in DATA.glob("*.jsonl"))
CA, OTHER_CA = "CA" + "1" * 32, "CA" + "2" * 32
TJS = "TJS86cbb486-ccff-4689-b2da-587321b75215"


def recorded(call: str) -> list[dict[str, Any]]:
    text = (DATA / f"{call}.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def event(name: str, second: int = 0, **payload: Any) -> dict[str, Any]:
    return {
        "group": "connection",
        "name": name,
        "level": "INFO",
        "payload": {"temp_call_sid": TJS, **payload},
        "timestamp": f"2026-11-20T09:13:{second:02}.000Z",
    }


async def replay(server: Any, requests: list[dict[str, Any]]) -> int:
    """Send recorded requests again, with fresh tokens; return the event posts."""
    posts = 0
    for request in requests:
        if request["method"] == "OPTIONS":
            answer = await server.request(
                "OPTIONS", request["path"], headers=request["headers"]
            )
            assert answer.status == 204
            continue
        headers = {
            **request["headers"],
            "x-twilio-token": server.token(),
            "content-length": str(len(json.dumps(request["body"]))),
        }
        answer = await server.post(
            request["body"], path=request["path"], headers=headers
        )
        assert answer.status == 200
        posts += request["path"].endswith("Events")
    return posts


@pytest.mark.parametrize("call", [c for c in CALLS if c != "mic-denied"])
async def test_a_recorded_call_makes_one_event_per_post_all_of_one_call(
    server: Any, call: str
) -> None:
    posts = await replay(server, recorded(call))
    events = await server.events()
    assert len(events) == posts > 0
    [call_sid] = {data["call_sid"] for data in events}
    assert call_sid.startswith("CA")
    assert await server.count("held_event") == 0
    assert await server.count("sdk_call") == 1


async def test_a_call_that_never_was_comes_out_under_the_browsers_id(
    server: Any,
) -> None:
    posts = await replay(server, recorded("mic-denied"))
    assert await server.events() == []
    server.clock.advance(5)
    await server.joiner.release_due()
    events = await server.events()
    assert len(events) == posts
    assert all(data["call_sid"].startswith("TJS") for data in events)
    times = [data["timestamp"] for data in events]
    assert times == sorted(times)
    codes = [data["sdk_edge"].get("error", {}).get("code") for data in events]
    assert 31401 in codes
    assert await server.count("held_event") == 0


async def test_a_restart_while_events_are_held_loses_none(house: Any) -> None:
    requests = recorded("outgoing-answered-local-hangup")
    posts = [r for r in requests if r["path"].endswith("Events") and r["body"]]
    held = next(i for i, r in enumerate(posts) if "call_sid" in r["body"]["payload"])
    assert held > 3
    async with house.server() as server:
        await replay(server, posts[:held])
        assert await server.events() == []
        assert await server.count("held_event") == held
    async with house.server() as server:
        await replay(server, posts[held:])
        events = await server.events()
        assert len(events) == len(posts)
        assert len({data["call_sid"] for data in events}) == 1
        assert await server.count("held_event") == 0


async def test_held_events_keep_their_deadline_through_a_restart(house: Any) -> None:
    async with house.server() as server:
        await server.post(event("outgoing"))
        house.clock.advance(40)
        await server.post(event("outgoing-ringing", 40))
    async with house.server() as server:
        house.clock.advance(19)
        await server.joiner.release_due()
        assert await server.events() == []
        house.clock.advance(1)
        await server.joiner.release_due()
        assert [data["name"] for data in await server.events()] == ["outgoing"]
        house.clock.advance(40)
        await server.joiner.release_due()
        assert len(await server.events()) == 2


async def test_held_events_go_out_in_the_clients_order_before_the_post_that_frees_them(
    server: Any,
) -> None:
    await server.post(event("second", 2))
    await server.post(event("first", 1))
    await server.post(event("third", 3))
    await server.post(event("outgoing-ringing", 0, call_sid=CA))
    events = await server.events()
    names = [data["name"] for data in events]
    assert names == ["first", "second", "third", "outgoing-ringing"]
    assert {data["call_sid"] for data in events} == {CA}


async def test_once_the_pair_is_known_nothing_waits(server: Any) -> None:
    await server.post(event("incoming", call_sid=CA))
    await server.post(event("muted"))
    assert [data["call_sid"] for data in await server.events()] == [CA, CA]


async def test_a_pair_is_known_after_a_restart(house: Any) -> None:
    async with house.server() as server:
        await server.post(event("incoming", call_sid=CA))
        edge = {**event("edge", edge="ashburn-ix"), "group": "settings"}
        await server.post(edge)
    async with house.server() as server:
        await server.post(event("muted"))
        data = (await server.events())[-1]
    assert data["call_sid"] == CA
    assert data["sdk_edge"]["metadata"]["sdk"]["edge_location"] == "ashburn-ix"


async def test_a_call_sid_that_is_a_temporary_one_waits_too(server: Any) -> None:
    await server.post(event("outgoing", call_sid=TJS, temp_call_sid=None))
    assert await server.events() == []
    await server.post(event("outgoing-ringing", call_sid=CA))
    assert len(await server.events()) == 2


async def test_ids_of_one_account_are_not_joined_with_anothers(server: Any) -> None:
    strange = server.token(iss="SK" + "0" * 31 + "2", sub="AC" + "0" * 31 + "2")
    await server.post(event("outgoing"))
    await server.post(event("incoming", call_sid=CA), token=strange)
    assert [data["account_sid"][-1] for data in await server.events()] == ["2"]
    assert await server.count("held_event") == 1


async def test_the_newest_pair_counts(server: Any) -> None:
    await server.post(event("incoming", call_sid=CA))
    await server.post(event("incoming", call_sid=OTHER_CA))
    await server.post(event("muted"))
    events = await server.events()
    assert [data["call_sid"] for data in events] == [CA, OTHER_CA, OTHER_CA]


async def test_a_call_known_by_its_sid_alone_is_known(server: Any) -> None:
    bare = event("connected", call_sid=CA, temp_call_sid=None)
    await server.post(bare)
    await server.post(bare)
    assert await server.count("sdk_call") == 1
    await server.post(event("muted", call_sid=CA))
    await server.post(event("unmuted"))
    assert [data["call_sid"] for data in await server.events()] == [CA] * 4


async def test_an_event_without_a_call_is_kept_and_not_emitted(server: Any) -> None:
    answer = await server.post(event("init", temp_call_sid=None))
    assert answer.status == 200
    assert await server.events() == []
    assert await server.count("unattached_post") == 1


async def test_with_holding_off_nothing_waits(house: Any) -> None:
    async with house.server(sdk_hold_seconds=0) as server:
        await server.post(event("outgoing"))
        await server.post(event("outgoing-ringing", call_sid=CA))
        events = await server.events()
    assert [data["call_sid"] for data in events] == [TJS, CA]


async def test_the_end_of_a_call_cuts_the_wait_of_what_came_before(house: Any) -> None:
    async with house.server() as server:
        await server.post(event("outgoing"))
        house.clock.advance(1)
        await server.post(event("disconnected-by-local", 1))
    async with house.server() as server:
        house.clock.advance(5)
        await server.joiner.release_due()
        assert len(await server.events()) == 2


async def test_a_disk_that_fails_keeps_what_is_held(server: Any) -> None:
    await server.post(event("outgoing"))
    await server.database.write(
        lambda c: c.execute("ALTER TABLE event RENAME TO gone").close()
    )
    failed = await server.post(event("outgoing-ringing", 1, call_sid=CA))
    assert failed.status == 503
    assert await server.count("held_event") == 1
    await server.database.write(
        lambda c: c.execute("ALTER TABLE gone RENAME TO event").close()
    )
    await server.joiner.release_due()
    await server.post(event("outgoing-ringing", 1, call_sid=CA))
    events = await server.events()
    assert [data["name"] for data in events] == ["outgoing", "outgoing-ringing"]
    assert {data["call_sid"] for data in events} == {CA}
    assert await server.count("held_event") == 0
    assert await server.count("sdk_call") == 1


async def test_pairs_are_pruned_after_a_week(server: Any) -> None:
    await server.post(event("incoming", call_sid=CA))
    await server.post(event("init", temp_call_sid=None))
    server.clock.advance(7 * 86_400)
    await server.joiner.prune()
    assert await server.count("sdk_call") == 1
    server.clock.advance(1)
    await server.joiner.prune()
    assert await server.count("sdk_call") == 0
    assert await server.count("unattached_post") == 1
    server.clock.advance(24 * 86_400)
    await server.joiner.prune()
    assert await server.count("unattached_post") == 0


async def test_deadlines_are_looked_after(house: Any) -> None:
    async with house.server() as server, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server.joiner.run())
        await server.post(event("outgoing"))
        house.clock.advance(60)
        while not await server.events():
            await asyncio.sleep(0)
            house.clock.advance(1)
        running.cancel()


async def test_no_held_post_is_nested_too_deeply_to_be_let_go(server: Any) -> None:
    def deep(levels: int) -> bytes:
        raw = json.dumps(event("outgoing", data="here"))
        return raw.replace('"here"', "[" * levels + "]" * levels).encode()

    answers = [await server.post(deep(levels)) for levels in (400, *range(850, 1000))]
    assert {answer.status for answer in answers} == {200, 400}

    with_sid = await server.post(event("outgoing-ringing", call_sid=CA))

    assert with_sid.status == 200
    taken = sum(answer.status == 200 for answer in answers)
    assert len(await server.events()) == taken + 1


@pytest.mark.parametrize("call_sid", [None, CA], ids=["held", "at once"])
async def test_what_would_make_too_large_an_event_is_refused_and_harms_nobody(
    house: Any, call_sid: str | None
) -> None:
    large = event("high-rtt", 1, call_sid=call_sid)
    large["payload"]["data"] = {"threshold": 1, "values": "@"}
    grows = b"[" + b",".join([b"1E15"] * 80_000) + b"]"
    body = json.dumps(large).encode().replace(b'"@"', grows)
    async with house.server(sdk_max_event_bytes=1_000_000) as server:
        await server.post(event("outgoing"))
        refused = await server.post(body)
        assert (refused.status, refused.code) == (413, 20413)
        await server.post(event("outgoing-ringing", 2, call_sid=CA))
        names = [data["name"] for data in await server.events()]
        assert names == ["outgoing", "outgoing-ringing"]
        assert await server.count("held_event") == 0
        assert await server.count("sdk_call") == 1
