"""Which deliveries of an ordered sink must wait for others of their call. Pure.

Events of one call go one at a time. While one is under way the later ones are parked.
While one waits for its next attempt the later ones wait behind it, each as an exception
of its own, so that memory stays small however long that takes.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from trunkline.delivery.records import Delivery


class Turn(Enum):
    """What may happen to a delivery now."""

    GO = auto()
    PARK = auto()  # one of its call is under way
    WAIT = auto()  # one of its call waits for its next attempt


@dataclass(slots=True)
class _Waiting:
    """How many exceptions a call has, and a time at which none is due later."""

    count: int
    due_ms: int


class CallOrder:
    """The calls of one sink that have something under way or waiting."""

    def __init__(self) -> None:
        self._parked: dict[str, deque[Delivery]] = {}
        self._waiting: dict[str, _Waiting] = {}

    def restore(self, waiting: Iterable[tuple[str, int]]) -> None:
        """Take up the exceptions there are: the call and the due time of each."""
        for call, due_ms in waiting:
            self.waits(call, due_ms)

    def turn(self, delivery: Delivery) -> Turn:
        """Say whether a delivery may go; one that is parked comes back by `ended`."""
        call = delivery.call
        parked = self._parked.get(call)
        if parked is not None:
            parked.append(delivery)
            return Turn.PARK
        if delivery.exception is None and call in self._waiting:
            return Turn.WAIT
        self._parked[call] = deque()
        return Turn.GO

    def ended(self, delivery: Delivery) -> deque[Delivery]:
        """Note that a delivery is not under way any more; return those behind it."""
        return self._parked.pop(delivery.call, deque())

    def waits(self, call: str, due_ms: int) -> None:
        """Note that a delivery of the call became an exception, due then."""
        waiting = self._waiting.setdefault(call, _Waiting(0, due_ms))
        waiting.count += 1
        waiting.due_ms = max(waiting.due_ms, due_ms)

    def waits_again(self, call: str, due_ms: int) -> None:
        """Note that an exception of the call is due again, and the others after it."""
        waiting = self._waiting[call]
        waiting.due_ms = max(waiting.due_ms, due_ms)

    def released(self, call: str) -> None:
        """Note that an exception of the call is gone."""
        waiting = self._waiting[call]
        waiting.count -= 1
        if not waiting.count:
            del self._waiting[call]

    def due_ms(self, call: str) -> int:
        """Return when what is put behind the exceptions of a call is due."""
        return self._waiting[call].due_ms
