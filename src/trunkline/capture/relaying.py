"""Takes the events of another stream in, and tells which of them it could not take."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import structlog

from trunkline.capture.relay import Arrived, Refusal, id_taken
from trunkline.events.envelope import Event


_logger = structlog.get_logger("relay")


class Intake(Protocol):
    """The one door for events."""

    async def accept(
        self, events: Sequence[Event], *, then: Callable[[list[int]], None]
    ) -> None:
        """Accept events; `then` is told their positions, 0 where an id is taken."""
        ...


class Outcome(NamedTuple):
    """What became of a request's events. Repeats count as accepted: they are here."""

    accepted: int
    tests: int
    refusals: list[Refusal]


class Relaying:
    """Takes relayed events in. Lives with the server.

    `counts` are events accepted (repeats among them), tests and refused.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.counts: Counter[str] = Counter()

    async def take(self, arrived: Arrived, account_sid: str) -> Outcome:
        """Take what arrived for an account; return once it is on disk.

        Raises StorageFailed where the disk did not keep it; then nothing was accepted.
        """
        positions: list[int] = []
        if arrived.events:
            events = list(arrived.events.values())
            await self._intake.accept(events, then=positions.extend)
        taken = [
            id_taken(index, event)
            for (index, event), position in zip(
                arrived.events.items(), positions, strict=True
            )
            if not position
        ]
        refusals = sorted(
            [*arrived.refusals, *taken], key=lambda refusal: refusal.index
        )
        accepted = len(positions) - len(taken)
        self.counts["accepted"] += accepted
        self.counts["tests"] += len(arrived.tests)
        self.counts["refused"] += len(refusals)
        if arrived.tests:
            # The newest: each test makes the ids of those before it useless.
            test_id = arrived.tests[-1]
            _logger.info("relay.tested", account_sid=account_sid, test_id=test_id)
        if refusals:
            _logger.warning(
                "relay.refused",
                account_sid=account_sid,
                accepted=accepted,
                refused=len(refusals),
                first=refusals[0].message,
            )
        return Outcome(accepted, len(arrived.tests), refusals)
