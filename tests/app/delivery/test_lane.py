"""What a lane does with events: deliver, retry, give up, catch up, go on."""

import asyncio

import msgspec
import pytest
from tests.app.delivery.stage import (
    ACCOUNT,
    DOWN,
    GONE,
    HOUR,
    OTHER_SINK,
    SINK,
    SinkDouble,
    Stage,
    breathe,
    event,
    ids,
    route,
    staged,
)

from trunkline.delivery.lane import QUEUE_LIMIT
from trunkline.events import test_event
from trunkline.events.envelope import Event
from trunkline.log.memory import MemoryLog
from trunkline.log.records import DeadLetter
from trunkline.sinks.answer import DELIVERED, Answer
from trunkline.testing import ManualClock


async def test_an_event_reaches_the_sink_that_subscribed_to_it(stage: Stage) -> None:
    webhook = stage.open()
    stage.subscribe(version=1)

    await stage.log.append([event(1)])
    await stage.settled()

    [body] = webhook.bodies
    sent = msgspec.json.decode(body)
    assert sent["id"] == event(1).id
    assert sent["dataschema"].endswith("/Voice.WebhookEvent/1")


async def test_events_before_the_subscription_are_not_sent(stage: Stage) -> None:
    webhook = stage.open()
    [position] = await stage.log.append([event(1)])
    stage.subscribe(after=position)

    await stage.log.append([event(2)])
    await stage.settled()

    assert webhook.got == ids([2])


async def test_of_events_appended_together_those_of_the_subscription_are_sent(
    stage: Stage,
) -> None:
    webhook = stage.open()
    stage.dispatcher.set_routes(SINK, [route(SINK, after=3, until=7)])

    await stage.log.append([event(n) for n in range(1, 11)])
    await stage.settled()

    assert sorted(webhook.got) == ids([4, 5, 6, 7])


async def test_a_version_that_begins_among_events_appended_together_begins_there(
    stage: Stage,
) -> None:
    webhook = stage.open()
    stage.dispatcher.set_routes(
        SINK, [route(SINK, version=1), route(SINK, version=2, after=3)]
    )

    await stage.log.append([event(n) for n in range(1, 7)])
    await stage.settled()

    sent = [msgspec.json.decode(body) for body in webhook.bodies]
    versions = {each["id"]: each["dataschema"][-1] for each in sent}
    assert [versions[id_] for id_ in ids(range(1, 7))] == ["1"] * 3 + ["2"] * 3


async def test_of_events_appended_together_each_sink_gets_its_own(stage: Stage) -> None:
    webhook = stage.open()
    stage.subscribe()
    others = {
        2: {"type": "com.example.other"},
        5: {"account_sid": "AC" + "9" * 32},
        9: {"type": "com.example.other"},
    }

    await stage.log.append(
        [msgspec.structs.replace(event(n), **others.get(n, {})) for n in range(1, 10)]
    )
    await stage.settled()

    assert sorted(webhook.got) == ids([1, 3, 4, 6, 7, 8])


async def test_queued_events_of_a_removed_subscription_are_still_sent(
    stage: Stage,
) -> None:
    webhook = stage.open()
    stage.subscribe()
    webhook.gate.clear()
    await stage.log.append([event(n) for n in range(10)])
    last = stage.log.head
    stage.dispatcher.set_routes(SINK, [route(SINK, until=last)])
    await stage.log.append([event(99)])

    webhook.gate.set()
    await stage.settled()

    assert sorted(webhook.got) == ids(range(10))


async def test_a_failed_delivery_is_tried_again_and_then_settled(stage: Stage) -> None:
    webhook = stage.open()
    stage.subscribe()
    webhook.answer = lambda _: DOWN
    await stage.log.append([event(1)])
    await stage.settled()
    assert await stage.log.next_due(SINK) is not None

    webhook.answer = lambda _: DELIVERED
    await stage.pass_time(2)

    assert webhook.got == ids([1, 1])
    assert await stage.log.next_due(SINK) is None
    assert stage.told == [(event(1).id, 1, "retryat"), (event(1).id, 2, "settle")]


async def test_a_refused_event_becomes_a_dead_letter_with_its_reason(
    stage: Stage,
) -> None:
    webhook = stage.open()
    stage.subscribe()
    webhook.answer = lambda _: GONE

    await stage.log.append([event(1)])
    await stage.settled()

    [letter] = await stage.log.dead_letters(SINK)
    assert (letter.code, letter.reason, letter.attempts) == (91305, "HTTP 404", 1)
    assert letter.event_id == event(1).id


async def test_a_sink_that_is_down_for_five_hours_loses_its_events_to_dead_letters(
    stage: Stage,
) -> None:
    """Retries end at four hours, none is made after, and nothing vanishes."""
    webhook = stage.open()
    stage.subscribe()
    webhook.answer = lambda _: DOWN
    await stage.log.append([event(1), event(2)])

    await stage.pass_time(5 * HOUR, step=30)

    letters: list[DeadLetter] = await stage.log.dead_letters(SINK)
    assert [letter.event_id for letter in letters] == ids([1, 2])
    for letter in letters:
        assert letter.code == 91303
        assert letter.attempts > 40
        assert letter.last_ms - letter.first_ms <= 4 * HOUR * 1000
    assert await stage.log.next_due(SINK) is None


