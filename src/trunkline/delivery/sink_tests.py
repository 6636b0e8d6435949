"""Test events of sinks, on the ordinary road (spec event-streams 4.2, 4.3).

The test id is in the id of its event. So a test that was asked for can be submitted
again after a crash: the log adds it once.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol
from uuid import UUID

from trunkline.clock import Clock
from trunkline.events import test_event
from trunkline.events.catalogue import TEST_EVENT_TYPE
from trunkline.events.envelope import Event
from trunkline.events.times import iso_ms
from trunkline.log.records import DeadLetter
from trunkline.streams.sinks import Sink, SinkStatus


_PREFIX = "TE"


class Intake(Protocol):
    """The one door for events."""

    async def accept(
        self, events: Sequence[Event], *, then: Callable[[list[int]], None]
    ) -> None:
        """Accept events; `then` is told their positions before delivery is."""
        ...


class Log(Protocol):
    """What is asked of the log."""

    async def is_buried(self, sink_sid: str, position: int) -> bool:
        """Tell whether a delivery became a dead letter."""
        ...


class Dispatcher(Protocol):
    """What delivers."""

    def owe_test(self, sink_sid: str, position: int) -> None:
        """Take the event at a position as the sink's test."""
        ...


class SinkTests:
    """Submits test events and hears of those that are given up."""

    def __init__(
        self, intake: Intake, log: Log, dispatcher: Dispatcher, clock: Clock
    ) -> None:
        self._intake = intake
        self._log = log
        self._dispatcher = dispatcher
        self._clock = clock

    async def submit(self, sink: Sink, test_id: str) -> None:
        """Have a test event delivered to the sink; return once it is on disk."""
        await self._submit(sink, test_id)

    async def resume(
        self,
        sinks: Iterable[Sink],
        failed: Callable[[str, str], Awaitable[None]],
    ) -> None:
        """Go on with tests that a stop interrupted, before delivery starts.

        `failed` is told the SIDs and test ids of sinks whose test was given up.
        """
        for sink in sinks:
            if sink.status is not SinkStatus.VALIDATING or sink.test_id is None:
                continue
            position = await self._submit(sink, sink.test_id)
            if await self._log.is_buried(sink.sid, position):
                await failed(sink.sid, sink.test_id)

    async def _submit(self, sink: Sink, test_id: str) -> int:
        event = test_event.make(
            event_id=_PREFIX + test_id.replace("-", ""),
            account_sid=sink.account_sid,
            test_id=test_id,
            time=iso_ms(self._clock.now_ms()),
        )
        position = 0

        def owed(positions: list[int]) -> None:
            nonlocal position
            [position] = positions
            self._dispatcher.owe_test(sink.sid, position)

        await self._intake.accept([event], then=owed)
        return position


def test_id_of(letter: DeadLetter) -> str | None:
    """Return the test id of a test event that was given up, None for other events."""
    if letter.event_type != TEST_EVENT_TYPE:
        return None
    digits = letter.event_id.removeprefix(_PREFIX)
    return str(UUID(hex=digits))
