"""Sends dead letters again: they become exceptions that are due at once."""

from collections.abc import Callable, Sequence
from typing import Protocol

from trunkline.clock import Clock
from trunkline.log.records import DeadLetter


class Log(Protocol):
    """What is asked of the log."""

    async def owe_again(
        self, letters: Sequence[DeadLetter], now_ms: int, deadline_ms: int
    ) -> list[str]:
        """Turn dead letters into exceptions that are due; return the calls of those."""
        ...


class Lane(Protocol):
    """What is asked of a sink's lane."""

    @property
    def retry_window_ms(self) -> int:
        """For how long the sink's events are tried."""
        ...

    def redeliver(self, calls: Sequence[str]) -> None:
        """Hear that dead letters of calls became exceptions that are due."""
        ...


class Redelivery:
    """Gives dead letters another retry window. `lane_of` finds a sink's lane."""

    def __init__(
        self, log: Log, lane_of: Callable[[str], Lane | None], clock: Clock
    ) -> None:
        self._log = log
        self._lane_of = lane_of
        self._clock = clock

    async def redeliver(self, sink_sid: str, letters: Sequence[DeadLetter]) -> int:
        """Have dead letters of one sink delivered again; return how many those are.

        Not among them are those whose event is not kept any more, and all where the sink is gone.
        """
        lane = self._lane_of(sink_sid)
        if lane is None:
            return 0
        now_ms = self._clock.now_ms()
        calls = await self._log.owe_again(
            letters, now_ms, now_ms + lane.retry_window_ms
        )
        lane.redeliver(calls)
        return len(calls)