def sink_test(number: int) -> Event:
    return test_event.make(
        event_id=f"TE{number:032x}",
        account_sid=ACCOUNT,
        test_id=f"test-{number}",
        time="2026-01-01T00:00:00.000Z",
    )


async def submit(stage: Stage, number: int) -> None:
    await stage.log.append(
        [sink_test(number)],
        then=lambda positions: stage.dispatcher.owe_test(SINK, positions[0]),
    )


async def test_a_test_event_goes_to_its_sink_alone(stage: Stage) -> None:
    tested, other = stage.open(SINK), stage.open(OTHER_SINK)
    stage.subscribe(OTHER_SINK)

    await submit(stage, 1)
    await stage.settled()

    assert [msgspec.json.decode(b)["data"] for b in tested.bodies] == [
        {"test_id": "test-1"}
    ]
    assert other.got == []


async def test_a_test_event_is_given_up_after_five_minutes(stage: Stage) -> None:
    webhook = stage.open()
    webhook.answer = lambda _: DOWN
    await submit(stage, 1)

    await stage.pass_time(301)

    [letter] = stage.letters
    assert letter.event_id == sink_test(1).id
    assert letter.last_ms - letter.first_ms <= 300_000


async def test_a_newer_test_makes_the_older_void(stage: Stage) -> None:
    webhook = stage.open()
    webhook.answer = lambda _: DOWN
    await submit(stage, 1)
    await stage.settled()

    await submit(stage, 2)
    webhook.answer = lambda _: DELIVERED
    await stage.pass_time(10)

    assert webhook.got == [sink_test(1).id, sink_test(2).id]
    assert stage.letters == []


async def test_a_failing_event_does_not_hold_back_later_ones(stage: Stage) -> None:
    webhook = stage.open()
    stage.subscribe()
    webhook.answer = lambda id_: DOWN if id_ == event(1).id else DELIVERED

    await stage.log.append([event(n) for n in (1, 2, 3)])
    await stage.settled()

    assert set(ids([2, 3])) <= set(webhook.got)


async def test_a_sink_that_hangs_delays_nobody_else(stage: Stage) -> None:
    hung, healthy = stage.open(SINK), stage.open(OTHER_SINK)
    stage.subscribe(SINK)
    stage.subscribe(OTHER_SINK)
    hung.gate.clear()

    await stage.log.append([event(n) for n in range(50)])
    await breathe()

    assert sorted(healthy.got) == ids(range(50))
    assert hung.got == []
    hung.gate.set()


@pytest.mark.parametrize("together", [100, QUEUE_LIMIT * 3])
async def test_a_full_queue_leaves_the_rest_in_the_log_and_loses_nothing(
    stage: Stage, together: int
) -> None:
    webhook = stage.open()
    stage.subscribe()
    webhook.gate.clear()
    many = QUEUE_LIMIT * 3
    for start in range(0, many, together):
        await stage.log.append([event(start + n) for n in range(together)])
    await breathe()
    lane = stage.dispatcher._lanes[SINK]
    assert len(lane._fresh) <= QUEUE_LIMIT

    webhook.gate.set()
    await stage.settled()

    assert sorted(webhook.got) == ids(range(many))


async def test_events_that_go_together_are_sent_in_one_request(stage: Stage) -> None:
    webhook = stage.open()
    webhook.max_events = 100
    stage.subscribe()
    webhook.gate.clear()
    await stage.log.append([event(n) for n in range(4)])
    await breathe()
    await stage.log.append([event(n) for n in range(4, 104)])

    webhook.gate.set()
    await stage.settled()

    assert sorted(webhook.got) == ids(range(104))
    assert webhook.calls < 10


async def test_a_batch_stays_below_its_size(stage: Stage) -> None:
    webhook = stage.open()
    webhook.max_events = 100
    stage.subscribe()
    await stage.log.append([event(0)])
    await stage.settled()
    size = len(webhook.bodies[0])
    webhook.max_bytes = 2 + 3 * (size + 1)
    webhook.gate.clear()
    await stage.log.append([event(n) for n in range(1, 5)])
    await breathe()
    calls = webhook.calls
    await stage.log.append([event(n) for n in range(5, 14)])

    webhook.gate.set()
    await stage.settled()

    assert webhook.calls - calls >= 3


async def test_a_sender_that_raises_costs_a_retry_and_not_the_lane(
    stage: Stage,
) -> None:
    webhook = stage.open()
    stage.subscribe()

    def broken(_: str) -> Answer:
        raise RuntimeError("a bug")

    webhook.answer = broken
    await stage.log.append([event(1)])
    await stage.settled()
    webhook.answer = lambda _: DELIVERED

    await stage.pass_time(2)

    assert webhook.got[-1:] == ids([1])


