"""Dead letters and past events go to a sink again."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.app.delivery.stage import (
    ACCOUNT,
    CALL,
    DOWN,
    GONE,
    ORDERED,
    OTHER_CALL,
    OTHER_SINK,
    RINGING,
    SINK,
    Stage,
    breathe,
    event,
    ids,
    sink,
)

from trunkline.delivery.redelivery import Redelivery
from trunkline.delivery.replays import Replay, Replays, Status
from trunkline.sinks.answer import DELIVERED


class KeptReplays:
    """The store of replays, in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[str, Replay] = {}

    async def save(self, replay: Replay) -> None:
        self.rows[replay.sid] = replay

    async def drop(self, sid: str) -> None:
        del self.rows[sid]

    async def load(self) -> list[Replay]:
        return list(self.rows.values())


@pytest.fixture
def kept() -> KeptReplays:
    return KeptReplays()


@pytest.fixture
async def replays(stage: Stage, kept: KeptReplays) -> AsyncIterator[Replays]:
    replays = replays_on(stage, kept)
    yield replays
    replays.stop()


def replays_on(stage: Stage, kept: KeptReplays) -> Replays:
    return Replays(
        store=kept,
        log=stage.log,
        lane_of=stage.dispatcher.lane,
        clock=stage.clock,
        ids=stage.ids,
        tasks=stage.tasks,
    )


async def until(
    replays: Replays, replay: Replay, status: Status, stage: Stage
) -> Replay:
    for _ in range(50):
        now = replays.find(ACCOUNT, replay.sid)
        assert now is not None
        if now.status is status:
            return now
        await stage.pass_time(1)
    raise AssertionError(f"not {status}")


async def test_a_dead_letter_is_delivered_again(stage: Stage) -> None:
    webhook = stage.open()
    stage.subscribe()
    webhook.answer = lambda _: GONE
    await stage.log.append([event(1)])
    await stage.settled()
    webhook.answer = lambda _: DELIVERED

    redelivery = Redelivery(stage.log, stage.dispatcher.lane, stage.clock)
    assert await redelivery.redeliver(SINK, stage.letters) == 1
    await breathe()
    await stage.settled()

    assert webhook.got == ids([1, 1])
    assert await stage.log.dead_letters(SINK) == []
    assert await stage.log.next_due(SINK) is None


async def test_a_redelivery_has_a_retry_window_of_its_own(stage: Stage) -> None:
    webhook = stage.open()
    stage.subscribe()
    webhook.answer = lambda _: DOWN
    await stage.log.append([event(1)])
    await stage.pass_time(4 * 3600 + 60, step=20)
    [letter] = stage.letters

    redelivery = Redelivery(stage.log, stage.dispatcher.lane, stage.clock)
    await redelivery.redeliver(SINK, [letter])
    await stage.pass_time(3600, step=20)
    webhook.answer = lambda _: DELIVERED
    await stage.pass_time(400)

    assert len(stage.letters) == 1
    assert await stage.log.dead_letters(SINK) == []


async def test_what_is_redelivered_twice_is_owed_once(stage: Stage) -> None:
    webhook = stage.open()
    stage.subscribe()
    webhook.answer = lambda _: GONE
    await stage.log.append([event(1)])
    await stage.settled()
    webhook.answer = lambda _: DELIVERED
    redelivery = Redelivery(stage.log, stage.dispatcher.lane, stage.clock)

    counts = await asyncio.gather(
        redelivery.redeliver(SINK, stage.letters),
        redelivery.redeliver(SINK, stage.letters),
    )

    assert sorted(counts) == [0, 1]


async def test_a_replay_sends_past_events_by_call_and_says_how_far_it_is(
    stage: Stage, replays: Replays
) -> None:
    webhook = stage.open()
    await stage.log.append([event(1, CALL), event(2, OTHER_CALL), event(3, CALL)])

    replay = await replays.create(ACCOUNT, SINK, types=[RINGING], call_sid=CALL)
    assert replay.status is Status.SUBMITTED
    done = await until(replays, replay, Status.COMPLETED, stage)

    assert webhook.got == ids([1, 3])
    assert (done.delivered, done.waiting, done.dead) == (2, 0, 0)


async def test_a_replay_by_time_takes_its_start_and_leaves_out_its_end(
    stage: Stage, replays: Replays
) -> None:
    webhook = stage.open()
    times = []
    for number in range(5):
        times.append(stage.clock.now_ms())
        await stage.log.append([event(number)])
        stage.clock.advance(1)

    replay = await replays.create(
        ACCOUNT, SINK, types=[RINGING], from_ms=times[1], to_ms=times[3]
    )
    await until(replays, replay, Status.COMPLETED, stage)

    assert webhook.got == ids([1, 2])


async def test_a_replay_does_not_starve_live_events(
    stage: Stage, replays: Replays
) -> None:
    webhook = stage.open()
    await stage.log.append([event(number) for number in range(1000)])
    stage.subscribe(after=stage.log.head)
    webhook.gate.clear()
    await replays.create(ACCOUNT, SINK, types=[RINGING])
    await breathe()
    await stage.log.append([event(2000)])

    webhook.gate.set()
    await stage.settled()

    assert webhook.got.index(event(2000).id) < 20


