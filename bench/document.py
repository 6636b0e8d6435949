"""`python -m bench.document [FILE]`: write a run's figures into docs/performance.md.

Without a file the newest whole run of `.bench/`. Tables go between markers; the prose
around them is written by hand.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from bench.figures import Judged
from bench.results import Run, load, newest


DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"

BEGIN = "<!-- {}: written by python -m bench.document -->"
END = "<!-- end of {} -->"

_ABSENT = ""


def main() -> int:
    path = Path(sys.argv[1]) if sys.argv[1:] else newest()
    if path is None:
        sys.stderr.write("bench: there is no whole run in .bench/: make bench\n")
        return 1
    run = load(path)
    text = DOCUMENT.read_text("utf-8")
    for name, table in TABLES.items():
        text = put(text, name, table(run))
    DOCUMENT.write_text(text, "utf-8")
    sys.stdout.write(f"Written from {path}\n")
    return 0


def put(text: str, name: str, lines: Iterable[str]) -> str:
    """Put lines in the place of those that a document has between markers.

    Raises ValueError where it has no such markers.
    """
    begin, end = BEGIN.format(name), END.format(name)
    start, stop = text.index(begin), text.index(end)
    between = "\n".join([begin, *lines, ""])
    return text[:start] + between + text[stop:]


def about(run: Run) -> list[str]:
    """Return where and when."""
    machine = run.machine
    what = (
        f"`make bench`, {run.time[:10]}, at `{run.commit}`, {run.seconds:g} seconds "
        f"each: {machine.cores} cores of {machine.cpu}, {machine.platform}, "
        f"Python {machine.python}, SQLite {machine.sqlite}."
    )
    return [what]


def figures(run: Run) -> list[str]:
    """Return what has a rate."""
    return _table(
        "Figure|Per second|to bare|CPU us|to bare|+-|p50 ms|p99 ms|x expected|Command",
        (
            [
                figure.name,
                _shown(figure.per_second, ",.0f"),
                _shown(figure.speed_ratio, ".2f"),
                _shown(figure.cpu_us, ".1f"),
                _shown(figure.cpu_ratio, ".2f"),
                _ABSENT if figure.spread is None else f"{figure.spread:.0%}",
                _shown(figure.p50_ms, ".2g" if figure.p50_ms < 10 else ".0f"),
                _shown(figure.p99_ms, ".2g" if figure.p99_ms < 10 else ".0f"),
                _expected(figure),
                _command(figure.measurement),
            ]
            for figure in run.figures
            if figure.per_second
        ),
    )


def limits(run: Run) -> list[str]:
    """Return how what is done compares with the least that it could cost."""
    return _table(
        "Figure|to its limit|CPU|Rate|Command",
        (
            [
                ratio.of,
                ratio.to,
                f"{ratio.cpu:.1f}",
                _ABSENT if ratio.speed is None else f"{ratio.speed:.2f}",
                _command(*ratio.measurements),
            ]
            for ratio in run.ratios
        ),
    )


def sinks(run: Run) -> list[str]:
    """Return what a further sink costs."""
    return _table(
        "Further sinks|CPU us each|to bare|Noise, us|Command",
        (
            [
                figure.name,
                f"{figure.cpu_us:.1f}",
                f"{figure.cpu_ratio:.2f}",
                f"{figure.noise:.1f}",
                _command(figure.measurement),
            ]
            for figure in run.figures
            if figure.noise and figure.change is None
        ),
    )


def memory(run: Run) -> list[str]:
    """Return the memory of backlogs."""
    return _table(
        "Events behind|Most memory, MiB|Command",
        (
            [
                f"{figure.count:,}",
                f"{figure.peak_mib:.0f}",
                _command(figure.measurement),
            ]
            for figure in run.figures
            if figure.measurement == "memory"
        ),
    )


def targets(run: Run) -> list[str]:
    """Return what is aimed at, and by how much it is missed."""
    measurements = {figure.key: figure.measurement for figure in run.figures}
    return _table(
        "Target|Wanted|to bare|Measured|to bare|Noise||Command",
        (
            [
                target.what,
                f"{target.limit:,.0f} {target.unit}",
                _shown(target.wanted_to_bare, ".2f"),
                f"{target.measured:,.1f} {target.unit}",
                _shown(target.to_bare, ".2f"),
                _shown(target.noise, ",.1f"),
                target.says,
                _command(measurements[target.key]),
            ]
            for target in run.targets
        ),
    )


#: By the name of their markers.
TABLES: Mapping[str, Callable[[Run], list[str]]] = {
    "run": about,
    "targets": targets,
    "limits": limits,
    "sinks": sinks,
    "memory": memory,
    "figures": figures,
}


def _table(heads: str, rows: Iterable[Iterable[str]]) -> list[str]:
    titles = heads.split("|")
    lines = [titles, ["---"] * len(titles), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _command(*measurements: str) -> str:
    only = " ".join(name for name in dict.fromkeys(measurements) if name != "bare")
    make = "make bench-nginx" if "nginx" in measurements else "make bench"
    return f'`{make} ONLY="{only or "bare"}"`'


def _expected(figure: Judged) -> str:
    if figure.times_expected is None:
        return _ABSENT
    return f"{figure.times_expected:.1f}{' !' if figure.defect else ''}"


def _shown(value: float | None, form: str) -> str:
    return format(value, form) if value else _ABSENT


if __name__ == "__main__":
    sys.exit(main())
