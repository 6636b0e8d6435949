"""Which deliveries of a sink are under way, and so where its bookmark stands. Pure."""

from collections import deque
from collections.abc import Sequence


class Settlement:
    """Positions that were taken up in rising order and are settled in any.

    Each is taken once, and settled once.
    """

    def __init__(self) -> None:
        self._taken: deque[int] = deque()
        self._settled: set[int] = set()
        self.owed = 0
        """How many deliveries are owed."""

    def take(self, positions: Sequence[int]) -> None:
        """Note that the deliveries at these positions are owed."""
        self._taken.extend(positions)
        self.owed += len(positions)

    def settle(self, positions: Sequence[int], _decision: object = None) -> None:
        """Note that nothing is owed there any more, whatever was decided."""
        taken, settled = self._taken, self._settled
        self.owed -= len(positions)
        for position in positions:
            # As nearly all: what was taken first is settled first.
            if taken[0] == position:
                taken.popleft()
            else:
                settled.add(position)
        while settled and taken and taken[0] in settled:
            settled.remove(taken.popleft())

    def settled_up_to(self, read_to: int) -> int:
        """Return the bookmark, where everything up to `read_to` has been taken up."""
        return self._taken[0] - 1 if self._taken else read_to
