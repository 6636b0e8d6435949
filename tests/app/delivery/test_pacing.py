"""A sink that is down is probed, not hammered; limits of its policy hold."""

from tests.app.delivery.stage import DOWN, GONE, SINK, Stage, event, ids, sink

from trunkline.sinks.answer import DELIVERED
from trunkline.streams.policy import DeliveryPolicy


async def test_a_sink_that_is_down_gets_one_probe_at_a_time_with_pauses(
    stage: Stage,
) -> None:
    webhook = stage.open()
    stage.subscribe()
    webhook.answer = lambda _: DOWN
    await stage.log.append([event(n) for n in range(500)])

    await stage.pass_time(300)

    # Ten or so to notice, then a probe each half minute or less.
    assert webhook.calls < 60
    assert webhook.calls > 15


async def test_a_sink_that_is_back_is_caught_up_at_once(stage: Stage) -> None:
    webhook = stage.open()
    stage.subscribe()
    webhook.answer = lambda _: DOWN
    await stage.log.append([event(n) for n in range(500)])
    await stage.pass_time(60)
    tried = set(webhook.got)
    webhook.got.clear()

    webhook.answer = lambda _: DELIVERED
    await stage.pass_time(31)
    assert set(webhook.got) >= set(ids(range(500))) - tried
    await stage.pass_time(300)

    assert sorted(set(webhook.got)) == ids(range(500))


async def test_one_event_that_always_fails_does_not_make_a_sink_down(
    stage: Stage,
) -> None:
    webhook = stage.open()
    stage.subscribe()
    webhook.answer = lambda id_: DOWN if id_ == event(0).id else DELIVERED
    await stage.log.append([event(0)])
    await stage.pass_time(600)

    await stage.log.append([event(1)])
    await stage.settled()

    assert webhook.got[-1] == event(1).id


async def test_a_rate_limit_is_kept(stage: Stage) -> None:
    webhook = stage.open(policy=DeliveryPolicy(per_second=5))
    stage.subscribe()
    await stage.log.append([event(n) for n in range(50)])

    await stage.pass_time(4, step=0.1)

    assert 20 <= webhook.calls <= 25


async def test_concurrency_is_the_policys(stage: Stage) -> None:
    webhook = stage.open(policy=DeliveryPolicy(concurrency=2))
    stage.subscribe()
    webhook.gate.clear()

    await stage.log.append([event(n) for n in range(9)])
    await stage.pass_time(1)
    webhook.gate.set()
    await stage.settled()

    assert webhook.most_under_way == 2
    assert sorted(webhook.got) == ids(range(9))


async def test_a_policy_can_change_while_events_flow(stage: Stage) -> None:
    webhook = stage.open(policy=DeliveryPolicy(concurrency=1))
    stage.subscribe()
    webhook.gate.clear()
    await stage.log.append([event(n) for n in range(9)])

    stage.dispatcher.open_sink(sink(SINK, DeliveryPolicy(concurrency=6)))
    await stage.pass_time(1)
    webhook.gate.set()
    await stage.settled()

    assert webhook.most_under_way == 6


async def test_other_4xx_are_retried_where_the_policy_says_so(stage: Stage) -> None:
    webhook = stage.open(policy=DeliveryPolicy(retry_4xx=True))
    stage.subscribe()
    webhook.answer = lambda _: GONE
    await stage.log.append([event(1)])
    await stage.settled()
    webhook.answer = lambda _: DELIVERED

    await stage.pass_time(3)

    assert webhook.got == ids([1, 1])
    assert stage.letters == []


async def test_the_retry_window_is_the_policys(stage: Stage) -> None:
    webhook = stage.open(policy=DeliveryPolicy(retry_window_s=60))
    stage.subscribe()
    webhook.answer = lambda _: DOWN
    await stage.log.append([event(1)])

    await stage.pass_time(90)

    [letter] = stage.letters
    assert letter.code == 91303
    assert letter.last_ms - letter.first_ms <= 60_000
