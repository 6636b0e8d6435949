"""Ids of events, calls, sinks and subscriptions.

A SID is two capital letters and 32 lower-case hex digits. The first twelve digits
are the time in milliseconds, the rest is random: ids made one after another sort
that way, so a unique index over them grows at its end and costs a fraction of one
over wholly random ids. The log names events itself: see `log.naming`.
"""

import re
import uuid
from collections.abc import Callable


_SID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}", re.ASCII)


class Ids:
    """Makes ids from a clock and a source of random bytes."""

    def __init__(
        self, now_ms: Callable[[], int], entropy: Callable[[int], bytes]
    ) -> None:
        self._now_ms = now_ms
        self._entropy = entropy
        self._at_ms = -1
        self._digits = ""

    def sid(self, prefix: str, at_ms: int | None = None) -> str:
        """Return a new SID, e.g. `sid("CA")`; `at_ms` is for who knows what time it is."""
        if at_ms is None:
            at_ms = self._now_ms()
        if at_ms != self._at_ms:
            self._at_ms, self._digits = at_ms, f"{at_ms:012x}"
        return prefix + self._digits + self._entropy(10).hex()

    def uuid4(self) -> str:
        """Return a new random UUID (version 4) as text."""
        return str(uuid.UUID(bytes=self._entropy(16), version=4))

    def secret(self) -> str:
        """Return 32 random lower-case hex digits: an auth token or a key secret."""
        return self._entropy(16).hex()


def pooled(entropy: Callable[[int], bytes], size: int = 4096) -> Callable[[int], bytes]:
    """Return a source of random bytes that asks `entropy` for `size` at a time.

    Asking the system for ten bytes costs as much as the rest of an id.
    """
    pool, used = b"", 0

    def draw(count: int) -> bytes:
        nonlocal pool, used
        if used + count > len(pool):
            pool, used = entropy(max(size, count)), 0
        used += count
        return pool[used - count : used]

    return draw


def is_sid(text: str, prefix: str) -> bool:
    """Tell whether `text` is a SID with that prefix; either case of hex is good."""
    return _SID.fullmatch(text) is not None and text.startswith(prefix)


def canonical(sid: str) -> str:
    """Return a SID as we write it: its hex in lower case."""
    return sid[:2] + sid[2:].lower()
