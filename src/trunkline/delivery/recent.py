"""When deliveries were settled lately: a settled delivery has no row that could say."""

from collections.abc import Sequence

from trunkline.delivery.decide import SETTLE
from trunkline.delivery.records import Attempt
from trunkline.log.records import DeadLetter


# Deliveries remembered, some 200 bytes each: these, and as many more until the older
# ones are let go, all at once, which costs less than one by one.
LIMIT = 10_000


class Recent:
    """An observer of deliveries. Remembers the last that arrived, `limit` at least."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._settled: dict[tuple[str, int], int] = {}
        self._older: dict[tuple[str, int], int] = {}

    def attempted(self, attempts: Sequence[Attempt]) -> None:
        """Remember deliveries that arrived, and forget older ones."""
        for attempt in attempts:
            if attempt.decision is SETTLE and attempt.answer is not None:
                key = attempt.sink_sid, attempt.position
                self._settled[key] = attempt.started_ms + attempt.duration_ms
        if len(self._settled) >= self._limit:
            self._older, self._settled = self._settled, {}

    def buried(self, letter: DeadLetter) -> None:
        """Do nothing: a dead letter is on disk."""

    def settled_ms(self, sink_sid: str, position: int) -> int | None:
        """Return when the sink had the event, None if that is not remembered."""
        key = sink_sid, position
        return self._settled.get(key, self._older.get(key))
