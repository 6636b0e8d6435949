"""Drops what has been kept for long enough, in the background and in small pieces.

A piece is one short write among those of whoever appends; between two pieces the
writer is theirs. What is dropped while a delivery of it is owed becomes a dead letter
in the same transaction: nothing vanishes without a word.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

import structlog

from trunkline.clock import Clock
from trunkline.errors import StorageFailed
from trunkline.log.records import DeadLetter


# Rows of a piece: a millisecond or two, for which nothing else is written.
PIECE = 100
# How long the writer is left to others between two pieces, in seconds.
PAUSE = 0.002
# How often it is looked whether there is something to prune, in seconds.
PERIOD = 60.0

_DAY_MS = 24 * 60 * 60 * 1000
# However full it is, somebody can see for that long what was lost.
_SPENT_MS = _DAY_MS

_logger = structlog.get_logger("retention")


class Pruned(NamedTuple):
    """What a piece dropped. `upto` is the last position it looked at, None at the end.

    `letters` are the deliveries that were owed of the events dropped.
    """

    upto: int | None
    events: int
    letters: Sequence[DeadLetter]


class Store(Protocol):
    """Drops rows, a piece at a time; each returns how many it dropped."""

    async def used_bytes(self) -> int:
        """Return how much of the database file is in use."""
        ...

    async def oldest_ms(self) -> int | None:
        """Return when the oldest event was accepted, None in an empty log."""
        ...

    async def prune_by_age(self, after: int, before_ms: int, limit: int) -> Pruned:
        """Drop events after a position that were accepted earlier than `before_ms`.

        An event with a delivery that waits for its next attempt stays till that ends.
        The posts that they came from, which may be kept for longer, stay.
        """
        ...

    async def prune_oldest(self, limit: int) -> Pruned:
        """Drop the oldest events, with the posts in their rows, whatever waits for them."""
        ...

    async def drop_strays(self) -> None:
        """Drop what waits for events that are gone; its dead letters are written."""
        ...

    async def prune_letters(self, before_ms: int, limit: int) -> int:
        """Drop dead letters that were buried earlier."""
        ...

    async def prune_spent_letters(self, before_ms: int, limit: int) -> int:
        """Drop dead letters, buried earlier, whose events are gone: of no more use."""
        ...

    async def prune_notices(self, before_ms: int) -> int:
        """Drop notices of failures that ended earlier."""
        ...

    async def prune_calls(self, before_ms: int, limit: int) -> int:
        """Drop calls that ended earlier, and the requests of their life."""
        ...


class Retention:
    """Keeps the database within its bounds. `run` does until it is cancelled.

    `max_bytes` bounds the database, 0 means no bound; `on_lost` hears of deliveries
    that became dead letters because their events were dropped.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        days: int,
        call_days: int,
        max_bytes: int,
        on_lost: Callable[[Sequence[DeadLetter]], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._keep_ms = days * _DAY_MS
        self._keep_calls_ms = call_days * _DAY_MS
        self._max_bytes = max_bytes
        self._on_lost = on_lost
        self.pruned = 0
        """Events dropped since the start."""

    async def run(self) -> None:
        """Prune now and again."""
        while True:
            try:
                await self.prune()
            except StorageFailed as error:
                _logger.error("retention.failed", error=str(error))
            await self._clock.sleep(PERIOD)

    async def prune(self) -> None:
        """Drop all that is past its time, then what is above the bound."""
        now_ms = self._clock.now_ms()
        before_ms = now_ms - self._keep_ms
        dropped, lost = await self._prune_by_age(before_ms)
        if self._max_bytes:
            more_dropped, more_lost = await self._prune_to_size()
            dropped, lost = dropped + more_dropped, lost + more_lost
        letters = await self._in_pieces(
            lambda: self._store.prune_letters(before_ms, PIECE)
        )
        calls = await self._in_pieces(
            lambda: self._store.prune_calls(now_ms - self._keep_calls_ms, PIECE)
        )
        await self._store.prune_notices(before_ms)
        if dropped or letters or calls:
            _logger.info(
                "retention.pruned",
                events=dropped,
                lost_deliveries=lost,
                dead_letters=letters,
                calls=calls,
            )

    async def _prune_by_age(self, before_ms: int) -> tuple[int, int]:
        oldest_ms = await self._store.oldest_ms()
        if oldest_ms is None or oldest_ms >= before_ms:
            return 0, 0
        dropped = lost = 0
        after: int | None = 0
        while after is not None:
            piece = await self._store.prune_by_age(after, before_ms, PIECE)
            dropped += piece.events
            lost += len(piece.letters)
            self._tell(piece)
            after = piece.upto
            await self._clock.sleep(PAUSE)
        return dropped, lost

    async def _prune_to_size(self) -> tuple[int, int]:
        dropped = lost = 0
        while await self._store.used_bytes() > self._max_bytes:
            before_ms = self._clock.now_ms() - _SPENT_MS
            if await self._store.prune_spent_letters(before_ms, PIECE) < PIECE:
                piece = await self._store.prune_oldest(PIECE)
                dropped += piece.events
                lost += len(piece.letters)
                self._tell(piece)
                if piece.upto is None:
                    break  # what fills the file is no event
            await self._clock.sleep(PAUSE)
        # An attempt that was under way as its event went may have failed since.
        await self._store.drop_strays()
        return dropped, lost

    async def _in_pieces(self, drop: Callable[[], Awaitable[int]]) -> int:
        dropped = 0
        while count := await drop():
            dropped += count
            await self._clock.sleep(PAUSE)
        return dropped

    def _tell(self, piece: Pruned) -> None:
        self.pruned += piece.events
        if piece.letters:
            self._on_lost(piece.letters)
