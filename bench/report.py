"""What a run found: a table to look at, and a JSON file to compare with."""

import os
import platform
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.figures import SURPRISE, Judged


#: Rows whose time is of something else than a request, and their rate bound by a plan.
_NOT_A_RATE = frozenset({"receipt"})
_NOT_A_REQUEST = frozenset({"disk"})

_HEADINGS = (
    "per second",
    "ratio",
    "CPU us",
    "ratio",
    "p50 ms",
    "p99 ms",
    "MiB",
    "x expected",
)

_NOTES = """\
Server, load and receiver share this machine's {cores} cores: the rate is what is left of
them. CPU is of the server process alone, per event. Both ratios are to the bare
responder of this run. Expected is the CPU of the prototype, scaled by this machine's
bare responder; for the disk its rate; for receipt a p99 of 20 ms; for a backlog
300 MiB. Above {surprise:g} times that is a defect."""


def show(judged: Sequence[Judged], console: Console) -> None:
    """Print the table and what must be said about it."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("measured")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in judged:
        table.add_row(*_cells(row), style="red" if row.is_defect else None)
    console.print(table)
    cores = os.cpu_count()
    console.print(_NOTES.format(cores=cores, surprise=SURPRISE))
    for row in judged:
        if row.figure.missing:
            console.print(f"[red]{row.figure.name}: {row.figure.missing} missing[/]")
        if row.figure.note:
            console.print(f"{row.figure.name}: {row.figure.note}.")
        if row.figure.limited_by:
            console.print(
                f"{row.figure.name}: {row.figure.limited_by} used a whole core; "
                "the rate is a lower bound."
            )
        if row.is_defect:
            console.print(f"[red]Defect to find: {row.figure.name}[/]")


def save(judged: Sequence[Judged], seconds: float, folder: Path) -> Path:
    """Write the figures to a new file in `folder`; return it."""
    folder.mkdir(exist_ok=True)
    moment = time.gmtime()
    path = folder / f"{time.strftime('%Y%m%dT%H%M%SZ', moment)}.json"
    document = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", moment),
        "seconds": seconds,
        "machine": {
            "cores": os.cpu_count(),
            "platform": platform.platform(),
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
        },
        "figures": [
            {
                **asdict(row.figure),
                "cpu_ratio": row.cpu_ratio,
                "speed_ratio": row.speed_ratio,
                "times_expected": row.times_expected,
                "defect": row.is_defect,
            }
            for row in judged
        ],
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    return path


def _cells(row: Judged) -> list[str]:
    figure = row.figure
    is_rate = figure.key not in _NOT_A_RATE
    is_request = figure.key not in _NOT_A_REQUEST
    expected = row.times_expected
    return [
        figure.name,
        _shown(figure.per_second, ",.0f"),
        _shown(row.speed_ratio if is_rate else 0.0, ".2f"),
        _shown(figure.cpu_us, ".1f"),
        _shown(row.cpu_ratio if is_request else 0.0, ".2f"),
        _shown(figure.p50_ms, ".2f"),
        _shown(figure.p99_ms, ".2f"),
        _shown(figure.peak_mib, ".0f"),
        "" if expected is None else f"{expected:.1f}{' !' if row.is_defect else ''}",
    ]


def _shown(value: float, form: str) -> str:
    """Return a value; nothing where nothing was measured."""
    return format(value, form) if value else ""
