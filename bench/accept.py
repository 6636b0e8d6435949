"""The ways in. Each measurement starts what it needs."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import posts
from bench.figures import Figure
from bench.runs import HOST, Scale, answered, plan
from bench.subject import server


CROWD = 512  # connections, where it is not the usual number of them


def accept(folder: Path, scale: Scale) -> Iterator[Figure]:
    """Posts of an SDK, answered once they are synced; nobody is subscribed.

    First as fast as they are answered, then half as many at a fixed rate. Then more at
    a time: the more there are, the more share a sync.
    """
    with server(folder) as subject:
        wanted = plan(subject.port, posts.event_post(HOST), scale.seconds)
        name = f"accept SDK posts, {wanted.connections} connections"
        flat_out = answered("accept", name, subject.child, wanted)
        yield flat_out
        half = msgspec.structs.replace(
            wanted, rate=flat_out.per_second / 2, first=20_000_000
        )
        name = f"accept SDK posts at {half.rate:,.0f}/s, half"
        yield answered("accept-half", name, subject.child, half)
        crowd = msgspec.structs.replace(
            wanted, connections=CROWD, calls=2 * CROWD, first=40_000_000
        )
        name = f"accept SDK posts, {CROWD} connections"
        yield answered("accept-crowd", name, subject.child, crowd)


def calls(folder: Path, scale: Scale) -> Figure:
    """Calls created by the API, and begun by the simulator, without callbacks."""
    with server(folder) as subject:
        wanted = plan(subject.port, posts.call_request(HOST), scale.seconds)
        return answered("calls", "accept calls, no callbacks", subject.child, wanted)
