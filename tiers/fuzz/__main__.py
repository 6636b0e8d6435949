"""Feed the parsers with broken input: they refuse it clearly, and at once.

    python -m tiers.fuzz [--seconds 48] [--seed N] [--only NAME] [--part changed|guided]
    python -m tiers.fuzz --replay FILE

Each input is one of a corpus, changed here and there; then, where atheris is installed,
inputs are made by what they reach in the code. A parser that raises anything but its own
refusal, or takes too long, has a bug; the input is printed and kept in `.fuzz/`.
"""

import argparse
import gc
import hashlib
import importlib
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tiers.fuzz import guided, mutation
from tiers.fuzz.outcome import Outcome
from tiers.fuzz.target import Target
from tiers.reliability import append


TABLE = "tiers.fuzz.targets"

# Guided inputs are given more of the time, where there are any.
CHANGED_SHARE = 1 / 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="tiers.fuzz")
    parser.add_argument("--seconds", type=float, default=48)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--only", help="the name of a parser")
    parser.add_argument("--part", choices=["changed", "guided"])
    parser.add_argument("--replay", type=Path, help="a file with an input that failed")
    parser.add_argument(
        "--kept", type=Path, default=".fuzz", help="where to keep these"
    )
    parser.add_argument("--table", default=TABLE, help=argparse.SUPPRESS)
    options = parser.parse_args()
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="trunkline-fuzz-", dir=base) as name:
        table = importlib.import_module(options.table)
        found: list[Target] = table.targets(Path(name))
        if options.replay is not None:
            return replay(options.replay, found)
        chosen = [t for t in found if options.only in {None, t.name}]
        if not chosen:
            raise SystemExit(f"There are: {', '.join(t.name for t in found)}.")
        return run(chosen, Path(name), options)


def run(targets: list[Target], folder: Path, options: argparse.Namespace) -> int:
    """Fuzz the targets, tell what came of each and of all, and return the exit code."""
    started = time.monotonic()
    print(f"seed {options.seed}", flush=True)
    shares = shares_of(options.part)
    each = options.seconds / len(targets)
    outcomes = [Outcome() for _ in targets]
    if "changed" in shares:
        gc.freeze()
        for target, outcome in zip(targets, outcomes, strict=True):
            random = Random(f"{options.seed} {target.name}")
            outcome.add(mutation.fuzz(target, random, each * shares["changed"]))
    further: Iterator[Outcome] = iter(())
    if "guided" in shares:
        names = [target.name for target in targets]
        seconds = int(each * shares["guided"])
        further = guided.outcomes(options.table, names, folder, seconds, options.seed)
    total = Outcome()
    for target, outcome in zip(targets, outcomes, strict=True):
        outcome.add(next(further, Outcome()))
        total.add(outcome)
        tell(target, outcome, options.kept)
    total.coverage = 0  # that of one parser says something, that of all nothing
    print(f"In all: {total}")
    if len(shares) > 1 and options.only is None and options.table == TABLE:
        figures = {"targets": len(targets), "bugs": len(total.bugs), **total.tried}
        append("fuzz", {**figures, "seconds": round(time.monotonic() - started)})
    return 1 if total.bugs else 0


def shares_of(part: str | None) -> dict[str, float]:
    """Return the parts that are to run and can, and each one's share of the time."""
    if part != "changed" and not guided.is_here():
        where = f"{platform.system()} {platform.machine()}"
        print(
            f"atheris cannot be installed here ({where}, Python "
            f"{platform.python_version()}): inputs are changed, none are guided.",
            flush=True,
        )
        part = "changed"
    if part is not None:
        return {part: 1.0}
    return {"changed": CHANGED_SHARE, "guided": 1 - CHANGED_SHARE}


def tell(target: Target, outcome: Outcome, kept: Path) -> None:
    """Print what came of a target; keep the inputs that failed."""
    print(f"{target.name}: {outcome}", flush=True)
    for data, error in outcome.bugs[:5]:
        print(f"  {error} for {data[:500]!r}")
        file = keep(data, kept / target.folder)
        print(f"  Try it again: make test-fuzz REPLAY={file}", flush=True)


def keep(data: bytes, folder: Path) -> Path:
    """Keep an input that failed; return where."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / hashlib.sha256(data).hexdigest()[:12]
    file.write_bytes(data)
    return file


def replay(file: Path, targets: list[Target]) -> int:
    """Try one kept input on the target that its folder is named for."""
    [target] = [target for target in targets if target.folder == file.parent.name]
    try:
        print(f"{target.name}: read as {target.parse(file.read_bytes())!r:.500}")
    except target.refusals as refusal:
        print(f"{target.name}: refused, {refusal}")
    except Exception:  # noqa: BLE001 (that is what is looked for)
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
