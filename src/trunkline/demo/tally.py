"""What was owed and what came: the demo's verdict, worked out without any I/O."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from trunkline.demo.arrivals import Arrival, Callback
from trunkline.events.catalogue import (
    EVENT_TYPES,
    SDK_EVENT_TYPE,
    deprecated_progress_type,
    progress_type,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One event type of the summary. Latencies are milliseconds, `None` if none came."""

    type: str
    owed: int
    arrived: int
    verified: int
    median_ms: int | None
    max_ms: int | None


class Tally:
    """Counts by type and call. An event that comes again (same id) counts once."""

    def __init__(self) -> None:
        self._owed: Counter[tuple[str, str]] = Counter()
        self._owed_callbacks: set[tuple[str, str]] = set()
        self._arrivals: dict[str, Arrival] = {}
        self._callbacks: dict[tuple[str, str], Callback] = {}

    def expect_call(self, call_sid: str, progress: Iterable[str]) -> None:
        """Owe a callback, an event and its deprecated twin for each progress event."""
        for word in progress:
            self._owed_callbacks.add((call_sid, word))
            self._owed[progress_type(word), call_sid] += 1
            self._owed[deprecated_progress_type(word), call_sid] += 1

    def expect_sdk_call(self, call_sid: str, posts: int) -> None:
        """Owe one event for each event post."""
        self._owed[SDK_EVENT_TYPE, call_sid] += posts

    def add(self, arrival: Arrival) -> None:
        """Count an event."""
        self._arrivals.setdefault(arrival.id, arrival)

    def add_callback(self, callback: Callback) -> None:
        """Count a status callback."""
        self._callbacks.setdefault((callback.call_sid, callback.progress), callback)

    @property
    def callbacks(self) -> tuple[int, int, int]:
        """How many status callbacks came, were verified, and were owed."""
        verified = sum(callback.verified for callback in self._callbacks.values())
        return len(self._callbacks), verified, len(self._owed_callbacks)

    @property
    def events(self) -> int:
        """How many events came."""
        return len(self._arrivals)

    def missing(self) -> list[str]:
        """Return what has not come yet, a sentence each."""
        came = self._came()
        return [
            f"{call_sid}: {came[type_, call_sid]} of {owed} {type_}"
            for (type_, call_sid), owed in sorted(self._owed.items())
            if came[type_, call_sid] < owed
        ] + [
            f"{call_sid}: no status callback for {progress}"
            for call_sid, progress in sorted(
                self._owed_callbacks - set(self._callbacks)
            )
        ]

    def faults(self) -> list[str]:
        """Return what came and is wrong, a sentence each: no waiting will mend it."""
        came = self._came()
        return (
            [
                f"{call_sid}: {came[type_, call_sid]} of {type_}, {owed} were owed"
                for (type_, call_sid), owed in sorted(self._owed.items())
                if came[type_, call_sid] > owed
            ]
            + [
                f"{event.call_sid}: wrong signature on {event.type} {event.id}"
                for event in self._arrivals.values()
                if not event.verified
            ]
            + [
                f"{callback.call_sid}: wrong signature on the status callback for "
                f"{callback.progress}"
                for callback in self._callbacks.values()
                if not callback.verified
            ]
            + [f"nothing is owed of {row.type}" for row in self.rows() if not row.owed]
        )

    def _came(self) -> Counter[tuple[str, str]]:
        return Counter(
            (event.type, event.call_sid) for event in self._arrivals.values()
        )

    def rows(self) -> list[Row]:
        """Return the summary: a row for each type of the catalogue."""
        return [self._row(type_) for type_ in EVENT_TYPES]

    def _row(self, type_: str) -> Row:
        came = [event for event in self._arrivals.values() if event.type == type_]
        latencies = [event.latency_ms for event in came]
        return Row(
            type=type_,
            owed=sum(n for (owed, _), n in self._owed.items() if owed == type_),
            arrived=len(came),
            verified=sum(event.verified for event in came),
            median_ms=round(median(latencies)) if latencies else None,
            max_ms=max(latencies, default=None),
        )
