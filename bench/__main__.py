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

from bench import measure, report
from bench.figures import Figure, Judged, judge
from bench.processes import DidNotWork


RESULTS = Path(__file__).parents[1] / ".bench"

#: In this order: all after the first are judged by it.
MEASUREMENTS: dict[str, Callable[[Path, float], Figure | Iterator[Figure]]] = {
    "bare": measure.bare,
    "nginx": measure.nginx_limit,
    "disk": measure.disk,
    "accept": measure.accept,
    "calls": measure.calls,
    "deliver": measure.deliver,
}


def main() -> None:
    options = _options()
    # A pipe is as wide as the table.
    console = Console(width=None if sys.stdout.isatty() else 110)
    figures: list[Figure] = []
    for name, measured in MEASUREMENTS.items():
        if name in {"bare", *(options.only or MEASUREMENTS)}:
            with _folder() as folder, console.status(f"measuring {name} ..."):
                found = measured(folder, options.seconds)
                figures += [found] if isinstance(found, Figure) else found
    judged: list[Judged] = [judge(figure, figures[0]) for figure in figures]
    report.show(judged, console)
    path = report.save(judged, options.seconds, RESULTS)
    console.print(f"Written to {path}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure the real server, as ratios to a limit of the same run.",
    )
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="of each measurement (default 4)"
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
