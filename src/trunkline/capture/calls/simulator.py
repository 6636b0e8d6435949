"""The simulator: the engine in use while no other is set up. It makes no sound.

Every call goes the way that the last digits of its `To` choose, one step after
another at an even pace. One task works for all calls (DESIGN 6).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import structlog

from trunkline.capture.calls.agenda import Agenda
from trunkline.capture.calls.call import Call
from trunkline.capture.calls.progress import EndedBy, Report, Reported, State
from trunkline.clock import Clock
from trunkline.errors import StorageFailed


_BATCH = 500
_STORAGE_PAUSE_MS = 1000

_log = structlog.get_logger("simulator")


class Step(NamedTuple):
    """One report of a plan: the state, and what else the report says."""

    state: Reported
    details: Mapping[str, Any] = MappingProxyType({})


_INITIATED = Step(Reported.INITIATED)
_RINGING = Step(Reported.RINGING)
_ANSWERED = Step(Reported.ANSWERED)


def _ended(**details: Any) -> Step:
    return Step(Reported.ENDED, details)


_HUNG_UP = _ended(ended_by=EndedBy.CALLEE)

ANSWERED = (_INITIATED, _RINGING, _ANSWERED, _HUNG_UP)

# How a call goes, by the last digits of `To`. The pace stands for the ring limit.
PLANS = {
    "0001": (_INITIATED, _ended(sip_code=486, ended_by=EndedBy.CALLEE)),
    "0002": (_INITIATED, _RINGING, _ended(ended_by=EndedBy.TIMER)),
    "0003": (_INITIATED, _ended(sip_code=404, ended_by=EndedBy.ENGINE)),
    "0004": (_INITIATED, _ANSWERED, _HUNG_UP),
}

_REACHED = {
    State.QUEUED: 0,
    State.INITIATED: 1,
    State.RINGING: 2,
    State.IN_PROGRESS: 3,
}

_RANK = {state: rank for rank, state in enumerate(Reported, start=1)}


def plan_of(to: str) -> tuple[Step, ...]:
    """Return how a call to that number goes."""
    return PLANS.get(to[-4:], ANSWERED)


class _Next(NamedTuple):
    """What is to be reported next of a call."""

    call_sid: str
    plan: tuple[Step, ...]
    at: int


class Simulator:
    """An engine without telephones. `run` must run for calls to make progress.

    `report` is the switchboard's; `pace_ms` is the time between two steps.
    """

    def __init__(
        self,
        *,
        report: Callable[[Sequence[Report]], Awaitable[object]],
        clock: Clock,
        pace_ms: int,
    ) -> None:
        self._report = report
        self._clock = clock
        self._pace_ms = pace_ms
        self._agenda: Agenda[_Next] = Agenda(clock)

    async def place(self, call: Call) -> None:
        """Start a call, or go on with it from its state."""
        plan = plan_of(call.to)
        reached = _REACHED[call.state]
        ahead = [i for i, step in enumerate(plan) if _RANK[step.state] > reached]
        wait_ms = self._pace_ms if reached else 0
        self._agenda.add(
            self._clock.now_ms() + wait_ms, _Next(call.sid, plan, ahead[0])
        )

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
                    following = _Next(call_sid, plan, at + 1)
                    self._agenda.add(at_ms + self._pace_ms, following)


def _report(at_ms: int, item: _Next) -> Report:
    step = item.plan[item.at]
    return Report(leg=item.call_sid, state=step.state, at_ms=at_ms, **step.details)
