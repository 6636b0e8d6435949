"""Takes a sink's exceptions up again when they are due."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from trunkline.clock import Clock
from trunkline.delivery.decide import Decision
from trunkline.delivery.ports import Log
from trunkline.errors import StorageFailed
from trunkline.log.records import DeliveryException, Entry


# Exceptions taken up at a time; the next are read when all of these are decided.
PAGE = 100

_STORAGE_PAUSE = 1.0  # seconds

_logger = structlog.get_logger("delivery")

Take = Callable[[DeliveryException, Entry], None]


class Retries:
    """Waits for the exceptions of one sink. `take` is called for each that is due.

    There is a waiting task only while there are exceptions.
    """

    def __init__(
        self,
        sink_sid: str,
        *,
        log: Log,
        clock: Clock,
        take: Take,
        start: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._sink_sid = sink_sid
        self._log = log
        self._clock = clock
        self._take = take
        self._start = start
        self._waiting = False
        self._news = asyncio.Event()
        self._decided = asyncio.Event()
        self.open = 0

    def watch(self) -> None:
        """Hear that there may be a new exception, or one that is due sooner."""
        self._news.set()
        if not self._waiting:
            self._waiting = True
            self._start(self._wait_for_due())

    def decided(self, positions: Sequence[int], decision: Decision) -> None:
        """Hear that some of those taken up were delivered, held again, or buried."""
        self.open -= len(positions)
        if not self.open:
            self._decided.set()

    async def _wait_for_due(self) -> None:
        try:
            while True:
                self._news.clear()
                try:
                    due_ms = await self._log.next_due(self._sink_sid)
                    if due_ms is not None:
                        await self._take_up_from(due_ms)
                    elif not self._news.is_set():
                        return
                except StorageFailed as error:
                    _logger.error(
                        "delivery.read_failed",
                        sink_sid=self._sink_sid,
                        error=str(error),
                    )
                    await self._clock.sleep(_STORAGE_PAUSE)
        finally:
            self._waiting = False

    async def _take_up_from(self, due_ms: int) -> None:
        wait_ms = due_ms - self._clock.now_ms()
        if wait_ms > 0:
            await self._clock.wait(self._news, wait_ms / 1000)
            return
        now_ms = self._clock.now_ms()
        page = await self._log.due(self._sink_sid, now_ms, (0, 0), PAGE)
        await self._have_decided(page)

    async def _have_decided(
        self, page: Sequence[tuple[DeliveryException, Entry]]
    ) -> None:
        self._decided.clear()
        self.open = len(page)
        for exception, entry in page:
            self._take(exception, entry)
        if page:
            await self._decided.wait()
