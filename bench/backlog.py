"""A log full of events that a sink has not had: memory, and how fast it is caught up."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import fill, kinds, posts
from bench.figures import Figure
from bench.kinds import Kind
from bench.processes import run_module
from bench.runs import HOST, Scale, await_events, generate, plan
from bench.subject import DATA, Receiver, receiver, server


# Longer than an attempt at a hung webhook takes, and than the first pauses after it.
_HOLD_SECONDS = 10.0

_DATABASE = f"{DATA}/trunkline.db"


def memory(folder: Path, scale: Scale) -> Iterator[Figure]:
    """Memory of servers that start on a backlog, one sink hung and one down.

    All at the same time: what one has does not depend on the others.
    """
    with ExitStack() as stack:
        filled, children = [], []
        for count in scale.backlogs:
            part = folder / str(count)
            part.mkdir()
            sink = stack.enter_context(receiver(part))
            _prepare(part, [kinds.HUNG, kinds.DOWN], sink)
            filled.append(_fill(part, count, kinds.SDK_EVENT))
        for count in scale.backlogs:
            subject = stack.enter_context(server(folder / str(count)))
            children.append(subject.child)
        cpu_before = [child.cpu_seconds() for child in children]
        time.sleep(_HOLD_SECONDS)
        for count, had, child, before in zip(
            scale.backlogs, filled, children, cpu_before, strict=True
        ):
            child.check()
            cpu = (child.cpu_seconds() - before) / _HOLD_SECONDS
            yield Figure(
                key=f"memory-{count}",
                name=f"memory, {count:,} behind",
                count=count,
                peak_mib=child.peak_mib(),
                note=f"{had.data_bytes:,} bytes of data each, filled in "
                f"{had.seconds:.0f} s; one sink hung and one down for "
                f"{_HOLD_SECONDS:.0f} s, {cpu:.0%} of a core",
            )


def drain(folder: Path, scale: Scale) -> Iterator[Figure]:
    """How fast a sink gets what it has not had, nothing new coming in."""
    for kind in (kinds.WEBHOOK, kinds.BATCHES, kinds.KINESIS, kinds.SEGMENT):
        part = folder / kind.key
        part.mkdir()
        with receiver(part) as sink:
            _prepare(part, [kind], sink)
            _fill(part, scale.drained, kind.event_type)
            yield _drained(part, kind, sink, scale.drained)


def _drained(folder: Path, kind: Kind, sink: Receiver, count: int) -> Figure:
    before = sink.count().events
    with server(folder, kind.environment_at(sink.url)) as subject:
        cpu_before, had = subject.child.cpu_seconds(), sink.count().events - before
        await_events(sink, before + count)
        cpu = subject.child.cpu_seconds() - cpu_before
        peak = subject.child.peak_mib()
    numbers = range(fill.FIRST, fill.FIRST + count)
    times = [at for number, at in sink.arrivals().items() if number in numbers]
    return Figure(
        key=f"drain-{kind.key}",
        name=f"drain {count:,}: {kind.name}",
        count=len(times),
        per_second=len(times) / (max(times) - min(times)) * 1e9,
        cpu_us=cpu / (len(times) - had) * 1e6,
        peak_mib=peak,
        missing=count - len(times),
    )


def _prepare(folder: Path, sinks: Sequence[Kind], sink: Receiver) -> None:
    """Make sinks, and capture a few events to copy."""
    with server(folder, sinks[0].environment_at(sink.url)) as subject:
        for kind in sinks:
            subject.subscribe(kind, sink)
        template = (
            posts.event_post(HOST)
            if sinks[0].event_type == kinds.SDK_EVENT
            else posts.call_request(HOST, f"{sink.url}/callback")
        )
        few = plan(subject.port, template, 0.1, rate=100)
        captured = len(generate(few).sent_ns)
        if sinks[0] is not kinds.HUNG:
            await_events(sink, captured)


def _fill(folder: Path, count: int, event_type: str) -> fill.Filled:
    path = str(folder / _DATABASE)
    return run_module("bench.fill", path, str(count), event_type, result=fill.Filled)
