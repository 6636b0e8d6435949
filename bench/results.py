"""A run as it is kept: figures, ratios to the limits and verdicts, in `.bench/*.json`."""

import os
import platform
import re
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.figures import Judged
from bench.ratios import Ratio, ratios
from bench.targets import Verdict, verdicts


_ROOT = Path(__file__).parents[1]

RESULTS = _ROOT / ".bench"

_CPU_NAMES = Path("/proc/cpuinfo")  # Linux


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What it ran on."""

    cores: int
    cpu: str
    platform: str
    python: str
    sqlite: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All that a run found. `whole` is whether nothing was left out or went wrong."""

    time: str
    commit: str
    seconds: float
    whole: bool
    machine: Machine
    figures: list[Judged]
    ratios: list[Ratio]
    targets: list[Verdict]


def run_of(figures: Sequence[Judged], seconds: float, *, whole: bool) -> Run:
    """Return what a run that ends now has found."""
    return Run(
        time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        commit=_commit(),
        seconds=seconds,
        whole=whole,
        machine=Machine(
            cores=os.cpu_count() or 0,
            cpu=_cpu(),
            platform=platform.platform(),
            python=platform.python_version(),
            sqlite=sqlite3.sqlite_version,
        ),
        figures=list(figures),
        ratios=ratios(figures),
        targets=verdicts(figures),
    )


def save(run: Run) -> Path:
    """Write a run to a new file; return it."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{re.sub('[-:]', '', run.time)}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(run)) + b"\n")
    return path


def load(path: Path) -> Run:
    """Read a run. Raises msgspec.DecodeError where it is none of this version."""
    return msgspec.json.decode(path.read_bytes(), type=Run)


def newest() -> Path | None:
    """Return the file of the newest run that is whole."""
    for path in sorted(RESULTS.glob("*.json"), reverse=True):
        try:
            if load(path).whole:
                return path
        except msgspec.DecodeError:
            continue
    return None


def _commit() -> str:
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=_ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    return said.stdout.strip() or "unknown"


def _cpu() -> str:
    if not _CPU_NAMES.exists():
        return platform.processor()
    found = re.search(r"model name\s*: (.+)", _CPU_NAMES.read_text("utf-8", "replace"))
    return found[1].strip() if found else platform.machine()
