"""Ratios of what Trunkline does to the limits that were measured in the same run. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.figures import Judged


#: A figure, and its limit, by key.
PAIRS = (
    ("accept", "bare"),
    ("accept", "nginx"),
    ("accept", "append-32"),
    ("sqlite", "append-100"),
    ("deliver", "loopback"),
    ("drain-webhook", "loopback"),
    ("further", "loopback"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How a figure compares with a limit: times its CPU, times its rate.

    `speed` is None where it has no rate. `measurements` is what measures both.
    """

    of: str
    to: str
    cpu: float
    speed: float | None
    measurements: tuple[str, ...]


def ratios(figures: Sequence[Judged]) -> list[Ratio]:
    """Return the ratio of each pair of which both were measured."""
    known = {figure.key: figure for figure in figures}
    return [
        _ratio(known[of], known[to]) for of, to in PAIRS if of in known and to in known
    ]


def _ratio(figure: Judged, limit: Judged) -> Ratio:
    return Ratio(
        of=figure.name,
        to=limit.name,
        cpu=figure.cpu_us / limit.cpu_us,
        speed=figure.per_second / limit.per_second if figure.per_second else None,
        measurements=(limit.measurement, figure.measurement),
    )
