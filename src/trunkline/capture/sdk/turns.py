"""Attempts of one delivery take turns, so that the second finds what the first kept."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trunkline.capture.sdk.ports import Delivery


_Key = tuple[str, bytes]


class Turns:
    """Who is first, and who waits; bounded by the requests that are under way."""

    def __init__(self) -> None:
        self._locks: dict[_Key, asyncio.Lock] = {}
        self._here: Counter[_Key] = Counter()

    @asynccontextmanager
    async def turn(self, delivery: Delivery) -> AsyncIterator[None]:
        """Wait for earlier attempts of the delivery to end, and keep later ones waiting."""
        key = delivery.account_sid, delivery.id
        lock = self._locks.setdefault(key, asyncio.Lock())
        self._here[key] += 1
        try:
            async with lock:
                yield
        finally:
            self._here[key] -= 1
            if not self._here[key]:
                del self._here[key], self._locks[key]
