"""The limits: what the same work costs at least. Each starts what it needs."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import kinds, nginx, posts
from bench.disk import Done
from bench.figures import Figure, median_of, percentile
from bench.processes import run_module
from bench.runs import (
    HOST,
    RUN_NUMBERS,
    RUNS,
    Scale,
    answered,
    await_events,
    generate,
    limited_by,
    plan,
)
from bench.subject import receiver, responder, server


GROUP = 100

#: As many as there are connections: more posts than those never share a sync.
SMALL_GROUP = 32

#: As many as a webhook sink has under way, unless it is told otherwise.
CONNECTIONS = 16


def bare(folder: Path, scale: Scale) -> Figure:
    """The limit that all ratios are to: uvicorn with nothing behind it."""
    return _bare("bare", "bare uvicorn, 204", folder, scale)


def bare_again(folder: Path, scale: Scale) -> Figure:
    """The same at the end of a run: how much the machine itself has changed."""
    return _bare("bare-again", "bare uvicorn, 204, again", folder, scale)


def _bare(key: str, name: str, folder: Path, scale: Scale) -> Figure:
    with responder(folder) as (child, port):
        wanted = plan(port, posts.event_post(HOST), scale.seconds)
        return answered(key, name, child, wanted)


def nginx_limit(folder: Path, scale: Scale) -> Iterator[Figure]:
    """The same posts to nginx, where there is one."""
    if not nginx.is_installed():
        return
    with nginx.serving(folder) as (child, port):
        wanted = plan(port, posts.event_post(HOST), scale.seconds)
        yield answered("nginx", "nginx, 204", child, wanted)


def disk(folder: Path, scale: Scale) -> Iterator[Figure]:
    """The disk's limits: SQLite, then a plain file; times are those of one sync."""
    for key, to, name, group in (
        ("sqlite", "sqlite", f"bare SQLite, {GROUP} rows a commit", GROUP),
        ("append-100", "append", f"raw append, {GROUP} records a sync", GROUP),
        ("append-32", "append", f"raw append, {SMALL_GROUP} a sync", SMALL_GROUP),
    ):
        arguments = (to, str(folder), str(scale.seconds / RUNS), str(group))
        yield median_of(
            [
                _disk(
                    key, name, group, run_module("bench.disk", *arguments, result=Done)
                )
                for _ in range(RUNS)
            ]
        )


def _disk(key: str, name: str, group: int, done: Done) -> Figure:
    times = sorted(done.commits_ns)
    rows = len(times) * group
    return Figure(
        key=key,
        name=name,
        count=rows,
        per_second=rows / done.seconds,
        cpu_us=done.cpu_seconds / rows * 1e6,
        p50_ms=percentile(times, 50) / 1e6,
        p99_ms=percentile(times, 99) / 1e6,
    )


def loopback(folder: Path, scale: Scale) -> Figure:
    """What sending costs at least: a webhook's own requests, by a lean client.

    CPU is that of the client, which has nothing to keep, to decide or to sign.
    """
    with receiver(folder) as sink:
        with server(folder) as subject:
            subject.subscribe(kinds.WEBHOOK, sink)
            few = plan(subject.port, posts.event_post(HOST), 0.1, rate=100)
            await_events(sink, len(generate(few).sent_ns))
        wanted = plan(sink.port, _template(sink.last_request()), scale.seconds / RUNS)
        wanted = msgspec.structs.replace(wanted, connections=CONNECTIONS)
        runs = []
        for run in range(RUNS):
            cpu_before = sink.child.cpu_seconds()
            first = (run + 1) * RUN_NUMBERS
            result = generate(msgspec.structs.replace(wanted, first=first))
            receiver_cpu = sink.child.cpu_seconds() - cpu_before
            times = sorted(result.latencies_ns)
            runs.append(
                Figure(
                    key="loopback",
                    name="loopback POST, a lean client",
                    count=len(times),
                    per_second=len(times) / result.seconds,
                    cpu_us=result.cpu_seconds / len(times) * 1e6,
                    p50_ms=percentile(times, 50) / 1e6,
                    p99_ms=percentile(times, 99) / 1e6,
                    missing=len(times) - result.statuses.get(200, 0),
                    limited_by=limited_by({"receiver": receiver_cpu}, result.seconds),
                )
            )
    return median_of(runs)


def _template(request: bytes) -> bytes:
    """Return a request that was captured, with its number to be filled in."""
    return re.sub(
        rb"bench-\d{8}", b"bench-%(n)08d", request.replace(b"%", b"%%"), count=1
    )
