"""Things that come, and waiting for them."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar


T = TypeVar("T")


class News(Generic[T]):
    """What has come so far, in order."""

    def __init__(self) -> None:
        self.all: list[T] = []
        self._more = asyncio.Event()

    def add(self, item: T) -> None:
        self.all.append(item)
        self._more.set()

    async def until(self, wanted: Callable[[T], bool], count: int = 1) -> T:
        """Wait for that many that are wanted; return the last of them."""
        async with asyncio.timeout(10):
            while len(found := [item for item in self.all if wanted(item)]) < count:
                self._more.clear()
                await self._more.wait()
        return found[count - 1]