async def test_a_restart_goes_on_at_the_bookmark(
    log: MemoryLog, clock: ManualClock
) -> None:
    async with staged(log, clock) as stage:
        webhook = stage.open()
        stage.subscribe()
        await stage.dispatcher.start()
        await stage.log.append([event(1), event(2)])
        await stage.settled()
    await log.append([event(3)])

    async with staged(log, clock) as stage:
        webhook = stage.open()
        stage.subscribe()
        await stage.dispatcher.start()
        await stage.settled()

        assert webhook.got == ids([3])


async def test_after_a_crash_what_was_not_bookmarked_is_sent_again_and_no_more(
    log: MemoryLog, clock: ManualClock
) -> None:
    """The bookmark never passes what is owed: exceptions keep their own rows."""
    async with staged(log, clock) as stage:
        webhook = stage.open()
        stage.subscribe()
        await stage.dispatcher.start()
        failing = {event(2).id: DOWN, event(3).id: GONE}
        webhook.answer = lambda id_: failing.get(id_, DELIVERED)
        await stage.log.append([event(n) for n in (1, 2, 3, 4)])
        await stage.settled()
        stage.dispatcher.store_bookmarks = no_time_to_store  # type: ignore[method-assign]  # a crash: no last store
    assert await log.bookmarks() == {}

    async with staged(log, clock) as stage:
        webhook = stage.open()
        stage.subscribe()
        await stage.dispatcher.start()
        await stage.settled()
        assert webhook.got == ids([1, 4])

        await stage.pass_time(2)
        assert webhook.got == ids([1, 4, 2])


async def no_time_to_store(*, every: bool = False) -> None:
    """What a crash leaves of storing bookmarks."""


async def test_retries_wait_for_their_time_across_a_restart(
    log: MemoryLog, clock: ManualClock
) -> None:
    async with staged(log, clock) as stage:
        webhook = stage.open()
        stage.subscribe()
        await stage.dispatcher.start()
        webhook.answer = lambda _: DOWN
        await stage.log.append([event(1)])
        await stage.settled()

    async with staged(log, clock) as stage:
        webhook = stage.open()
        stage.subscribe()
        await stage.dispatcher.start()
        await breathe()
        assert webhook.got == []
        await stage.pass_time(2)
        assert webhook.got == ids([1])


async def test_a_deleted_sink_is_sent_nothing_more(stage: Stage) -> None:
    webhook = stage.open()
    stage.subscribe()
    webhook.answer = lambda _: DOWN
    await stage.log.append([event(1)])
    await stage.settled()

    stage.dispatcher.close_sink(SINK)
    await stage.pass_time(10)

    assert webhook.got == ids([1])
    assert await stage.log.bookmarks() == {}
    assert await stage.log.next_due(SINK) is None


async def test_bookmarks_of_busy_sinks_are_stored_soon(stage: Stage) -> None:
    stage.open()
    stage.subscribe()
    await stage.log.append([event(1)])
    await stage.settled()

    await stage.pass_time(1, step=0.25)

    assert await stage.log.bookmarks() == {SINK: stage.log.head}


async def test_bookmarks_of_idle_sinks_are_not_written_at_each_event(
    stage: Stage,
) -> None:
    stage.open()
    await stage.pass_time(1, step=0.25)
    await stage.log.append([event(1)])

    await stage.pass_time(1, step=0.25)

    assert await stage.log.bookmarks() == {SINK: 0}


async def test_beyond_the_queue_limit_the_oldest_become_dead_letters(
    log: MemoryLog, clock: ManualClock
) -> None:
    async with staged(log, clock, queue_limit=600) as stage:
        webhook = stage.open()
        stage.subscribe()
        await stage.dispatcher.start()
        webhook.gate.clear()
        for start in range(0, 2000, 100):
            await log.append([event(start + n) for n in range(100)])
        await breathe()

        webhook.gate.set()
        await stage.settled()

        dead = {letter.event_id for letter in stage.letters}
        assert {letter.code for letter in stage.letters} == {91303}
        assert 1300 <= len(dead) <= 1400
        assert set(webhook.got) | dead == set(ids(range(2000)))
        assert set(webhook.got) >= set(ids(range(1500, 2000)))


async def test_what_is_under_way_without_a_task_ends_with_the_tasks(
    log: MemoryLog, clock: ManualClock, double: type[SinkDouble]
) -> None:
    """Where everything is cancelled at once, nobody is left to hear an answer."""
    webhook = None

    async def live() -> None:
        nonlocal webhook
        async with staged(log, clock, double=double) as stage:
            webhook = stage.open()
            stage.subscribe()
            await stage.dispatcher.start()
            webhook.gate.clear()
            await log.append([event(1)])
            await asyncio.Event().wait()

    life = asyncio.ensure_future(live())
    await breathe()
    assert webhook is not None
    assert webhook.under_way == 1
    life.cancel()
    await asyncio.wait([life])
    await breathe()

    assert webhook.under_way == 0
    assert await log.next_due(SINK) is None
