"""The ways out, posts coming in: flat out, from post to receipt, beside a hung sink."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import geometric_mean, median

from bench import kinds, posts
from bench.figures import Figure, median_of
from bench.kinds import Kind
from bench.load import Plan
from bench.runs import HOST, Scale, delivered, delivered_once, plan, warm_up_to
from bench.subject import Receiver, Server, receiver, server


FIXED_RATE = 500.0  # events per second

# Attempts at a hung webhook end after 5 seconds: they must be under way, and end.
_HUNG_SECONDS = 5.5

# Each server has the hung sink in every second of them.
_TURNS = 6

#: A server and the receiver at which its healthy sink ends.
_Pair = tuple[Server, Receiver]


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
    """A healthy sink alone, and one beside a sink that takes requests, never answers.

    In two servers at the same time, so that whatever else disturbs the machine disturbs
    both; in turn it is the one or the other that has the hung sink.
    """
    seconds = max(scale.seconds, _HUNG_SECONDS)
    with ExitStack() as stack:
        hung = stack.enter_context(receiver(folder))
        pairs = [_with_sink(folder / name, stack) for name in ("one", "other")]
        pool = stack.enter_context(ThreadPoolExecutor())
        turns = []
        for turn in range(_TURNS):
            with _hung_at(pairs[turn % 2], hung):
                measure = partial(_healthy, pairs[turn % 2], seconds, turn)
                found = list(pool.map(measure, pairs))
            turns.append((found[1 - turn % 2], found[turn % 2]))
    alone, beside = zip(*turns, strict=True)
    yield median_of(alone)
    yield _beside(alone, beside)


def _with_sink(folder: Path, stack: ExitStack) -> _Pair:
    folder.mkdir()
    subject = stack.enter_context(server(folder))
    sink = stack.enter_context(receiver(folder))
    subject.subscribe(kinds.WEBHOOK, sink)
    warm_up_to(sink, _at(FIXED_RATE, subject, 1, 0))
    return subject, sink


@contextmanager
def _hung_at(pair: _Pair, hung: Receiver) -> Iterator[None]:
    subject, _ = pair
    neighbour = subject.subscribe(kinds.HUNG, hung)
    yield
    subject.remove(neighbour)
    time.sleep(0.5)  # what it had under way is let go


def _healthy(with_hung: _Pair, seconds: float, turn: int, pair: _Pair) -> Figure:
    subject, sink = pair
    key, name = "alone", "sink alone"
    if pair is with_hung:
        key, name = "beside-hung", "sink beside a hung one"
    wanted = _at(FIXED_RATE, subject, seconds, turn * 10_000_000)
    return delivered_once(key, name, subject, sink, wanted)


def _beside(alone: Sequence[Figure], beside: Sequence[Figure]) -> Figure:
    """Return the figure beside a hung sink, with its change of p99 to alone."""
    times = [two.p99_ms / one.p99_ms for one, two in zip(alone, beside, strict=True)]
    # A server that is slower by itself is so beside, and then alone: a pair of turns.
    changes = [
        geometric_mean(pair) for pair in zip(times[::2], times[1::2], strict=True)
    ]
    change, noise = median(changes) - 1, max(changes) - min(changes)
    note = f"p99 {change:+.0%} to alone; equal pairs of runs were {noise:.0%} apart"
    return replace(median_of(beside), change=change, noise=noise, note=note)


def _flat_out(
    key: str, kind: Kind, subject: Server, sink: Receiver, scale: Scale
) -> Figure:
    wanted = plan(subject.port, posts.event_post(HOST), scale.seconds)
    return delivered(key, f"deliver: {kind.name}", subject, sink, wanted)


def _at(rate: float, subject: Server, seconds: float, first: int) -> Plan:
    template = posts.event_post(HOST)
    return plan(subject.port, template, seconds, rate=rate, first=first)
