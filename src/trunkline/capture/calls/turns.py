"""Turns: how many requests are under way, in all and per server. The rest wait."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Gives turns, first come first served; servers do not wait for one another.

    A server that answers nobody has at most `per_host` of the `total` turns.
    """

    def __init__(self, total: int, per_host: int) -> None:
        self._total = asyncio.Semaphore(total)
        self._per_host = per_host
        self._hosts: dict[str, asyncio.Semaphore] = {}
        self._users: Counter[str] = Counter()

    @asynccontextmanager
    async def of(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn at a server, and have it for as long as the block runs."""
        if host not in self._hosts:
            self._hosts[host] = asyncio.Semaphore(self._per_host)
        self._users[host] += 1
        try:
            # First the server's: who waits for that one holds up nobody else.
            async with self._hosts[host], self._total:
                yield
        finally:
            self._users[host] -= 1
            if not self._users[host]:
                del self._hosts[host], self._users[host]
