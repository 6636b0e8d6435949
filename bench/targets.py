"""What Trunkline aims at, and how far from it a run was. Pure.

Targets are absolute: CPU of one process on a core of the target class of machine. On
another machine they are what they were beside the bare responder there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from bench.figures import BARE_US, Judged


@dataclass(frozen=True, slots=True)
class Target:
    """At most `limit`, in `unit`, of a field of a figure; `scale` makes it that unit."""

    what: str
    limit: float
    unit: str
    of: Literal["cpu_us", "p99_ms", "peak_mib", "change"]
    scale: float = 1.0


#: By the key of the figure.
TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "accept": Target("accept, CPU", 40.0, "us", "cpu_us"),
        "deliver": Target("deliver one by one, CPU", 66.0, "us", "cpu_us"),
        "batches": Target("deliver in batches, CPU", 40.0, "us", "cpu_us"),
        "receipt-half": Target("post to receipt, half load, p99", 20.0, "ms", "p99_ms"),
        "memory-1000000": Target("1,000,000 behind, memory", 300, "MiB", "peak_mib"),
        "beside-hung": Target("a hung neighbour, p99", 10.0, "%", "change", 100.0),
        "unmatched": Target("50 sinks unmatched, CPU", 0.0, "us", "cpu_us"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was wanted, what was measured, and by how much it is not met.

    `noise` is what equal runs differ by: a target missed by less may be met. CPU has
    ratios to the bare responder, too: where the target was set, and here.
    """

    key: str
    what: str
    limit: float
    measured: float
    unit: str
    noise: float
    wanted_to_bare: float | None
    to_bare: float | None
    met: bool
    says: str


def verdicts(figures: Sequence[Judged]) -> list[Verdict]:
    """Return a verdict for each target that was measured."""
    return [
        _verdict(figure, target)
        for figure in figures
        if (target := TARGETS.get(figure.key))
    ]


def _verdict(figure: Judged, target: Target) -> Verdict:
    measured = (getattr(figure, target.of) or 0.0) * target.scale
    noise = figure.noise * target.scale
    wanted_to_bare = to_bare = None
    if target.of == "cpu_us" and target.limit:
        wanted_to_bare, to_bare = target.limit / BARE_US, figure.cpu_ratio
    met = measured <= target.limit and not figure.missing
    says = "met" if met else _shortfall(measured, noise, target, figure.missing)
    if not met and not figure.missing and wanted_to_bare and to_bare:
        if to_bare <= wanted_to_bare:
            met, says = True, "met at this machine's speed"
        else:
            says += f", {to_bare / wanted_to_bare:.2f} at this machine's speed"
    return Verdict(
        key=figure.key,
        what=target.what,
        limit=target.limit,
        measured=measured,
        unit=target.unit,
        noise=noise,
        wanted_to_bare=wanted_to_bare,
        to_bare=to_bare,
        met=met,
        says=says,
    )


def _shortfall(measured: float, noise: float, target: Target, missing: int) -> str:
    if missing:
        return f"{missing:,} missing"
    if measured <= target.limit + noise:
        return "within noise"
    if target.limit:
        return f"{measured / target.limit:.2f} times it"
    return f"{measured:+.1f} {target.unit}"
