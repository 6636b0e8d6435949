"""What `/metrics` tells. Names are tabulated in docs/reference/metrics.md.

Counting is on the hot way, so it is done in plain dictionaries and lists; their
families are made when somebody asks.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from trunkline.delivery.decide import Bury
from trunkline.delivery.records import Arrival, Attempt
from trunkline.log.records import DeadLetter, Entry


# Seconds from acceptance to delivery: most are done within milliseconds, a receiver
# that was down for some hours makes the far end.
LATENCY_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3600, 14400)
COMMIT_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2)
GROUP_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

# Sinks that have series of their own; further ones are summed up as `other`.
MAX_SINKS = 500


class Log(Protocol):
    """What is asked of the log at each scrape."""

    head: int

    async def bookmarks(self) -> dict[str, int]:
        """Return every sink's bookmark."""
        ...


class Search(Protocol):
    """What else is asked at each scrape."""

    async def waiting(self) -> dict[str, int]:
        """Return how many deliveries of each sink wait for their next attempt."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where `/metrics` finds what others count. `watching` counts those who tail."""

    log: Log
    search: Search
    sdk_posts: Mapping[str, int]
    sdk_events: Mapping[str, int]
    callbacks: Mapping[int, int]
    relayed: Mapping[str, int]
    pruned: Callable[[], int]
    watching: Callable[[], int]


class _Histogram:
    """Counts values by the first bucket that is large enough for them."""

    def __init__(self, buckets: Sequence[float]) -> None:
        self._buckets = buckets
        self._counts = [0] * (len(buckets) + 1)
        self._sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        self._counts[bisect_left(self._buckets, value)] += times
        self._sum += value * times

    @property
    def total(self) -> int:
        return sum(self._counts)

    def shown(self) -> tuple[list[tuple[str, float]], float]:
        names = [*(str(float(bucket)) for bucket in self._buckets), "+Inf"]
        totals = accumulate(self._counts)
        return list(zip(names, map(float, totals), strict=True)), self._sum


class Metrics:
    """Listens to the log, to its commits and to deliveries. Lives with the server.

    `sink_type` tells the type of a sink, an empty text where it is gone.
    """

    def __init__(self, sink_type: Callable[[str], str]) -> None:
        self._sink_type = sink_type
        self._accepted: dict[str, int] = defaultdict(int)
        self._failed: Counter[tuple[str, str, int]] = Counter()
        self._buried: Counter[tuple[str, int]] = Counter()
        self._lost: Counter[str] = Counter()
        # By type of sink; how many there are is how many were delivered.
        self._delivered: dict[str, _Histogram] = {}
        self._commits = _Histogram(COMMIT_BUCKETS)
        self._groups = _Histogram(GROUP_BUCKETS)

    # --- what it hears ---------------------------------------------------------------

    def appended(self, entries: Sequence[Entry]) -> None:
        """Count accepted events."""
        accepted = self._accepted
        for entry in entries:
            accepted[entry.event.type] += 1

    def committed(self, jobs: int, seconds: float) -> None:
        """Count a group of writes that shared one sync."""
        self._groups.observe(jobs)
        self._commits.observe(seconds)

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        """Count one sink's events that arrived, and how long they took."""
        sink_type = self._sink_type(arrivals[0].sink_sid)
        delivered = self._delivered.get(sink_type)
        if delivered is None:
            delivered = self._delivered[sink_type] = _Histogram(LATENCY_BUCKETS)
        for arrival in arrivals:
            # Most that arrive together were accepted together.
            accepted_ms, count = arrival.deliveries[0].entry.accepted_ms, 0
            for delivery in arrival.deliveries:
                if delivery.entry.accepted_ms != accepted_ms:
                    delivered.observe((arrival.ended_ms - accepted_ms) / 1000, count)
                    accepted_ms, count = delivery.entry.accepted_ms, 0
                count += 1
            delivered.observe((arrival.ended_ms - accepted_ms) / 1000, count)

    def attempted(self, attempts: Sequence[Attempt]) -> None:
        """Count attempts at one sink that failed."""
        sink_type = self._sink_type(attempts[0].sink_sid)
        for attempt in attempts:
            if attempt.answer is not None:  # else none was made
                outcome = "dead" if isinstance(attempt.decision, Bury) else "retry"
                self._failed[sink_type, outcome, attempt.answer.code or 0] += 1

    def buried(self, letter: DeadLetter) -> None:
        """Count a dead letter."""
        self._buried[self._sink_type(letter.sink_sid), letter.code] += 1

    def lost(self, letters: Sequence[DeadLetter]) -> None:
        """Count deliveries that ended because their events were pruned."""
        for letter in letters:
            self._lost[self._sink_type(letter.sink_sid)] += 1
            self.buried(letter)

    # --- what it tells ---------------------------------------------------------------

    async def exposition(self, sources: Sources) -> bytes:
        """Return all metrics in the text format."""
        bookmarks = await sources.log.bookmarks()
        waiting = await sources.search.waiting()
        registry = CollectorRegistry(auto_describe=False)
        registry.register(
            _Families([*self._own(), *_of_others(sources, bookmarks, waiting)])
        )
        return generate_latest(registry)

    def _attempts(self) -> Mapping[tuple[str, str, int], int]:
        delivered = {
            (sink_type, "delivered", 0): histogram.total
            for sink_type, histogram in self._delivered.items()
        }
        return {**delivered, **self._failed}

    def _own(self) -> Iterable[Metric]:
        yield _counter(
            "trunkline_events_accepted",
            "Events that were accepted, by type.",
            ["type"],
            _alone(self._accepted),
        )
        yield _counter(
            "trunkline_delivery_attempts",
            "Attempts at deliveries, by what became of them; code 0 is success.",
            ["sink_type", "outcome", "code"],
            self._attempts().items(),
        )
        yield _counter(
            "trunkline_dead_letters",
            "Deliveries that were given up.",
            ["sink_type", "code"],
            self._buried.items(),
        )
        yield _counter(
            "trunkline_lost_deliveries",
            "Those given up because their events had to be pruned.",
            ["sink_type"],
            _alone(self._lost),
        )
        latency = HistogramMetricFamily(
            "trunkline_delivery_latency_seconds",
            "From the acceptance of an event to its delivery.",
            labels=["sink_type"],
        )
        for sink_type, histogram in self._delivered.items():
            buckets, total = histogram.shown()
            latency.add_metric([sink_type], buckets, total)
        yield latency
        yield _histogram(
            "trunkline_commit_seconds",
            "How long a group of writes took, sync included.",
            self._commits,
        )
        yield _histogram(
            "trunkline_commit_jobs", "Writes that shared one sync.", self._groups
        )


