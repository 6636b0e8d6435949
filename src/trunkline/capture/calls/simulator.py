"""The simulator: the engine in use while no other is set up. It makes no sound.

Every call goes the way that its `To` chooses, one step after another at an even pace.
One task works for all calls (DESIGN 6).
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import structlog

from trunkline.capture.calls.agenda import Agenda
from trunkline.capture.calls.call import Call
from trunkline.capture.calls.progress import Report, Reported, State
from trunkline.capture.calls.scenarios import Plan, plan_of
from trunkline.clock import Clock
from trunkline.errors import StorageFailed


_BATCH = 500
_STORAGE_PAUSE_MS = 1000

_log = structlog.get_logger("simulator")


_REACHED = {
    State.QUEUED: 0,
    State.INITIATED: 1,
    State.RINGING: 2,
    State.IN_PROGRESS: 3,
}

_RANK = {state: rank for rank, state in enumerate(Reported, start=1)}


class _Next(NamedTuple):
    """What is to be reported next of a call."""

    call_sid: str
    plan: Plan
    at: int


class Simulator:
    """An engine without telephones. `run` must run for calls to make progress.

    `report` is the switchboard's; `pace_ms` is the time between two steps. `seed`
    has numbers that ask for nothing go the ways of a mix.
    """

    def __init__(
        self,
        *,
        report: Callable[[Sequence[Report]], Awaitable[object]],
        clock: Clock,
        pace_ms: int,
        seed: int | None = None,
    ) -> None:
        self._report = report
        self._clock = clock
        self._pace_ms = pace_ms
        self._seed = seed
        self._agenda: Agenda[_Next] = Agenda(clock)

    async def place(self, call: Call) -> None:
        """Start a call, or go on with it from its state."""
        plan = plan_of(call.to, instructed=call.instructed, seed=self._seed)
        reached = _REACHED[call.state]
        for at, step in enumerate(plan):
            if _RANK[step.state] > reached:
                due_ms = self._clock.now_ms() + step.after * self._pace_ms
                self._agenda.add(due_ms, _Next(call.sid, plan, at))
                break

    async def hang_up(self, call: Call) -> None:
        """Do nothing: reports of a call that is over change nothing."""

    async def run(self) -> None:
        """Report steps as they fall due, until cancelled."""
        while True:
            due = await self._agenda.due(_BATCH)
            try:
                await self._report([_report(at_ms, item) for at_ms, item in due])
            except StorageFailed as error:
                _log.error("report_not_stored", error=str(error))
                later = self._clock.now_ms() + _STORAGE_PAUSE_MS
                for _, item in due:
                    self._agenda.add(later, item)
                continue
            for at_ms, (call_sid, plan, at) in due:
                if at + 1 < len(plan):
                    due_ms = at_ms + plan[at + 1].after * self._pace_ms
                    self._agenda.add(due_ms, _Next(call_sid, plan, at + 1))


def _report(at_ms: int, item: _Next) -> Report:
    step = item.plan[item.at]
    return Report(leg=item.call_sid, state=step.state, at_ms=at_ms, **step.details)
