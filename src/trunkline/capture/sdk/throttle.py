"""A limit on failed tokens, so that guessing costs us no signature checks."""

# Spec voice-sdk 2.5. Posts with good tokens are never counted.
FAILURES_PER_MINUTE = 30

# Addresses remembered at a time: some 100 bytes each.
MAX_ADDRESSES = 10_000


class FailureThrottle:
    """Counts failed tokens per client address in the running minute."""

    def __init__(self, limit: int = FAILURES_PER_MINUTE) -> None:
        self._limit = limit
        self._minute = 0
        self._failures: dict[str, int] = {}

    def is_blocked(self, address: str, now_ms: int) -> bool:
        """Tell whether an address has used up its failures of this minute."""
        self._turn(now_ms)
        return self._failures.get(address, 0) >= self._limit

    def failed(self, address: str, now_ms: int) -> None:
        """Count a failure."""
        self._turn(now_ms)
        if address not in self._failures and len(self._failures) >= MAX_ADDRESSES:
            del self._failures[next(iter(self._failures))]
        self._failures[address] = self._failures.get(address, 0) + 1

    def _turn(self, now_ms: int) -> None:
        minute = now_ms // 60_000
        if minute != self._minute:
            self._minute = minute
            self._failures.clear()
