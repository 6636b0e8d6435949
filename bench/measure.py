"""The measurements. Each starts what it needs, and returns one figure or two."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import nginx, posts
from bench.disk import GROUP, Disk
from bench.figures import Figure, percentile
from bench.load import Plan, Result
from bench.processes import Child, run_module
from bench.subject import Receiver, Server, receiver, responder, server


FIXED_RATE = 500.0  # events per second
CROWD = 512  # connections, where it is not the usual number of them

_WARM_UP = 0.5  # seconds
_HOST = "127.0.0.1"

# Numbers of the warm-up come after all others: there are eight digits.
_WARM_UP_FIRST = 90_000_000

# A receiver that gets nothing for so long gets nothing more.
_SILENCE = 10.0  # seconds
_POLL = 0.05

# Of one core: a helper that uses more may be what limits the rate.
_NEARLY_ALL = 0.9


def bare(folder: Path, seconds: float) -> Figure:
    """The limit that all ratios are to: uvicorn with nothing behind it."""
    with responder(folder) as (child, port):
        plan = _plan(port, posts.event_post(_HOST), seconds)
        return _answered("bare", "bare uvicorn, 204", child, plan)


def nginx_limit(folder: Path, seconds: float) -> Iterator[Figure]:
    """The same posts to nginx, where there is one."""
    if not nginx.is_installed():
        return
    with nginx.serving(folder) as (child, port):
        plan = _plan(port, posts.event_post(_HOST), seconds)
        yield _answered("nginx", "nginx, 204", child, plan)


def disk(folder: Path, seconds: float) -> Figure:
    """The disk's limit; its times are those of one commit."""
    done = run_module("bench.disk", str(folder), str(seconds), result=Disk)
    times = sorted(done.commits_ns)
    rows = len(times) * GROUP
    return Figure(
        key="disk",
        name=f"bare SQLite, {GROUP} rows a commit",
        count=rows,
        per_second=rows / done.seconds,
        cpu_us=done.cpu_seconds / rows * 1e6,
        p50_ms=percentile(times, 50) / 1e6,
        p99_ms=percentile(times, 99) / 1e6,
    )


def accept(folder: Path, seconds: float) -> Iterator[Figure]:
    """Posts of an SDK, answered once they are synced; nobody is subscribed.

    The more there are at a time, the more share a sync.
    """
    with server(folder) as subject:
        plan = _plan(subject.port, posts.event_post(_HOST), seconds)
        yield _answered("accept", "accept SDK posts, no sink", subject.child, plan)
        crowd = msgspec.structs.replace(
            plan, connections=CROWD, calls=2 * CROWD, first=10_000_000
        )
        name = f"the same, {CROWD} connections"
        yield _answered("accept", name, subject.child, crowd)


def calls(folder: Path, seconds: float) -> Figure:
    """Calls created by the API, and begun by the simulator, without callbacks."""
    with server(folder) as subject:
        plan = _plan(subject.port, posts.call_request(_HOST), seconds)
        return _answered("calls", "accept calls, no callbacks", subject.child, plan)


def deliver(folder: Path, seconds: float) -> Iterator[Figure]:
    """Posts in, signed webhook requests out: flat out, then from post to receipt."""
    with server(folder) as subject, receiver(folder) as sink:
        subject.subscribe(f"{sink.url}/events")
        template = posts.event_post(_HOST)
        flat_out = _delivered(
            "deliver",
            "accept and deliver one by one",
            subject,
            sink,
            _plan(subject.port, template, seconds),
        )
        yield flat_out
        half = flat_out.per_second / 2
        for number, (name, rate) in enumerate(
            [("", FIXED_RATE), (", half load", half)], start=1
        ):
            yield _delivered(
                "receipt",
                f"post to receipt at {rate:,.0f}/s{name}",
                subject,
                sink,
                _plan(
                    subject.port,
                    template,
                    seconds,
                    rate=rate,
                    first=number * 10_000_000,
                ),
            )


def _plan(
    port: int,
    template: bytes,
    seconds: float,
    *,
    rate: float | None = None,
    first: int = 0,
) -> Plan:
    return Plan(
        host=_HOST,
        port=port,
        template=template,
        seconds=seconds,
        rate=rate,
        first=first,
    )


def _generate(plan: Plan) -> Result:
    return run_module("bench.load", result=Result, stdin=msgspec.json.encode(plan))


def _warm_up(plan: Plan) -> int:
    """Open what is opened once; return how many requests that took."""
    plan = msgspec.structs.replace(plan, seconds=_WARM_UP, first=_WARM_UP_FIRST)
    return len(_generate(plan).sent_ns)


def _answered(key: str, name: str, child: Child, plan: Plan) -> Figure:
    """Measure from request to answer."""
    _warm_up(plan)
    cpu_before = child.cpu_seconds()
    result = _generate(plan)
    cpu = child.cpu_seconds() - cpu_before
    child.check()
    times = sorted(result.latencies_ns)
    good = sum(n for status, n in result.statuses.items() if status // 100 == 2)
    return Figure(
        key=key,
        name=name,
        count=good,
        per_second=good / result.seconds,
        cpu_us=cpu / max(good, 1) * 1e6,
        p50_ms=percentile(times, 50) / 1e6,
        p99_ms=percentile(times, 99) / 1e6,
        peak_mib=child.peak_mib(),
        missing=len(times) - good,
        limited_by=_limit({"load": result.cpu_seconds}, result.seconds),
    )


def _delivered(
    key: str, name: str, subject: Server, sink: Receiver, plan: Plan
) -> Figure:
    """Measure from request to arrival at the receiver, and until all has arrived."""
    before = sink.count().events
    before += _warm_up(plan)
    _await_events(sink, before)
    cpu_before = subject.child.cpu_seconds()
    receiver_before = sink.child.cpu_seconds()
    result = _generate(plan)
    count = len(result.sent_ns)
    _await_events(sink, before + count)
    cpu = subject.child.cpu_seconds() - cpu_before
    receiver_cpu = sink.child.cpu_seconds() - receiver_before
    subject.child.check()
    arrivals = sink.arrivals()
    arrived = [
        (arrivals[number], sent)
        for number, sent in enumerate(result.sent_ns, plan.first)
        if number in arrivals
    ]
    times = sorted(at - sent for at, sent in arrived)
    seconds = (max(at for at, _ in arrived) - result.sent_ns[0]) / 1e9
    return Figure(
        key=key,
        name=name,
        count=len(arrived),
        per_second=len(arrived) / seconds,
        cpu_us=cpu / len(arrived) * 1e6,
        p50_ms=percentile(times, 50) / 1e6,
        p99_ms=percentile(times, 99) / 1e6,
        peak_mib=subject.child.peak_mib(),
        missing=count - len(arrived),
        limited_by=_limit(
            {"load": result.cpu_seconds, "receiver": receiver_cpu}, seconds
        ),
    )


def _await_events(sink: Receiver, wanted: int) -> None:
    """Wait until so many events have arrived, or no more come."""
    seen, heard = -1, time.monotonic()
    while seen < wanted and time.monotonic() - heard < _SILENCE:
        sink.child.check()
        events = sink.count().events
        if events > seen:
            seen, heard = events, time.monotonic()
        time.sleep(_POLL)


def _limit(cpu_seconds: dict[str, float], seconds: float) -> str:
    busy = [name for name, cpu in cpu_seconds.items() if cpu > seconds * _NEARLY_ALL]
    return ", ".join(busy)
