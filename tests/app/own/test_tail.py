"""Events as they are accepted."""

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.app.own.program import SDK_TYPE, Answer, Program, program

from trunkline.api.own.tails import QUEUE_LIMIT, Tails
from trunkline.events.envelope import Event
from trunkline.log.records import Entry


CALL = "CA" + "1" * 32
OTHER_CALL = "CA" + "2" * 32


def events(answer: Answer) -> list[Any]:
    lines = answer.body.decode().splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


async def watched(own: Program, query: str, *posts: tuple[str, str]) -> Answer:
    """What a client that watches sees of some posts; it leaves after the first event."""
    watching = asyncio.ensure_future(
        own.ask("GET", f"/trunkline/v1/Tail?{query}", got=lambda b: b"data: " in b)
    )
    await metrics_until(own, "trunkline_tails 1.0")
    for name, call_sid in posts:
        await own.sdk_post(name, call_sid)
    return await watching


async def metrics_until(own: Program, line: str) -> None:
    # Seen from outside, as a scraper sees it.
    while line.encode() not in (await own.ask("GET", "/metrics")).body.splitlines():  # noqa: ASYNC110 (seen from outside)
        await asyncio.sleep(0.01)


async def test_an_accepted_event_is_shown_at_once(own: Program) -> None:
    answer = await watched(own, "", ("accepted", CALL))

    assert answer.headers["content-type"].startswith("text/event-stream")
    [event] = events(answer)
    assert (event["specversion"], event["type"]) == ("1.0", SDK_TYPE)
    assert f"id: {event['id']}\n".encode() in answer.body


async def test_only_what_is_asked_for_is_shown(own: Program) -> None:
    answer = await watched(
        own, f"CallSid={CALL}&Types={SDK_TYPE}", ("one", OTHER_CALL), ("two", CALL)
    )

    assert [event["data"]["name"] for event in events(answer)] == ["two"]


async def test_a_client_that_goes_away_leaves_nothing_behind(own: Program) -> None:
    await watched(own, "", ("accepted", CALL))

    await metrics_until(own, "trunkline_tails 0.0")


async def test_the_stream_ends_when_the_server_stops(tmp_path: Path) -> None:
    stopping = asyncio.Event()
    async with program(tmp_path, stopping) as own:
        watching = asyncio.ensure_future(own.ask("GET", "/trunkline/v1/Tail"))
        await metrics_until(own, "trunkline_tails 1.0")

        stopping.set()

        assert (await watching).status == 200
        refused = await own.ask("GET", "/trunkline/v1/Tail")
        assert refused.status == 429


def entry(position: int) -> Entry:
    event = Event("VW1", "AC1", "type", "/s", "2026-01-01T00:00:00.000Z", "CA1", b"{}")
    return Entry(position, 0, event)


async def test_a_slow_watcher_misses_some_and_is_told_how_many() -> None:
    tails = Tails()
    tail = tails.open("AC1", (), ())

    tails.appended([entry(position) for position in range(QUEUE_LIMIT + 7)])

    taken, missed = tail.take()
    assert (len(taken), missed) == (QUEUE_LIMIT, 7)
    assert tail.take() == ([], 0)


async def test_nobody_watches_another_accounts_events() -> None:
    tails = Tails()
    tail = tails.open("AC2", (), ())

    tails.appended([entry(1)])

    assert tail.take() == ([], 0)
