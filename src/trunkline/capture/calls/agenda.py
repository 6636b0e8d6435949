"""What falls due when: one heap, and one who waits, for any number of items."""

import asyncio
import heapq
from itertools import count
from typing import Generic, TypeVar

from trunkline.clock import Clock


T = TypeVar("T")


class Agenda(Generic[T]):
    """Items by due time; equally due ones come in the order in which they were added."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[int, int, T]] = []
        self._order = count()
        self._changed = asyncio.Event()

    def add(self, due_ms: int, item: T) -> None:
        """Add an item."""
        heapq.heappush(self._heap, (due_ms, next(self._order), item))
        if self._heap[0][0] == due_ms:
            self._changed.set()

    async def due(self, limit: int) -> list[tuple[int, T]]:
        """Wait until something is due, and return up to `limit` of what is."""
        while not (due := self._take(limit)):
            self._changed.clear()
            await self._wait()
        return due

    def _take(self, limit: int) -> list[tuple[int, T]]:
        now_ms = self._clock.now_ms()
        taken: list[tuple[int, T]] = []
        while self._heap and self._heap[0][0] <= now_ms and len(taken) < limit:
            due_ms, _, item = heapq.heappop(self._heap)
            taken.append((due_ms, item))
        return taken

    async def _wait(self) -> None:
        """Wait for the first item's time, or for an earlier item."""
        if self._heap:
            left_ms = self._heap[0][0] - self._clock.now_ms()
            await self._clock.wait(self._changed, left_ms / 1000)
        else:
            await self._changed.wait()
