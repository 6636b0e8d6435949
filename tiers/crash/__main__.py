"""Try to lose events: cut, fail and kill.

    python -m tiers.crash [--seconds 30] [--seed N] [--whole]

First the sweep: a stop at every write, sync and commit. `--whole` starts a server on what
every cut leaves, else only on what those leave that lose most. Then the real process,
killed for so many seconds.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from random import Random

from tiers.crash import sweep
from tiers.crash.kills import Outcome, kill_again_and_again
from tiers.reliability import append


def main() -> int:
    parser = argparse.ArgumentParser(prog="tiers.crash")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else time.time_ns() % 1_000_000
    print(f"seed {seed}", flush=True)
    broken = [*_cuts(seed, whole=options.whole), *_failures(seed)]
    outcome = Outcome(seed)
    if options.seconds:
        with tempfile.TemporaryDirectory(prefix="trunkline-crash-") as folder:
            data = Path(folder) / "data"
            outcome = kill_again_and_again(seed, options.seconds, data)
    broken += outcome.broken
    figures = {
        name: getattr(outcome, name)
        for name in ("kills", "accepted", "owed", "dead", "lost", "duplicates")
    }
    print(", ".join(f"{name} {value}" for name, value in figures.items()))
    append("crash", {"runs": 1, **figures, "faults": _faults, "lost": len(broken)})
    for line in broken[:30]:
        print(f"  {line}")
    if broken:
        print(f"Run it again: SEED={seed} make test-crash")
    return 1 if broken else 0


_faults = 0


def _cuts(seed: int, *, whole: bool) -> Iterator[str]:
    """Tell what cuts have lost."""
    global _faults  # noqa: PLW0603
    cuts = list(sweep.cuts(sweep.record(seed), Random(seed)))
    started = repeats = 0
    for cut in cuts:
        lost, _ = sweep.check(cut, seed, start=False)
        if whole or cut.start:
            started += 1
            lost_later, repeated = sweep.check(cut, seed, start=True)
            lost += lost_later
            repeats += repeated
        yield from (f"cut at {cut.place}: {line}" for line in lost)
    _faults += len(cuts)
    print(
        f"cuts {len(cuts)}, servers started on them {started}, callbacks repeated {repeats}",
        flush=True,
    )


def _failures(seed: int) -> Iterator[str]:
    """Tell what failing commits and syncs have lost."""
    global _faults  # noqa: PLW0603
    for kind in ("commit", "sync"):
        for number in count(1):
            lost, happened = sweep.fail_at(kind, number, seed)
            if not happened:
                break
            _faults += 1
            yield from (f"{kind} {number} failed: {line}" for line in lost)
        print(f"failed {kind}s {number - 1}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
