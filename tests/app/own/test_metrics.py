"""`/metrics`, read by Prometheus' own parser."""

import asyncio
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from tests.app.own.program import SDK_TYPE, Program, Receiver, program


CALL = "CA" + "1" * 32

Sample = tuple[str, frozenset[tuple[str, str]]]


async def scraped(own: Program) -> dict[Sample, float]:
    answer = await own.ask("GET", "/metrics", authorised=False)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def sample(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())


async def until(own: Program, wanted: Sample, value: float) -> dict[Sample, float]:
    # Seen from outside, as a scraper sees it.
    while (found := await scraped(own)).get(wanted) != value:  # noqa: ASYNC110 (seen from outside)
        await asyncio.sleep(0.01)
    return found


async def test_what_is_accepted_and_delivered_is_counted(
    own: Program, receiver: Receiver
) -> None:
    await own.make_sink(receiver.url)
    await own.sdk_post("one", CALL)
    await own.sdk_post("two", CALL)

    delivered = sample(
        "trunkline_delivery_attempts_total",
        sink_type="webhook",
        outcome="delivered",
        code="0",
    )
    found = await until(own, delivered, 2)

    accepted = sample("trunkline_events_accepted_total", type=SDK_TYPE)
    assert found[accepted] == 2
    latency = "trunkline_delivery_latency_seconds"
    assert found[sample(f"{latency}_count", sink_type="webhook")] == 2
    assert found[sample(f"{latency}_bucket", sink_type="webhook", le="+Inf")] == 2
    assert found[sample("trunkline_log_position")] == 2
    assert found[sample("trunkline_sdk_posts_total", result="events")] == 2
    assert found[sample("trunkline_commit_seconds_count")] > 0
    assert found[sample("trunkline_commit_jobs_count")] > 0


async def test_what_fails_is_counted_by_code(own: Program, receiver: Receiver) -> None:
    receiver.status = 404
    await own.make_sink(receiver.url)
    down = await own.make_sink("http://127.0.0.1:9/")
    await own.sdk_post("one", CALL)

    letters = sample("trunkline_dead_letters_total", sink_type="webhook", code="91305")
    await until(own, letters, 1)
    waiting = sample("trunkline_sink_waiting_deliveries", sink_sid=down)
    found = await until(own, waiting, 1)

    died = sample(
        "trunkline_delivery_attempts_total",
        sink_type="webhook",
        outcome="dead",
        code="91305",
    )
    assert found[died] == 1


async def test_a_sink_that_keeps_up_is_not_behind(
    own: Program, receiver: Receiver
) -> None:
    sink = await own.make_sink(receiver.url)
    await own.sdk_post("one", CALL)

    await until(own, sample("trunkline_sink_behind_events", sink_sid=sink), 0)


async def test_metrics_can_be_switched_off(tmp_path: Path) -> None:
    async with program(tmp_path, metrics=False) as own:
        assert (await own.ask("GET", "/metrics")).status == 404
