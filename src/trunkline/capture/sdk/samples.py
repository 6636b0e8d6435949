"""From a metrics post to samples and their roll-ups (spec voice-sdk 9). Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from trunkline.capture.sdk.post import MetricsPost, client_time, number


_SPREAD = ("jitter", "rtt", "mos")
_SUMMED = ("packets_lost", "packets_received")
_TOTALS = (
    "total_bytes_received",
    "total_bytes_sent",
    "total_packets_lost",
    "total_packets_received",
    "total_packets_sent",
)


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A second of a call's media. `call_id` is its SID or temporary id, or empty."""

    call_id: str
    at_ms: int
    fields: dict[str, Any]


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """The range of a measure over `count` samples that have it."""

    min: float
    avg: float
    max: float
    count: int


class RollUp(msgspec.Struct, frozen=True, kw_only=True):
    """Samples of one call, summed up.

    Milliseconds for jitter and rtt; sums of packets; totals are those of the last
    sample that has them, since the call's start.
    """

    samples: int
    first_ms: int
    last_ms: int
    spreads: dict[str, Spread]
    sums: dict[str, float]
    totals: dict[str, float]


def samples_of(post: MetricsPost, received_ms: int) -> list[Sample]:
    """Return the samples of a post; one that tells no time came at `received_ms`."""
    return [
        Sample(
            call_id=ids.call_sid or ids.temp_call_sid or "",
            # Those without a time must not replace one another.
            at_ms=client_time(
                fields.get("timestamp"),
                fields.get("timestamp_ms"),
                received_ms + position,
            ),
            fields=fields,
        )
        for position, (fields, ids) in enumerate(
            zip(post.samples, post.ids, strict=True)
        )
    ]


def roll_ups(samples: Iterable[Sample]) -> dict[str, RollUp]:
    """Return the roll-up of each call's samples."""
    calls: dict[str, list[Sample]] = {}
    for sample in samples:
        calls.setdefault(sample.call_id, []).append(sample)
    return {call_id: _roll_up(own) for call_id, own in calls.items()}


def _roll_up(samples: list[Sample]) -> RollUp:
    samples.sort(key=lambda sample: sample.at_ms)
    return RollUp(
        samples=len(samples),
        first_ms=samples[0].at_ms,
        last_ms=samples[-1].at_ms,
        spreads={
            name: Spread(
                min=min(values),
                avg=sum(values) / len(values),
                max=max(values),
                count=len(values),
            )
            for name in _SPREAD
            if (values := _values(samples, name))
        },
        sums={name: sum(_values(samples, name)) for name in _SUMMED},
        totals={
            name: values[-1] for name in _TOTALS if (values := _values(samples, name))
        },
    )


def total(parts: Sequence[RollUp]) -> RollUp | None:
    """Return the roll-up of a whole call from its parts in order, None of none."""
    if not parts:
        return None
    return RollUp(
        samples=sum(part.samples for part in parts),
        first_ms=min(part.first_ms for part in parts),
        last_ms=max(part.last_ms for part in parts),
        spreads={
            name: _joined([p.spreads[name] for p in parts if name in p.spreads])
            for name in _SPREAD
            if any(name in part.spreads for part in parts)
        },
        sums={name: sum(part.sums.get(name, 0) for part in parts) for name in _SUMMED},
        totals={name: value for part in parts for name, value in part.totals.items()},
    )


def _joined(spreads: Sequence[Spread]) -> Spread:
    count = sum(spread.count for spread in spreads)
    return Spread(
        min=min(spread.min for spread in spreads),
        avg=sum(spread.avg * spread.count for spread in spreads) / count,
        max=max(spread.max for spread in spreads),
        count=count,
    )


def _values(samples: Iterable[Sample], name: str) -> list[int | float]:
    found = (number(sample.fields.get(name)) for sample in samples)
    return [value for value in found if value is not None]
