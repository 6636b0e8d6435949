"""An ordered sink gets the events of one call one at a time, in order."""

from random import Random

import pytest
from tests.app.delivery.stage import (
    CALL,
    DOWN,
    GONE,
    ORDERED,
    OTHER_CALL,
    SINK,
    USUAL,
    Stage,
    breathe,
    event,
    ids,
    sink,
    staged,
)

from trunkline.log.memory import MemoryLog
from trunkline.sinks.answer import DELIVERED, Answer
from trunkline.testing import ManualClock


async def test_one_event_of_a_call_is_under_way_at_a_time(stage: Stage) -> None:
    webhook = stage.open(policy=ORDERED)
    stage.subscribe()
    webhook.gate.clear()

    await stage.log.append([event(n) for n in range(5)])
    await breathe()
    assert webhook.under_way == 1
    webhook.gate.set()
    await stage.settled()

    assert webhook.got == ids(range(5))


async def test_calls_do_not_wait_for_one_another(stage: Stage) -> None:
    webhook = stage.open(policy=ORDERED)
    stage.subscribe()
    webhook.gate.clear()

    await stage.log.append([event(1, CALL), event(2, CALL), event(3, OTHER_CALL)])
    await breathe()

    assert webhook.under_way == 2
    webhook.gate.set()


async def test_a_failing_event_holds_back_its_own_call_only(stage: Stage) -> None:
    webhook = stage.open(policy=ORDERED)
    stage.subscribe()
    webhook.answer = lambda id_: DOWN if id_ == event(1).id else DELIVERED

    await stage.log.append([event(1, CALL), event(2, CALL), event(3, OTHER_CALL)])
    await stage.settled()
    await stage.log.append([event(4, CALL), event(5, OTHER_CALL)])
    await stage.settled()
    assert [id_ for id_ in webhook.got if id_ != event(1).id] == ids([3, 5])

    webhook.answer = lambda _: DELIVERED
    await stage.pass_time(5)

    assert webhook.got[-3:] == ids([1, 2, 4])


async def test_after_a_burial_the_call_goes_on(stage: Stage) -> None:
    webhook = stage.open(policy=ORDERED)
    stage.subscribe()
    webhook.answer = lambda id_: GONE if id_ == event(1).id else DELIVERED

    await stage.log.append([event(1), event(2)])
    await stage.settled()

    assert webhook.got == ids([1, 2])
    assert [letter.event_id for letter in stage.letters] == ids([1])


async def test_order_is_kept_across_a_restart(
    log: MemoryLog, clock: ManualClock
) -> None:
    async with staged(log, clock) as stage:
        webhook = stage.open(policy=ORDERED)
        stage.subscribe()
        await stage.dispatcher.start()
        webhook.answer = lambda _: DOWN
        await log.append([event(1), event(2)])
        await stage.settled()
    await log.append([event(3)])

    async with staged(log, clock) as stage:
        webhook = stage.open(policy=ORDERED)
        stage.subscribe()
        await stage.dispatcher.start()
        await stage.pass_time(5)

        assert webhook.got == ids([1, 2, 3])


async def test_a_sink_can_become_an_ordered_one(stage: Stage) -> None:
    webhook = stage.open(policy=USUAL)
    stage.subscribe()
    webhook.answer = lambda _: DOWN
    await stage.log.append([event(1)])
    await stage.settled()

    stage.dispatcher.open_sink(sink(SINK, ORDERED))
    await breathe()
    await stage.log.append([event(2)])
    webhook.answer = lambda _: DELIVERED
    await stage.pass_time(5)

    assert webhook.got == ids([1, 1, 2])


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_fails_each_calls_events_arrive_in_order(
    stage: Stage, seed: int
) -> None:
    """First deliveries are in order per call; nothing is lost and nothing is early."""
    random = Random(seed)
    webhook = stage.open(policy=ORDERED)
    stage.subscribe()
    delivered: list[str] = []

    def flaky(id_: str) -> Answer:
        if random.random() < 0.4:
            return DOWN
        delivered.append(id_)
        return DELIVERED

    webhook.answer = flaky
    calls = [f"CA{number:032x}" for number in range(5)]
    events = [event(number, random.choice(calls)) for number in range(80)]
    for start in range(0, 80, 8):
        await stage.log.append(events[start : start + 8])
        await stage.pass_time(1)
    await stage.pass_time(3000, step=2)

    assert sorted(delivered) == sorted(item.id for item in events)
    for call in calls:
        wanted = [item.id for item in events if item.call_sid == call]
        assert [id_ for id_ in delivered if id_ in wanted] == wanted


async def test_what_a_full_queue_drops_does_not_let_another_of_its_call_go(
    log: MemoryLog, clock: ManualClock
) -> None:
    async with staged(log, clock, queue_limit=100) as stage:
        webhook = stage.open(policy=ORDERED)
        stage.subscribe()
        await stage.dispatcher.start()
        webhook.gate.clear()
        for start in range(0, 600, 50):
            await log.append([event(start + n) for n in range(50)])
            await breathe()
        assert webhook.under_way == 1

        webhook.gate.set()
        await stage.settled()

        assert webhook.most_under_way == 1
        assert webhook.got == sorted(webhook.got)
        assert len(webhook.got) + len(stage.letters) == 600
