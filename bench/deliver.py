"""The ways out, posts coming in: flat out, from post to receipt, beside a hung sink."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench import kinds, posts
from bench.figures import Figure, median_of
from bench.kinds import Kind
from bench.load import Plan
from bench.runs import HOST, Scale, delivered, delivered_once, plan, warm_up_to
from bench.subject import Receiver, Server, receiver, server


FIXED_RATE = 500.0  # events per second

# Attempts at a hung webhook end after 5 seconds: they must be under way, and end.
_HUNG_SECONDS = 7.0


def webhook(folder: Path, scale: Scale) -> Iterator[Figure]:
    """Posts in, a signed request out for each: flat out, then from post to receipt."""
    with server(folder) as subject, receiver(folder) as sink:
        subject.subscribe(kinds.WEBHOOK, sink)
        flat_out = _flat_out("deliver", kinds.WEBHOOK, subject, sink, scale)
        yield flat_out
        half = flat_out.per_second / 2
        for number, (key, rate, which) in enumerate(
            [("receipt-fixed", FIXED_RATE, ""), ("receipt-half", half, ", half")],
            start=1,
        ):
            wanted = _at(rate, subject, scale.seconds, number * 20_000_000)
            name = f"post to receipt at {rate:,.0f}/s{which}"
            yield delivered(key, name, subject, sink, wanted)


def together(folder: Path, scale: Scale) -> Iterator[Figure]:
    """Posts in, many events to a request out: batches of a webhook, PutRecords."""
    for kind in (kinds.BATCHES, kinds.KINESIS):
        part = folder / kind.key
        part.mkdir()
        with (
            receiver(part) as sink,
            server(part, kind.environment_at(sink.url)) as subject,
        ):
            subject.subscribe(kind, sink)
            yield _flat_out(kind.key, kind, subject, sink, scale)


def neighbours(folder: Path, scale: Scale) -> Iterator[Figure]:
    """A healthy sink alone, beside one that takes requests and never answers, alone.

    Twice beside it, so that there are two equal runs of each kind to compare.
    """
    seconds = max(scale.seconds, _HUNG_SECONDS)
    with server(folder) as subject, receiver(folder) as sink, receiver(folder) as hung:

        def run(turn: int, key: str, name: str) -> Figure:
            wanted = _at(FIXED_RATE, subject, seconds, turn * 10_000_000)
            warm_up_to(sink, wanted)
            return delivered_once(key, name, subject, sink, wanted)

        subject.subscribe(kinds.WEBHOOK, sink)
        alone = [run(0, "alone", "sink alone")]
        neighbour = subject.subscribe(kinds.HUNG, hung)
        name = "sink beside a hung one"
        beside = [run(turn, "beside-hung", name) for turn in (1, 2)]
        subject.remove(neighbour)
        time.sleep(1)  # what it had under way is let go
        alone.append(run(3, "alone", "sink alone"))
    yield median_of(alone)
    yield _beside(alone, beside)


def _beside(alone: list[Figure], beside: list[Figure]) -> Figure:
    """Return the figure of the runs beside a hung sink, with its change of p99."""
    found, usual = median_of(beside), median_of(alone).p99_ms
    change = found.p99_ms / usual - 1
    noise = max(abs(one.p99_ms - two.p99_ms) for one, two in (alone, beside)) / usual
    note = f"p99 {change:+.0%} to alone; equal runs were up to {noise:.0%} apart"
    return replace(found, change=change, noise=noise, note=note)


def _flat_out(
    key: str, kind: Kind, subject: Server, sink: Receiver, scale: Scale
) -> Figure:
    wanted = plan(subject.port, posts.event_post(HOST), scale.seconds)
    return delivered(key, f"deliver: {kind.name}", subject, sink, wanted)


def _at(rate: float, subject: Server, seconds: float, first: int) -> Plan:
    template = posts.event_post(HOST)
    return plan(subject.port, template, seconds, rate=rate, first=first)
