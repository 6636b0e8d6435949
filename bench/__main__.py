"""`python -m bench`: measure all, print a table, write .bench/*.json.

Exits with 0 whatever was measured, with 1 where something could not be.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from bench import accept, backlog, deliver, limits, report, results, sinks
from bench.figures import Figure, Judged, judge
from bench.processes import DidNotWork
from bench.results import RESULTS
from bench.runs import Scale


#: In this order: all after the first are judged by it.
MEASUREMENTS: dict[str, Callable[[Path, Scale], Figure | Iterator[Figure]]] = {
    "bare": limits.bare,
    "nginx": limits.nginx_limit,
    "disk": limits.disk,
    "loopback": limits.loopback,
    "accept": accept.accept,
    "calls": accept.calls,
    "deliver": deliver.webhook,
    "together": deliver.together,
    "matching": sinks.matching,
    "unmatched": sinks.unmatched,
    "neighbours": deliver.neighbours,
    "memory": backlog.memory,
    "drain": backlog.drain,
    "again": limits.bare_again,
}


def main() -> None:
    options = _options()
    scale = Scale(
        seconds=options.seconds or (10.0 if options.full else 3.0),
        backlogs=(0, 100_000, 1_000_000),
        drained=1_000_000 if options.full else 100_000,
    )
    # A pipe is as wide as the table.
    console = Console(width=None if sys.stdout.isatty() else 110)
    judged: list[Judged] = []
    bare: Figure | None = None
    failures = 0
    for name, measured in MEASUREMENTS.items():
        if name not in {"bare", *(options.only or MEASUREMENTS)}:
            continue
        try:
            with _folder() as folder, console.status(f"measuring {name} ..."):
                found = measured(folder, scale)
                for figure in [found] if isinstance(found, Figure) else found:
                    bare = bare or figure
                    judged.append(judge(figure, bare, name))
        except DidNotWork as error:
            if bare is None:
                raise  # nothing to compare with
            failures += 1
            console.print(f"{name}: {error}", style="red", markup=False)
    whole = not failures and not options.only
    run = results.run_of(judged, scale.seconds, whole=whole)
    report.show(run, console)
    console.print(f"Written to {results.save(run)}")
    sys.exit(1 if failures else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure the real server, as ratios to a limit of the same run.",
    )
    parser.add_argument(
        "--seconds", type=float, help="of each measurement (default 3, full 10)"
    )
    parser.add_argument(
        "--full", action="store_true", help="longer, and drain a backlog of 1,000,000"
    )
    parser.add_argument(
        "--only", nargs="+", choices=list(MEASUREMENTS), help="only these, and bare"
    )
    return parser.parse_args()


@contextmanager
def _folder() -> Iterator[Path]:
    # Next to the results, not in /tmp, which may be memory: syncs must be real.
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RESULTS) as folder:
        yield Path(folder)


if __name__ == "__main__":
    try:
        main()
    except DidNotWork as error:
        sys.exit(f"bench: {error}")
