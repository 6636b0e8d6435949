"""The only module that reads a clock. Everything else is handed a `Clock`."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol


class Clock(Protocol):
    """Wall-clock time in milliseconds since 1970 (UTC), and waiting."""

    def now_ms(self) -> int:
        """Return the time now."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...

    async def wait(self, news: asyncio.Event, seconds: float) -> None:
        """Wait until `news` is set, but no longer than that."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """Return the time now, in milliseconds since 1970 (UTC)."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Wait that long on the running event loop."""
        await asyncio.sleep(seconds)

    async def wait(self, news: asyncio.Event, seconds: float) -> None:
        """Wait until `news` is set, but no longer than that."""
        # Not wait_for: in Python 3.11 it forgets that it was cancelled where `news`
        # comes at the same time.
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await news.wait()


def stopwatch() -> Callable[[], float]:
    """Start to measure a duration; the result tells the seconds gone by."""
    started = time.perf_counter()
    return lambda: time.perf_counter() - started
