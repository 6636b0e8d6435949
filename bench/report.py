"""What a run found, as tables to look at."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.figures import SURPRISE, Judged
from bench.results import Run


_HEADINGS = (
    "per s",
    "ratio",
    "CPU us",
    "ratio",
    "+-",
    "p50 ms",
    "p99 ms",
    "MiB",
    "x exp.",
)

_NOTES = """\
Server, load and receiver share this machine's {cores} cores: the rate is what is left of
them. CPU is of the server process alone, per event, or of what else is measured. Both
ratios are to the bare responder of this run; +- is how far the CPU of equal runs was
apart. What is expected, and here exceeded so many times, is the CPU of the prototype,
scaled by this machine's bare responder; for the disk its rate; for receipt a p99 of
20 ms; for a backlog 300 MiB. Above {surprise:g} times that is a defect."""


def show(run: Run, console: Console) -> None:
    """Print the tables and what must be said about them."""
    console.print(_figures(run))
    console.print(_NOTES.format(cores=run.machine.cores, surprise=SURPRISE))
    for figure in run.figures:
        for line in _remarks(figure):
            console.print(line, style="red" if figure.defect else None, markup=False)
    if run.ratios:
        console.print(_ratios(run))
    if run.targets:
        console.print(_targets(run))


def _figures(run: Run) -> Table:
    table = _table("measured", *_HEADINGS)
    for figure in run.figures:
        table.add_row(*_cells(figure), style="red" if figure.defect else None)
    return table


def _cells(figure: Judged) -> list[str]:
    expected = figure.times_expected
    return [
        figure.name,
        shown(figure.per_second, ",.0f"),
        shown(figure.speed_ratio, ".2f"),
        shown(figure.cpu_us, ".1f"),
        shown(figure.cpu_ratio, ".2f"),
        "" if figure.spread is None else f"{figure.spread:.0%}",
        shown(figure.p50_ms, ".2f"),
        shown(figure.p99_ms, ".2f"),
        shown(figure.peak_mib, ".0f"),
        "" if expected is None else f"{expected:.1f}{' !' if figure.defect else ''}",
    ]


def _remarks(figure: Judged) -> Iterator[str]:
    if figure.missing:
        yield f"{figure.name}: {figure.missing} missing"
    if figure.note:
        yield f"{figure.name}: {figure.note}."
    if figure.limited_by:
        yield (
            f"{figure.name}: {figure.limited_by} used a whole core; "
            "the rate is a lower bound."
        )
    if figure.defect:
        yield f"Defect to find: {figure.name}"


def _ratios(run: Run) -> Table:
    table = _table("ratio of", "CPU", "rate")
    table.add_column("to its limit")
    for ratio in run.ratios:
        speed = "" if ratio.speed is None else f"{ratio.speed:.2f}"
        table.add_row(ratio.of, f"{ratio.cpu:.1f}", speed, ratio.to)
    return table


def _targets(run: Run) -> Table:
    table = _table("target", "wanted", "to bare", "measured", "to bare", "noise", "")
    for target in run.targets:
        table.add_row(
            target.what,
            f"{target.limit:,.0f} {target.unit}",
            shown(target.wanted_to_bare, ".2f"),
            f"{target.measured:,.1f} {target.unit}",
            shown(target.to_bare, ".2f"),
            shown(target.noise, ",.1f"),
            target.says,
            style=None if target.met else "red",
        )
    return table


def _table(first: str, *headings: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(first)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def shown(value: float | None, form: str) -> str:
    """Return a value; nothing where nothing was measured."""
    return format(value, form) if value else ""
