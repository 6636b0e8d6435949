"""What one more sink costs: one that gets every event, and fifty that get none.

Runs with and without them take turns in one server, so that a difference is not one of
two processes, nor one of two moments: of each two neighbouring runs that differ, the
difference is taken, and of all of these the median. How far two equal neighbours were
apart at most is the noise.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median

import msgspec

from bench import kinds, posts
from bench.figures import Figure, median_of
from bench.kinds import Kind
from bench.load import Plan
from bench.runs import (
    HOST,
    RUN_NUMBERS,
    Scale,
    answered_once,
    delivered_once,
    plan,
    warm_up,
    warm_up_to,
)
from bench.subject import Receiver, Server, receiver, server


#: Sinks that get every event, beside the first; and sinks that get none.
FURTHER = 2
UNMATCHED = 50

# False is without, True with them.
_TURNS = (False, True, True, False) * 3

# Of the seconds of a measurement, for each turn.
_SHARE = 1 / 4

#: Measures a plan, with the further sinks or without; the bool after says whether
#: that has just changed.
_Measure = Callable[[Plan, bool, bool], Figure]


def matching(folder: Path, scale: Scale) -> Iterator[Figure]:
    """Flat out to one webhook, and to more of them: what a further delivery costs."""
    more = [kinds.further(number) for number in range(FURTHER)]
    with server(folder) as subject, receiver(folder) as sink:
        subject.subscribe(kinds.WEBHOOK, sink)

        def measure(wanted: Plan, with_more: bool, changed: bool) -> Figure:
            sinks = 1 + FURTHER if with_more else 1
            if changed:
                warm_up_to(sink, wanted, sinks=sinks)
            name = f"deliver: to {sinks} webhook{'s' if with_more else ''}"
            key = f"webhooks-{sinks}"
            return delivered_once(key, name, subject, sink, wanted, sinks=sinks)

        runs = _in_turn(subject, sink, more, scale, measure)
    yield from _medians(runs)
    yield _difference("further", "a further delivery", runs, FURTHER)


def unmatched(folder: Path, scale: Scale) -> Iterator[Figure]:
    """Accepting flat out without a sink, and with many for events of another type."""
    more = [kinds.UNMATCHED] * UNMATCHED
    with server(folder) as subject, receiver(folder) as sink:

        def measure(wanted: Plan, with_more: bool, changed: bool) -> Figure:
            if changed:
                warm_up(wanted)
            sinks = UNMATCHED if with_more else 0
            name = f"accept, {sinks or 'no'} sinks, none matching"
            return answered_once(f"sinks-{sinks}", name, subject.child, wanted)

        runs = _in_turn(subject, sink, more, scale, measure)
    yield from _medians(runs)
    yield _difference("unmatched", f"{UNMATCHED} further sinks, unmatched", runs, 1)


def _in_turn(
    subject: Server,
    sink: Receiver,
    more: Sequence[Kind],
    scale: Scale,
    measure: _Measure,
) -> list[Figure]:
    """Return a figure for each turn."""
    wanted = plan(subject.port, posts.event_post(HOST), scale.seconds * _SHARE)
    runs = []
    with ExitStack() as subscribed:
        before = None
        for turn, with_more in enumerate(_TURNS):
            changed = with_more is not before
            if changed:
                subscribed.close()
            if changed and with_more:
                subscribed.enter_context(_subscribed(subject, more, sink))
            part = msgspec.structs.replace(wanted, first=turn * RUN_NUMBERS)
            runs.append(measure(part, with_more, changed))
            before = with_more
    return runs


@contextmanager
def _subscribed(
    subject: Server, which: Sequence[Kind], sink: Receiver
) -> Iterator[None]:
    made = [subject.subscribe(kind, sink) for kind in which]
    yield
    for subscribed in made:
        subject.remove(subscribed)


def _medians(runs: Sequence[Figure]) -> Iterator[Figure]:
    for wanted in (False, True):
        yield median_of(
            [run for run, more in zip(runs, _TURNS, strict=True) if more is wanted]
        )


def _difference(key: str, name: str, runs: Sequence[Figure], sinks: int) -> Figure:
    """Return what so many further sinks cost, each."""
    differences, noises = [], []
    for (one, more), (other, other_more) in pairwise(zip(runs, _TURNS, strict=True)):
        change = (other.cpu_us - one.cpu_us) / sinks
        if more is other_more:
            noises.append(abs(change))
        else:
            differences.append(change if other_more else -change)
    cost, noise = median(differences), max(noises)
    return Figure(
        key=key,
        name=name,
        count=sum(run.count for run in runs),
        cpu_us=cost,
        noise=noise,
        note=f"{cost:+.1f} us; equal runs in a row were up to {noise:.1f} apart",
    )
