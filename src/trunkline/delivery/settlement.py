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

    def settle(self, position: int, _decision: object = None) -> None:
        """Note that nothing is owed there any more, whatever was decided."""
        taken, settled = self._taken, self._settled
        self.owed -= 1
        if taken[0] != position:
            settled.add(position)
            return
        taken.popleft()
        while taken and taken[0] in settled:
            settled.remove(taken.popleft())

    def settled_up_to(self, read_to: int) -> int:
        """Return the bookmark, where everything up to `read_to` has been taken up."""
        return self._taken[0] - 1 if self._taken else read_to