async def test_a_cancelled_replay_stops(stage: Stage, replays: Replays) -> None:
    webhook = stage.open()
    await stage.log.append([event(number) for number in range(1000)])
    webhook.gate.clear()
    replay = await replays.create(ACCOUNT, SINK, types=[RINGING])
    await breathe()

    assert (await replays.cancel(replay)).status is Status.CANCELLING
    webhook.gate.set()
    done = await until(replays, replay, Status.CANCELLED, stage)

    assert done.delivered < 1000
    assert len(webhook.got) == done.delivered


async def test_what_fails_in_a_replay_is_retried_like_any_delivery(
    stage: Stage, replays: Replays
) -> None:
    webhook = stage.open()
    await stage.log.append([event(1)])
    webhook.answer = lambda _: DOWN
    replay = await replays.create(ACCOUNT, SINK, types=[RINGING])
    done = await until(replays, replay, Status.COMPLETED, stage)
    assert done.waiting == 1

    webhook.answer = lambda _: DELIVERED
    await stage.pass_time(10)

    assert webhook.got[-1] == event(1).id
    assert await stage.log.next_due(SINK) is None


async def test_one_replay_of_a_sink_runs_at_a_time(
    stage: Stage, replays: Replays
) -> None:
    webhook = stage.open()
    await stage.log.append([event(1)])
    webhook.gate.clear()
    first = await replays.create(ACCOUNT, SINK, types=[RINGING])
    second = await replays.create(ACCOUNT, SINK, types=[RINGING])
    await until(replays, first, Status.RUNNING, stage)

    assert replays.of_account(ACCOUNT)[1].status is Status.SUBMITTED
    webhook.gate.set()
    await until(replays, second, Status.COMPLETED, stage)
    assert webhook.got == ids([1, 1])


async def test_a_replay_of_a_deleted_sink_fails_and_says_why(
    stage: Stage, replays: Replays
) -> None:
    stage.open(OTHER_SINK)
    webhook = stage.open()
    webhook.gate.clear()
    await stage.log.append([event(1)])
    replay = await replays.create(ACCOUNT, SINK, types=[RINGING])
    await until(replays, replay, Status.RUNNING, stage)

    stage.dispatcher.close_sink(SINK)
    failed = await until(replays, replay, Status.FAILED, stage)

    assert failed.reason == "The sink was deleted."


async def test_an_interrupted_replay_goes_on_where_it_was_settled(
    stage: Stage, replays: Replays, kept: KeptReplays
) -> None:
    webhook = stage.open()
    await stage.log.append([event(number) for number in range(300)])
    webhook.gate.clear()
    replay = await replays.create(ACCOUNT, SINK, types=[RINGING])
    await until(replays, replay, Status.RUNNING, stage)
    replays.stop()
    await breathe()
    webhook.gate.set()

    successor = replays_on(stage, kept)
    await successor.open()
    await until(successor, replay, Status.COMPLETED, stage)
    successor.stop()

    assert set(webhook.got) == set(ids(range(300)))


async def test_a_new_lane_takes_a_replay_over(stage: Stage, replays: Replays) -> None:
    webhook = stage.open()
    await stage.log.append([event(number) for number in range(300)])
    webhook.gate.clear()
    replay = await replays.create(ACCOUNT, SINK, types=[RINGING])
    await until(replays, replay, Status.RUNNING, stage)

    stage.dispatcher.open_sink(sink(SINK, ORDERED))
    webhook.gate.set()
    await until(replays, replay, Status.COMPLETED, stage)

    assert set(webhook.got) == set(ids(range(300)))


async def test_what_five_hours_of_silence_buried_arrives_by_a_replay(
    stage: Stage, replays: Replays
) -> None:
    """Down for five hours: retried for four, buried with a reason, then replayed."""
    webhook = stage.open()
    stage.subscribe()
    webhook.answer = lambda _: DOWN
    await stage.log.append([event(number) for number in range(30)])
    await stage.pass_time(5 * 3600, step=30)
    assert len(stage.letters) == 30
    assert {letter.code for letter in stage.letters} == {91303}
    webhook.answer = lambda _: DELIVERED
    webhook.got.clear()

    replay = await replays.create(ACCOUNT, SINK, types=[RINGING])
    done = await until(replays, replay, Status.COMPLETED, stage)
    await stage.pass_time(120)

    assert sorted(webhook.got) == ids(range(30))
    assert done.delivered == 30


async def test_a_replay_in_batches_counts_each_event_once(
    stage: Stage, replays: Replays
) -> None:
    webhook = stage.open()
    webhook.max_events = 100
    await stage.log.append([event(number) for number in range(50)])

    replay = await replays.create(ACCOUNT, SINK, types=[RINGING])
    done = await until(replays, replay, Status.COMPLETED, stage)

    assert sorted(webhook.got) == ids(range(50))
    assert webhook.calls < 50
    assert (done.delivered, done.waiting, done.dead) == (50, 0, 0)


async def test_of_events_that_arrive_together_everyone_is_told_his_own(
    stage: Stage,
) -> None:
    stage.open().max_events = 100
    await stage.log.append([event(number) for number in range(1, 5)])
    lane = stage.dispatcher.lane(SINK)
    assert lane is not None
    first, second = list[int](), list[int]()
    hear = [lambda heard, _, to=to: to.extend(heard) for to in (first, second)]

    entries = await stage.log.read(ACCOUNT, [RINGING], 0, 4, 9)
    for entry, which in zip(entries, (0, 1, 1, 0), strict=True):
        lane.replay(entry, hear[which])
    await breathe()

    assert (first, second) == ([1, 4], [2, 3])
