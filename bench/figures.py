"""Figures, and whether they are a surprise. Pure.

Machines differ, so nothing is judged by its seconds: a figure is divided by that of the
bare responder of the same run, and this ratio compared with the ratio of the reference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


#: CPU microseconds per event, of the prototype on its machine.
REFERENCE_CPU_US: Mapping[str, float] = MappingProxyType(
    {"bare": 17.0, "nginx": 6.7, "accept": 18.0, "deliver": 32.0, "batches": 22.0}
)

#: Group commits of a hundred rows, in rows per second, and receipt at half load.
REFERENCE_DISK_PER_SECOND = 100_000.0
REFERENCE_RECEIPT_P99_MS = 20.0

#: Memory with a backlog.
REFERENCE_BACKLOG_MIB = 300.0

#: From here on a figure is a defect to find.
SURPRISE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement.

    `cpu_us` is of the measured process, per request or event; times are in
    milliseconds; `peak_mib` is the most memory it had; `missing` is how many requests
    were not answered 2xx, or events not received. `limited_by` names a helper that was
    nearly out of CPU itself: then `per_second` is a lower bound. What is 0 was not
    measured; `note` says what else there is to know.
    """

    key: str
    name: str
    count: int
    per_second: float = 0.0
    cpu_us: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    peak_mib: float = 0.0
    missing: int = 0
    limited_by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A figure beside its limit: ratios to the bare responder, and to what is expected.

    `times_expected` is above 1 where it is worse than expected; None without a
    reference.
    """

    figure: Figure
    cpu_ratio: float
    speed_ratio: float
    times_expected: float | None

    @property
    def is_defect(self) -> bool:
        """Whether there is something to find."""
        too_much = self.times_expected is not None and self.times_expected > SURPRISE
        return too_much or self.figure.missing > 0


def judge(figure: Figure, bare: Figure) -> Judged:
    """Return a figure with its ratios."""
    return Judged(
        figure=figure,
        cpu_ratio=figure.cpu_us / bare.cpu_us,
        speed_ratio=figure.per_second / bare.per_second,
        times_expected=_times_expected(figure, bare),
    )


def percentile(ordered: Sequence[int], percent: float) -> float:
    """Return a percentile of sorted values: the nearest one that was measured."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def _times_expected(figure: Figure, bare: Figure) -> float | None:
    if figure.key == "bare":
        return figure.cpu_us / REFERENCE_CPU_US["bare"]
    if figure.key == "disk":
        return REFERENCE_DISK_PER_SECOND / figure.per_second
    if figure.key == "receipt":
        return figure.p99_ms / REFERENCE_RECEIPT_P99_MS
    if figure.key == "backlog":
        return figure.peak_mib / REFERENCE_BACKLOG_MIB
    reference = REFERENCE_CPU_US.get(figure.key)
    if reference is None:
        return None
    return figure.cpu_us / bare.cpu_us / (reference / REFERENCE_CPU_US["bare"])
