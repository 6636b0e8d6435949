"""Break promises on purpose, in a copy, and see that a suite notices.

python -m tiers.mutants [--only WORD]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tiers.mutants.breaks import BREAKS, Break
from tiers.reliability import ROOT, keep_table


PYTEST = ("-m", "pytest", "-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider")

SUITES: dict[str, tuple[str, ...]] = {
    "database": (*PYTEST, "tests/app/database"),
    "log": (*PYTEST, "tests/contract/test_log.py"),
    "pruning": (*PYTEST, "tests/contract/test_pruning.py"),
    "delivery": (*PYTEST, "tests/core/delivery", "tests/app/delivery"),
    "calls": (*PYTEST, "tests/core/calls", "tests/app/calls/test_progress.py"),
    "sdk": (*PYTEST, "tests/app/sdk"),
    "streams": (*PYTEST, "tests/core/streams"),
    "server": (*PYTEST, "tests/app/server"),
    "outgoing": (*PYTEST, "tests/app/outgoing"),
    "fuzz": ("-m", "tiers.fuzz", "--part=changed", "--seconds=5", "--seed=1"),
    "sweep": ("-m", "tiers.crash", "--seconds", "0", "--seed", "1"),
    "simulation": ("-m", "tiers.simulation", "--seed", "3", "--hours", "1.5"),
}

LONG_ENOUGH = 240  # seconds; a suite that hangs has noticed


def main() -> int:
    parser = argparse.ArgumentParser(prog="tiers.mutants")
    parser.add_argument("--only", default="")
    only = parser.parse_args().only
    survivors, chosen = 0, [b for b in BREAKS if only in b.name]
    with tempfile.TemporaryDirectory(prefix="trunkline-mutants-") as folder:
        copy = copy_of_the_tree(Path(folder) / "tree")
        for sound in sorted({suite for b in chosen for suite in b.suites}):
            if is_red(sound, copy):
                raise SystemExit(f"{sound} fails with nothing broken")
        lines = ["| Broken promise | Noticed by |", "|---|---|"]
        for broken in chosen:
            started = time.monotonic()
            suite = who_notices(broken, copy)
            survivors += suite is None
            lines.append(f"| {broken.name} | {suite or '**nobody**'} |")
            print(f"{lines[-1]} {time.monotonic() - started:.0f} s", flush=True)
    if not only:
        keep_table("mutants", lines)
    return 1 if survivors else 0


def copy_of_the_tree(to: Path) -> Path:
    """Copy what the suites need."""
    for name in ("src", "tests", "tiers", "docs"):
        shutil.copytree(
            ROOT / name,
            to / name,
            ignore=shutil.ignore_patterns("node_modules", "__pycache__", ".venv"),
        )
    shutil.copy(ROOT / "pyproject.toml", to)
    return to


def who_notices(broken: Break, copy: Path) -> str | None:
    """Return the first suite that a break turns red; the copy is whole again after."""
    file = copy / "src" / "trunkline" / broken.file
    whole = file.read_text("utf-8")
    if whole.count(broken.old) != 1:
        raise SystemExit(f"{broken.name!r} does not fit {broken.file} any more")
    file.write_text(whole.replace(broken.old, broken.new), "utf-8")
    try:
        return next((suite for suite in broken.suites if is_red(suite, copy)), None)
    finally:
        file.write_text(whole, "utf-8")


def is_red(suite: str, copy: Path) -> bool:
    """Tell whether a suite fails on the copy."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{copy / 'src'}:{copy}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        ended = subprocess.run(
            [sys.executable, *SUITES[suite]],
            cwd=copy,
            env=environment,
            check=False,
            capture_output=True,
            timeout=LONG_ENOUGH,
        )
    except subprocess.TimeoutExpired:
        return True
    return ended.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
