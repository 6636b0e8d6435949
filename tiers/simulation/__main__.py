"""Lives of a server on a virtual clock, a simulated disk and a simulated network.

    python -m tiers.simulation [--seconds 50] [--hours 2.5] [--seed N]

Runs seeds until the time is used up, or one seed with `--seed`. Each is a process of its
own, with nothing in it that the seed does not decide: a failing seed fails again. `--hours`
is how long the troubles of a life last.
"""

import argparse
import gc
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from random import Random

from tiers.reliability import append
from tiers.simulation.laws import judge
from tiers.simulation.life import Life
from tiers.simulation.loop import VirtualLoop
from tiers.simulation.world import World


def main() -> int:
    parser = argparse.ArgumentParser(prog="tiers.simulation")
    parser.add_argument("--seconds", type=float, default=50)
    parser.add_argument("--hours", type=float, default=2.5)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(live(options.seed, options.hours)))
        return 0
    if options.seed is not None:
        return show([outcome_of(options.seed, options.hours)])
    return show(run_seeds(options.seconds, options.hours))


def live(seed: int, hours: float) -> dict[str, object]:
    """Live one life; return what came of it."""
    warnings.simplefilter("error")
    gc.freeze()
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="trunkline-simulation-", dir=base))
    loop = VirtualLoop(Random(f"loop {seed}"))
    try:
        world = World(loop, seed, folder)
        life = Life(world, hours)
        main_task = loop.create_task(life.run(), name="life")
        world.keep(main_task)
        loop.run_until_complete(main_task)
        verdict = judge(life, world.disk.folder)
    finally:
        shutil.rmtree(folder)
    trace = hashlib.sha256()
    for receiver in life.receivers.values():
        for arrival in receiver.arrivals:
            trace.update(repr(arrival).encode())
    ledger = life.ledger
    return {
        "seed": seed,
        "simulated_hours": round(loop.time() / 3600, 1),
        "broken": [*loop.faults, *verdict.broken][:20],
        "accepted": verdict.accepted,
        "refused": ledger.refused,
        "owed": verdict.owed,
        "delivered": verdict.delivered,
        "dead": verdict.dead,
        "lost": verdict.lost,
        "duplicates": verdict.duplicates,
        "kills": ledger.kills,
        "power_cuts": ledger.power_cuts,
        "stops": ledger.stops,
        "disk_faults": ledger.disk_faults,
        "clock_jumps": ledger.jumps,
        "replays": ledger.replays,
        "subscription_changes": ledger.changes,
        "most_in_memory": ledger.most_in_memory,
        "requests": world.network.requests,
        "trace": trace.hexdigest()[:16],
    }


def outcome_of(seed: int, hours: float) -> dict[str, object]:
    """Live one life in a process of its own."""
    command = [sys.executable, "-m", "tiers.simulation", "--inside"]
    started = time.monotonic()
    ended = subprocess.run(
        [*command, "--seed", str(seed), "--hours", str(hours)],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=False,
        capture_output=True,
        text=True,
    )
    if ended.returncode:
        outcome: dict[str, object] = {"seed": seed, "broken": [ended.stderr[-4000:]]}
    else:
        outcome = json.loads(ended.stdout)
    outcome["seconds"] = round(time.monotonic() - started, 1)
    return outcome


def run_seeds(seconds: float, hours: float) -> list[dict[str, object]]:
    """Run new seeds for that long; the first one twice, to see that it is the same."""
    first = time.time_ns() % 1_000_000
    end = time.monotonic() + seconds
    outcomes: list[dict[str, object]] = []
    longest = 0.0
    while not outcomes or time.monotonic() + longest < end:
        began = time.monotonic()
        outcomes.append(outcome_of(first + len(outcomes), hours))
        longest = max(longest, time.monotonic() - began)
        tell(outcomes[-1])
        if len(outcomes) == 1 and not outcomes[0]["broken"]:
            twice = outcome_of(first, hours)
            if twice.get("trace") != outcomes[0].get("trace"):
                outcomes[0]["broken"] = ["the same seed went another way"]
    return outcomes


def tell(outcome: dict[str, object]) -> None:
    print(
        ", ".join(f"{k} {v}" for k, v in outcome.items() if k != "broken"), flush=True
    )


def show(outcomes: list[dict[str, object]]) -> int:
    failed = [outcome for outcome in outcomes if outcome["broken"]]
    for outcome in failed:
        print(f"\nseed {outcome['seed']} broke:")
        for line in outcome["broken"]:  # type: ignore[attr-defined]
            print(f"  {line}")
        print(f"Run it again: SEED={outcome['seed']} make test-simulation")
    names = (
        "simulated_hours",
        "accepted",
        "owed",
        "delivered",
        "dead",
        "lost",
        "duplicates",
        "kills",
        "power_cuts",
        "stops",
        "disk_faults",
        "clock_jumps",
        "replays",
        "subscription_changes",
    )
    total = {name: sum(o.get(name, 0) for o in outcomes) for name in names}  # type: ignore[misc]
    total["runs"] = len(outcomes)
    # A law that broke otherwise counts as well: nothing of it is good.
    total["lost"] = max(total["lost"], sum(len(o["broken"]) for o in outcomes))  # type: ignore[misc, arg-type]
    print("\n" + ", ".join(f"{name} {value}" for name, value in total.items()))
    append("simulation", total)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
