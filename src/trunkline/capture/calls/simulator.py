"""The simulator: the engine in use while no other is set up. It makes no sound.

Every call goes the way that its `To` chooses, one step after another at an even pace.
One task works for all calls.
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
    parent_call_sid: str | None
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
        # Calls of which a leg has just answered, until when no other one does.
        self._answered: dict[str, int] = {}

    async def place(self, call: Call) -> None:
        """Start a call, or go on with it from its state."""
        plan = plan_of(call.to, instructed=call.instructed, seed=self._seed)
        reached = _REACHED[call.state]
        for at, step in enumerate(plan):
            if _RANK[step.state] > reached:
                due_ms = self._clock.now_ms() + step.after * self._pace_ms
                self._agenda.add(
                    due_ms, _Next(call.sid, call.parent_call_sid, plan, at)
                )
                break

    async def hang_up(self, call: Call) -> None:
        """Do nothing: reports of a call that is over change nothing."""

    async def run(self) -> None:
        """Report steps as they fall due, until cancelled."""
        while True:
            due = [
                (at_ms, item)
                for at_ms, item in await self._agenda.due(_BATCH)
                if not self._put_off(at_ms, item)
            ]
            try:
                await self._report([_report(at_ms, item) for at_ms, item in due])
            except StorageFailed as error:
                _log.error("report_not_stored", error=str(error))
                later = self._clock.now_ms() + _STORAGE_PAUSE_MS
                for _, item in due:
                    self._agenda.add(later, item)
                continue
            for at_ms, item in due:
                at = item.at + 1
                if at < len(item.plan):
                    due_ms = at_ms + item.plan[at].after * self._pace_ms
                    self._agenda.add(due_ms, item._replace(at=at))

    def _put_off(self, at_ms: int, item: _Next) -> bool:
        """Put off the answer of a leg for a step, if a rival has only just answered.

        Telephones that ring together are not answered at the very same moment: the
        first one wins, and the others are hung up by then.
        """
        parent = item.parent_call_sid
        if parent is None or item.plan[item.at].state is not Reported.ANSWERED:
            return False
        free_ms = self._answered.get(parent, 0)
        if at_ms < free_ms:
            self._agenda.add(free_ms, item)
            return True
        now_ms = self._clock.now_ms()
        for other in [each for each, until in self._answered.items() if until < now_ms]:
            del self._answered[other]
        self._answered[parent] = now_ms + max(self._pace_ms, 1)
        return False


def _report(at_ms: int, item: _Next) -> Report:
    step = item.plan[item.at]
    return Report(leg=item.call_sid, state=step.state, at_ms=at_ms, **step.details)
