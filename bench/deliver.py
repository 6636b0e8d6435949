"""The ways out, posts coming in: flat out, from post to receipt, beside a hung sink."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench import kinds, posts
from bench.figures import Figure
from bench.kinds import Kind
from bench.load import Plan
from bench.runs import HOST, Scale, delivered, plan
from bench.subject import Receiver, Server, receiver, server


FIXED_RATE = 500.0  # events per second

# Attempts at a hung webhook end after 5 seconds: they must be under way, and end.
_HUNG_SECONDS = 8.0


def webhook(folder: Path, scale: Scale) -> Iterator[Figure]:
    """Posts in, a signed request out for each: flat out, then from post to receipt."""
    with server(folder) as subject, receiver(folder) as sink:
        subject.subscribe(kinds.WEBHOOK, sink)
        flat_out = _flat_out("deliver", kinds.WEBHOOK, subject, sink, scale)
        yield flat_out
        half = flat_out.per_second / 2
        for number, (which, rate) in enumerate(
            [("", FIXED_RATE), (", half load", half)], start=1
        ):
            wanted = _at(rate, subject, scale.seconds, number * 10_000_000)
            name = f"post to receipt at {rate:,.0f}/s{which}"
            yield delivered("receipt", name, subject, sink, wanted)


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
    """A healthy sink alone, beside one that takes requests and never answers, alone."""
    with server(folder) as subject, receiver(folder) as sink, receiver(folder) as hung:
        subject.subscribe(kinds.WEBHOOK, sink)
        seconds = max(scale.seconds, _HUNG_SECONDS)
        alone = [_healthy("alone", subject, sink, seconds, 0)]
        neighbour = subject.subscribe(kinds.HUNG, hung)
        beside = _healthy("beside a hung one", subject, sink, seconds, 10_000_000)
        subject.remove(neighbour)
        time.sleep(1)  # what it had under way is let go
        alone.append(_healthy("alone again", subject, sink, seconds, 20_000_000))
    usual = sum(figure.p99_ms for figure in alone) / len(alone)
    change = (beside.p99_ms / usual - 1) * 100
    between = (alone[1].p99_ms / alone[0].p99_ms - 1) * 100
    note = (
        f"p99 {change:+.0f} % to the mean of alone; between those two {between:+.0f} %"
    )
    yield alone[0]
    yield replace(beside, note=note)
    yield alone[1]


def _flat_out(
    key: str, kind: Kind, subject: Server, sink: Receiver, scale: Scale
) -> Figure:
    wanted = plan(subject.port, posts.event_post(HOST), scale.seconds)
    return delivered(key, f"deliver: {kind.name}", subject, sink, wanted)


def _healthy(
    which: str, subject: Server, sink: Receiver, seconds: float, first: int
) -> Figure:
    wanted = _at(FIXED_RATE, subject, seconds, first)
    return delivered("receipt", f"sink {which}", subject, sink, wanted)


def _at(rate: float, subject: Server, seconds: float, first: int) -> Plan:
    template = posts.event_post(HOST)
    return plan(subject.port, template, seconds, rate=rate, first=first)
