"""Doubles for tests, shipped: a clock that a test turns by hand."""

import asyncio
import heapq
from itertools import count


class ManualClock:
    """A clock that stands still until a test moves it on.

    `sleep` returns once the time it waited for has been reached by `advance`.
    """

    def __init__(self, now_ms: int = 1_767_225_600_000) -> None:
        self._now_ms = now_ms
        self._order = count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        """Return the time that the test has set."""
        return self._now_ms

    async def sleep(self, seconds: float) -> None:
        """Wait until a test has moved the clock that far."""
        await self._sleeper(seconds)

    def _sleeper(self, seconds: float) -> asyncio.Future[None]:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self._now_ms + max(0, round(seconds * 1000))
        heapq.heappush(self._sleepers, (due, next(self._order), waiter))
        self.advance(0)
        return waiter

    async def wait(self, news: asyncio.Event, seconds: float) -> None:
        """Wait until `news` is set or a test has moved the clock that far."""
        heard = asyncio.ensure_future(news.wait())
        passed = self._sleeper(seconds)
        try:
            await asyncio.wait({heard, passed}, return_when=asyncio.FIRST_COMPLETED)  # type: ignore[type-var]
        finally:
            heard.cancel()
            passed.cancel()

    def advance(self, seconds: float) -> None:
        """Move the clock on and wake whoever waited for it."""
        self._now_ms += round(seconds * 1000)
        while self._sleepers and self._sleepers[0][0] <= self._now_ms:
            _, _, waiter = heapq.heappop(self._sleepers)
            if not waiter.done():
                waiter.set_result(None)
