"""Where the event loop's time goes: `python -m bench.profile accept|deliver`.

The server runs under cProfile while it is loaded as the measurements do; what took
most time itself, callees left out, is printed first. A profile makes calls dearer than
what is done between them: it tells where to look, not how much there is to gain.
"""

import argparse
import pstats
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench import kinds, posts
from bench.load import Plan, Result
from bench.processes import Child, DidNotWork, run_module
from bench.subject import Receiver, receiver, server


_WARM_UP = 1.0  # seconds
_SETTLE = 1.0  # seconds, from the last answer until what was owed is delivered
_WRITE_LIMIT = 20.0  # seconds
_HOST = "127.0.0.1"


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        statistics = folder / "profile"
        launch = ("-m", "bench.profiled", str(statistics))
        with server(folder, launch=launch) as subject:
            plan = Plan(
                host=_HOST,
                port=subject.port,
                template=posts.event_post(_HOST),
                seconds=options.seconds,
                connections=options.connections,
                calls=2 * options.connections,
            )
            with _sink(folder, options.what) as sink:
                if sink:
                    subject.subscribe(kinds.ROADS[options.what], sink)
                warm_up = msgspec.structs.replace(
                    plan, seconds=_WARM_UP, first=90_000_000
                )
                _generate(warm_up)
                subject.child.signal(signal.SIGUSR1)
                result = _generate(plan)
                if sink:
                    time.sleep(_SETTLE)
                subject.child.signal(signal.SIGUSR2)
                _await_file(statistics, subject.child)
        _show(statistics, len(result.sent_ns), options.lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.profile",
        description="Print where the event loop's time goes under load.",
    )
    parser.add_argument(
        "what",
        choices=("accept", *kinds.ROADS),
        help="Voice SDK posts without a sink, to a webhook one by one, or in batches",
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="default 4")
    parser.add_argument("--connections", type=int, default=32, help="default 32")
    parser.add_argument("--lines", type=int, default=25, help="default 25")
    return parser.parse_args()


@contextmanager
def _sink(folder: Path, what: str) -> Iterator[Receiver | None]:
    if what not in kinds.ROADS:
        yield None
        return
    with receiver(folder) as sink:
        yield sink


def _generate(plan: Plan) -> Result:
    return run_module("bench.load", result=Result, stdin=msgspec.json.encode(plan))


def _await_file(path: Path, child: Child) -> None:
    deadline = time.monotonic() + _WRITE_LIMIT
    while not path.exists():
        child.check()
        if time.monotonic() > deadline:
            raise child.failure("wrote no profile")
        time.sleep(0.02)


def _show(path: Path, requests: int, lines: int) -> None:
    statistics = pstats.Stats(str(path))
    here = f"{Path.cwd()}/"
    rows = sorted(
        statistics.stats.items(),  # type: ignore[attr-defined]
        key=lambda item: -item[1][2],
    )
    total = sum(row[2] for _, row in rows)
    write = sys.stdout.write
    write(f"{requests} requests, {total / requests * 1e6:.1f} us each under profile\n")
    write("  us self   share   calls  us total  function\n")
    for (file, line, name), (_, calls, own, cumulative, _) in rows[:lines]:
        where = f"{file.removeprefix(here)}:{line} {name}" if line else name
        write(
            f"{own / requests * 1e6:9.2f} {own / total:7.1%} {calls / requests:7.2f} "
            f"{cumulative / requests * 1e6:9.2f}  {where}\n"
        )


if __name__ == "__main__":
    try:
        main()
    except DidNotWork as error:
        sys.exit(f"bench: {error}")
