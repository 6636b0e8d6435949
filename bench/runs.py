"""Runs of the load, and the figure that comes of one."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from bench.figures import Figure, median_of, percentile
from bench.load import Plan, Result
from bench.processes import Child, run_module
from bench.subject import Receiver, Server


HOST = "127.0.0.1"

#: A figure is the median of so many runs, if nothing else is said.
RUNS = 3

#: More than a run has.
RUN_NUMBERS = 1_000_000

_WARM_UP = 0.5  # seconds

# Numbers of the warm-up come after all others: there are eight digits.
_WARM_UP_FIRST = 90_000_000

# A receiver that gets nothing for so long gets nothing more.
_SILENCE = 10.0  # seconds
_POLL = 0.05

# Of one core: a helper that uses more may be what limits the rate.
_NEARLY_ALL = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much to measure: the seconds of each, and the events of backlogs."""

    seconds: float
    backlogs: tuple[int, ...]
    drained: int


def plan(
    port: int,
    template: bytes,
    seconds: float,
    *,
    rate: float | None = None,
    first: int = 0,
) -> Plan:
    return Plan(
        host=HOST,
        port=port,
        template=template,
        seconds=seconds,
        rate=rate,
        first=first,
    )


def generate(plan: Plan) -> Result:
    return run_module("bench.load", result=Result, stdin=msgspec.json.encode(plan))


def warm_up(plan: Plan) -> int:
    """Open what is opened once; return how many requests that took."""
    first = _WARM_UP_FIRST + plan.first // 10  # no number comes twice
    plan = msgspec.structs.replace(plan, seconds=_WARM_UP, first=first)
    return len(generate(plan).sent_ns)


def answered(key: str, name: str, child: Child, plan: Plan) -> Figure:
    """Measure from request to answer, in some runs that share the time."""
    warm_up(plan)
    return median_of([answered_once(key, name, child, part) for part in _parts(plan)])


def answered_once(key: str, name: str, child: Child, plan: Plan) -> Figure:
    """Measure from request to answer, of something that is warm."""
    cpu_before = child.cpu_seconds()
    result = generate(plan)
    cpu = child.cpu_seconds() - cpu_before
    child.check()
    times = sorted(result.latencies_ns)
    good = sum(n for status, n in result.statuses.items() if status // 100 == 2)
    return Figure(
        key=key,
        name=name,
        count=good,
        per_second=good / result.seconds,
        planned=plan.rate is not None,
        cpu_us=cpu / max(good, 1) * 1e6,
        p50_ms=percentile(times, 50) / 1e6,
        p99_ms=percentile(times, 99) / 1e6,
        peak_mib=child.peak_mib(),
        missing=len(times) - good,
        limited_by=limited_by({"load": result.cpu_seconds}, result.seconds),
        note=_refusals(result.statuses, child),
    )


def _refusals(statuses: Mapping[int, int], child: Child) -> str:
    """Return what else than 2xx was answered, and what the server logged of trouble."""
    refused = [f"{n} x {s}" for s, n in sorted(statuses.items()) if s // 100 != 2]
    if not refused:
        return ""
    lines = child.log.read_text("utf-8", "replace").splitlines()
    trouble = [line for line in lines if '"level": "info"' not in line]
    return f"answered {', '.join(refused)}; the server logged {trouble[:3]}"


def delivered(
    key: str, name: str, subject: Server, sink: Receiver, plan: Plan
) -> Figure:
    """Measure from request to arrival at the receiver, in some runs."""
    warm_up_to(sink, plan)
    return median_of(
        [delivered_once(key, name, subject, sink, part) for part in _parts(plan)]
    )


def warm_up_to(sink: Receiver, plan: Plan, *, sinks: int = 1) -> None:
    """Warm up, until all of it has arrived at each of so many sinks."""
    before = sink.count().events
    await_events(sink, before + warm_up(plan) * sinks)


def delivered_once(
    key: str, name: str, subject: Server, sink: Receiver, plan: Plan, *, sinks: int = 1
) -> Figure:
    """Measure from request to arrival at the receiver, and until all has arrived.

    With more `sinks` than one, which all end at the receiver, an event has arrived when
    it has at the last of them.
    """
    before = sink.count().events
    cpu_before = subject.child.cpu_seconds()
    receiver_before = sink.child.cpu_seconds()
    result = generate(plan)
    owed = len(result.sent_ns) * sinks
    await_events(sink, before + owed)
    cpu = subject.child.cpu_seconds() - cpu_before
    receiver_cpu = sink.child.cpu_seconds() - receiver_before
    subject.child.check()
    arrivals = sink.arrivals()
    arrived = [
        (arrivals[number], sent)
        for number, sent in enumerate(result.sent_ns, plan.first)
        if number in arrivals
    ]
    if not arrived:
        raise subject.child.failure("delivered nothing")
    times = sorted(at - sent for at, sent in arrived)
    seconds = (max(at for at, _ in arrived) - result.sent_ns[0]) / 1e9
    return Figure(
        key=key,
        name=name,
        count=len(arrived),
        per_second=len(arrived) / seconds,
        planned=plan.rate is not None,
        cpu_us=cpu / len(arrived) * 1e6,
        p50_ms=percentile(times, 50) / 1e6,
        p99_ms=percentile(times, 99) / 1e6,
        peak_mib=subject.child.peak_mib(),
        missing=max(owed - (sink.count().events - before), 0),
        limited_by=limited_by(
            {"load": result.cpu_seconds, "receiver": receiver_cpu}, seconds
        ),
    )


def await_events(sink: Receiver, wanted: int) -> None:
    """Wait until so many events have arrived, or no more come."""
    seen, heard = -1, time.monotonic()
    while seen < wanted and time.monotonic() - heard < _SILENCE:
        sink.child.check()
        events = sink.count().events
        if events > seen:
            seen, heard = events, time.monotonic()
        time.sleep(_POLL)


def limited_by(cpu_seconds: dict[str, float], seconds: float) -> str:
    """Return the helpers that have used nearly all of a core."""
    busy = [name for name, cpu in cpu_seconds.items() if cpu > seconds * _NEARLY_ALL]
    return ", ".join(busy)


def _parts(plan: Plan) -> list[Plan]:
    """Return the runs that a plan is divided into; no number comes twice."""
    return [
        msgspec.structs.replace(
            plan, seconds=plan.seconds / RUNS, first=plan.first + run * RUN_NUMBERS
        )
        for run in range(RUNS)
    ]
