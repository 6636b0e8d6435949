"""What Trunkline aims at, and how far from it a run was. Pure.

Targets are absolute: CPU of one process on a core of the target class of machine. They
say nothing of another machine but beside the bare responder of the same run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from bench.figures import Figure


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

    `noise` is what equal runs differ by: a target missed by less may be met.
    """

    key: str
    what: str
    limit: float
    measured: float
    unit: str
    noise: float
    met: bool
    says: str


def verdicts(figures: Sequence[Figure]) -> list[Verdict]:
    """Return a verdict for each target that was measured."""
    return [
        _verdict(figure, target)
        for figure in figures
        if (target := TARGETS.get(figure.key))
    ]


def _verdict(figure: Figure, target: Target) -> Verdict:
    measured = (getattr(figure, target.of) or 0.0) * target.scale
    noise = figure.noise * target.scale
    met = measured <= target.limit and not figure.missing
    return Verdict(
        key=figure.key,
        what=target.what,
        limit=target.limit,
        measured=measured,
        unit=target.unit,
        noise=noise,
        met=met,
        says="met" if met else _shortfall(measured, noise, target, figure.missing),
    )


def _shortfall(measured: float, noise: float, target: Target, missing: int) -> str:
    if missing:
        return f"{missing:,} missing"
    if measured <= target.limit + noise:
        return "within noise"
    if target.limit:
        return f"{measured / target.limit:.1f} times it"
    return f"{measured:+.1f} {target.unit}"
