"""The limits, and the ways in. Each measurement starts what it needs."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import nginx, posts
from bench.disk import GROUP, Disk
from bench.figures import Figure, percentile
from bench.processes import run_module
from bench.runs import HOST, Scale, answered, plan
from bench.subject import responder, server


CROWD = 512  # connections, where it is not the usual number of them


def bare(folder: Path, scale: Scale) -> Figure:
    """The limit that all ratios are to: uvicorn with nothing behind it."""
    with responder(folder) as (child, port):
        wanted = plan(port, posts.event_post(HOST), scale.seconds)
        return answered("bare", "bare uvicorn, 204", child, wanted)


def nginx_limit(folder: Path, scale: Scale) -> Iterator[Figure]:
    """The same posts to nginx, where there is one."""
    if not nginx.is_installed():
        return
    with nginx.serving(folder) as (child, port):
        wanted = plan(port, posts.event_post(HOST), scale.seconds)
        yield answered("nginx", "nginx, 204", child, wanted)


def disk(folder: Path, scale: Scale) -> Figure:
    """The disk's limit; its times are those of one commit."""
    done = run_module("bench.disk", str(folder), str(scale.seconds), result=Disk)
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


def accept(folder: Path, scale: Scale) -> Iterator[Figure]:
    """Posts of an SDK, answered once they are synced; nobody is subscribed.

    The more there are at a time, the more share a sync.
    """
    with server(folder) as subject:
        wanted = plan(subject.port, posts.event_post(HOST), scale.seconds)
        yield answered(
            "accept", "accept SDK posts, 32 connections", subject.child, wanted
        )
        crowd = msgspec.structs.replace(
            wanted, connections=CROWD, calls=2 * CROWD, first=10_000_000
        )
        name = f"accept SDK posts, {CROWD} connections"
        yield answered("accept", name, subject.child, crowd)


def calls(folder: Path, scale: Scale) -> Figure:
    """Calls created by the API, and begun by the simulator, without callbacks."""
    with server(folder) as subject:
        wanted = plan(subject.port, posts.call_request(HOST), scale.seconds)
        return answered("calls", "accept calls, no callbacks", subject.child, wanted)
