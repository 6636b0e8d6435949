"""When deliveries were settled lately: a settled delivery has no row that could say."""

from collections import OrderedDict
from collections.abc import Sequence

from trunkline.delivery.decide import SETTLE
from trunkline.delivery.records import Attempt
from trunkline.log.records import DeadLetter


# Deliveries remembered, some 200 bytes each.
LIMIT = 20_000


class Recent:
    """An observer of deliveries. Remembers the last ones that arrived."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._settled: OrderedDict[tuple[str, int], int] = OrderedDict()

    def attempted(self, attempts: Sequence[Attempt]) -> None:
        """Remember deliveries that arrived, and forget the oldest."""
        for attempt in attempts:
            if attempt.decision is SETTLE and attempt.answer is not None:
                key = attempt.sink_sid, attempt.position
                self._settled[key] = attempt.started_ms + attempt.duration_ms
        while len(self._settled) > self._limit:
            self._settled.popitem(last=False)

    def buried(self, letter: DeadLetter) -> None:
        """Do nothing: a dead letter is on disk."""

    def settled_ms(self, sink_sid: str, position: int) -> int | None:
        """Return when the sink had the event, None if that is not remembered."""
        return self._settled.get((sink_sid, position))
