"""How many attempts a sink may have under way, and when the next may start. Pure.

A sink that answers gets as many at a time as its policy says. A sink whose every
attempt fails is down: it gets one probe at a time, with growing pauses, until a probe
is answered; then it is as before at once.
"""

from collections import deque

from trunkline.streams.policy import DeliveryPolicy


# Different events that must fail in a row, none delivered between, for a sink to be
# down. One event that always fails is that event's trouble.
EVENTS_TO_BE_DOWN = 10

FIRST_PAUSE_MS = 1_000
LONGEST_PAUSE_MS = 30_000


class Pacing:
    """The pace of one sink.

    `down` tells whether the sink is taken to be down, `at_a_time` how many attempts may
    be under way, `held` whether anything else holds it back. They are asked at every
    event, and change seldom.
    """

    def __init__(self, policy: DeliveryPolicy) -> None:
        self._failed: set[int] = set()
        self._failed_probes = 0
        self._probe_at_ms = 0
        self._starts: deque[int] = deque()
        self.down = False
        self.follow(policy)

    def follow(self, policy: DeliveryPolicy) -> None:
        """Go by this policy from now on."""
        self.policy = policy
        self._look()

    def _look(self) -> None:
        self.down = len(self._failed) >= EVENTS_TO_BE_DOWN
        self.held = self.down or self.policy.per_second > 0
        self.at_a_time = 1 if self.down else self.policy.concurrency

    def wait_ms(self, now_ms: int) -> int:
        """Return how long no attempt may start; 0 where one may start now."""
        wait_ms = self._probe_at_ms - now_ms if self.down else 0
        if self.policy.per_second:
            while self._starts and self._starts[0] <= now_ms - 1000:
                self._starts.popleft()
            if len(self._starts) >= self.policy.per_second:
                wait_ms = max(wait_ms, self._starts[0] + 1000 - now_ms)
        return max(wait_ms, 0)

    def started(self, now_ms: int) -> None:
        """Note that an attempt starts."""
        if self.policy.per_second:
            self._starts.append(now_ms)

    def answered(self) -> None:
        """Note that the sink took or refused an event: it is there."""
        if self._failed:
            self._failed.clear()
            self._failed_probes = 0
            self._look()

    def failed(self, position: int, now_ms: int, spread: float) -> None:
        """Note that an attempt failed, and will be followed by another.

        `spread`, from 0 up to 1, sets the pause until the next probe.
        """
        if self.down:
            self._failed_probes += 1
        else:
            self._failed.add(position)
            self._look()
        if self.down:
            ceiling = min(
                LONGEST_PAUSE_MS, FIRST_PAUSE_MS << min(self._failed_probes, 8)
            )
            self._probe_at_ms = now_ms + int(ceiling * (1 + spread) / 2)
