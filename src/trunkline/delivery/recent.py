"""When deliveries were settled lately: a settled delivery has no row that could say."""

from collections.abc import Sequence

from trunkline.delivery.records import Arrival, Attempt
from trunkline.log.records import DeadLetter


# Deliveries remembered, some 200 bytes each: these, and as many more until the older
# ones are let go, all at once, which costs less than one by one.
LIMIT = 20_000


class Recent:
    """An observer of deliveries. Remembers the last that arrived, `limit` at least."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._settled: dict[tuple[str, int], int] = {}
        self._older: dict[tuple[str, int], int] = {}

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        """Remember deliveries that arrived, and forget older ones."""
        settled = self._settled
        for arrival in arrivals:
            sink_sid, ended_ms = arrival.sink_sid, arrival.ended_ms
            for delivery in arrival.deliveries:
                settled[sink_sid, delivery.entry.position] = ended_ms
        if len(settled) >= self._limit:
            self._older, self._settled = settled, {}

    def attempted(self, attempts: Sequence[Attempt]) -> None:
        """Do nothing: none of them arrived."""

    def buried(self, letter: DeadLetter) -> None:
        """Do nothing: a dead letter is on disk."""

    def settled_ms(self, sink_sid: str, position: int) -> int | None:
        """Return when the sink had the event, None if that is not remembered."""
        key = sink_sid, position
        return self._settled.get(key, self._older.get(key))