def _of_others(
    sources: Sources, bookmarks: Mapping[str, int], waiting: Mapping[str, int]
) -> Iterable[Metric]:
    head = sources.log.head
    yield GaugeMetricFamily(
        "trunkline_log_position", "The newest position of the log.", head
    )
    behind = {sid: max(0, head - position) for sid, position in bookmarks.items()}
    yield _by_sink(
        "trunkline_sink_behind_events",
        "Events of the log, wanted or not, that a sink is not settled for.",
        behind,
    )
    yield _by_sink(
        "trunkline_sink_waiting_deliveries",
        "Failed deliveries that wait for their next attempt.",
        waiting,
    )
    yield _counter(
        "trunkline_callbacks",
        "Status callbacks that were settled; code 0 is success.",
        ["code"],
        _alone(sources.callbacks),
    )
    yield _counter(
        "trunkline_sdk_posts",
        "Requests of Voice SDKs, by what became of them.",
        ["result"],
        _alone(sources.sdk_posts),
    )
    yield _counter(
        "trunkline_sdk_events",
        "Events of Voice SDKs, by how they were joined to their calls.",
        ["result"],
        _alone(sources.sdk_events),
    )
    yield _counter(
        "trunkline_relayed_events",
        "Events of other streams, by what became of them.",
        ["result"],
        _alone(sources.relayed),
    )
    yield _counter(
        "trunkline_events_pruned",
        "Events dropped because their time, or the room for them, was over.",
        [],
        [((), sources.pruned())],
    )
    yield GaugeMetricFamily(
        "trunkline_tails", "Clients that watch events.", sources.watching()
    )


class _Families(Collector):
    """Families that have been made already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _counter(
    name: str,
    about: str,
    labels: Sequence[str],
    counts: Iterable[tuple[Sequence[object], int]],
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, about, labels=labels)
    for values, count in counts:
        family.add_metric([str(value) for value in values], count)
    return family


def _alone(counts: Mapping[Any, int]) -> list[tuple[Sequence[object], int]]:
    return [((value,), count) for value, count in counts.items()]


def _histogram(name: str, about: str, histogram: _Histogram) -> HistogramMetricFamily:
    buckets, total = histogram.shown()
    return HistogramMetricFamily(name, about, buckets=buckets, sum_value=total)


def _by_sink(name: str, about: str, values: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=["sink_sid"])
    rows = sorted(values.items(), key=lambda row: -row[1])
    for sink_sid, value in rows[:MAX_SINKS]:
        family.add_metric([sink_sid], value)
    if rows[MAX_SINKS:]:
        family.add_metric(["other"], sum(value for _, value in rows[MAX_SINKS:]))
    return family
