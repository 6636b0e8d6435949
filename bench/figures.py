"""Figures, and whether they are a surprise. Pure.

Machines differ, so nothing is judged by its seconds: a figure is divided by that of the
bare responder of the same run, and this ratio compared with the ratio of the reference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement.

    `key` is its own. `cpu_us` is of the measured process, per request or event; times
    are in milliseconds; `peak_mib` is the most memory it had; `missing` is how many
    requests were not answered 2xx, or events not received. `limited_by` names a helper
    that was nearly out of CPU itself: then `per_second` is a lower bound. `planned` is
    whether the rate was given, and not found. What is 0 was not measured; `note` says
    what else there is to know.

    Where a figure is the median of some equal runs, `spread` is how far their CPU was
    apart, as a part of it. Where it is a difference (`change` of a p99 as a part of it,
    or `cpu_us` of one more sink), `noise` is what equal runs differed by, in its unit.
    """

    key: str
    name: str
    count: int
    per_second: float = 0.0
    planned: bool = False
    cpu_us: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    peak_mib: float = 0.0
    missing: int = 0
    limited_by: str = ""
    note: str = ""
    spread: float | None = None
    change: float | None = None
    noise: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged(Figure):
    """A figure beside its limit: ratios to the bare responder, and to what is expected.

    `times_expected` is above 1 where it is worse than expected; None without a
    reference. `defect` is whether there is something to find. `measurement` is what
    `python -m bench --only` calls it.
    """

    measurement: str
    cpu_ratio: float
    speed_ratio: float
    times_expected: float | None
    defect: bool


@dataclass(frozen=True, slots=True)
class _Reference:
    value: float
    of: Literal["cpu_us", "per_second", "p99_ms", "peak_mib"]


#: CPU microseconds of the bare responder on the machine that targets were set on.
BARE_US = 17.0

#: CPU microseconds per event of the prototype on its machine; group commits of a
#: hundred rows, in rows per second; receipt; memory with a backlog.
REFERENCES: Mapping[str, _Reference] = MappingProxyType(
    {
        "bare": _Reference(BARE_US, "cpu_us"),
        "nginx": _Reference(6.7, "cpu_us"),
        "sqlite": _Reference(100_000.0, "per_second"),
        "accept": _Reference(18.0, "cpu_us"),
        "accept-crowd": _Reference(18.0, "cpu_us"),
        "deliver": _Reference(32.0, "cpu_us"),
        "batches": _Reference(22.0, "cpu_us"),
        "receipt-fixed": _Reference(20.0, "p99_ms"),
        "receipt-half": _Reference(20.0, "p99_ms"),
        "alone": _Reference(20.0, "p99_ms"),
        "beside-hung": _Reference(20.0, "p99_ms"),
        "memory-1000000": _Reference(300.0, "peak_mib"),
    }
)

#: From here on a figure is a defect to find.
SURPRISE = 3.0


def judge(figure: Figure, bare: Figure, measurement: str) -> Judged:
    """Return a figure with its ratios."""
    times_expected = _times_expected(figure, bare)
    too_much = times_expected is not None and times_expected > SURPRISE
    return Judged(
        **asdict(figure),
        measurement=measurement,
        cpu_ratio=figure.cpu_us / bare.cpu_us,
        speed_ratio=0.0 if figure.planned else figure.per_second / bare.per_second,
        times_expected=times_expected,
        defect=too_much or figure.missing > 0,
    )


def median_of(figures: Sequence[Figure]) -> Figure:
    """Return one figure for some equal runs: each of its values is their median."""
    cpu_us = [figure.cpu_us for figure in figures]
    middle = median(cpu_us)
    return replace(
        figures[0],
        count=sum(figure.count for figure in figures),
        per_second=median(figure.per_second for figure in figures),
        cpu_us=middle,
        p50_ms=median(figure.p50_ms for figure in figures),
        p99_ms=median(figure.p99_ms for figure in figures),
        peak_mib=max(figure.peak_mib for figure in figures),
        missing=sum(figure.missing for figure in figures),
        note="; ".join(dict.fromkeys(f.note for f in figures if f.note)),
        limited_by=max(figure.limited_by for figure in figures),
        spread=(max(cpu_us) - min(cpu_us)) / middle if len(figures) > 1 else None,
    )


def percentile(ordered: Sequence[int], percent: float) -> float:
    """Return a percentile of sorted values: the nearest one that was measured."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def _times_expected(figure: Figure, bare: Figure) -> float | None:
    reference = REFERENCES.get(figure.key)
    if reference is None:
        return None
    value: float = getattr(figure, reference.of)
    if reference.of == "per_second":
        return reference.value / value
    if reference.of == "cpu_us" and figure.key != bare.key:
        return value / bare.cpu_us / (reference.value / BARE_US)
    return value / reference.value
