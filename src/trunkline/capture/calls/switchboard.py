"""The switchboard: creates calls, hands them to the engine, follows their progress.

It keeps no calls in memory: the database has them, and every report is worked off
there, one after another, in the transaction that stores what it owes. So a crash at
any instruction loses nothing, and two reports of one call never meet.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import structlog
from msgspec.structs import replace

from trunkline.capture.calls import callback as callbacks
from trunkline.capture.calls import creation, documents, outcome, updates
from trunkline.capture.calls.agenda import Agenda
from trunkline.capture.calls.call import Call, Direction, advance, time_is_up
from trunkline.capture.calls.call_event import CallEvent
from trunkline.capture.calls.callback import Callback
from trunkline.capture.calls.creation import Fields
from trunkline.capture.calls.progress import EndedBy, Report, Reported, State
from trunkline.capture.calls.sender import Waiting
from trunkline.capture.calls.updates import Update
from trunkline.clock import Clock
from trunkline.errors import StorageFailed
from trunkline.events.ids import Ids
from trunkline.settings import Network


# How often calls are looked for whose time is up; ring limits are in seconds.
SWEEP_PAUSE = 1.0  # seconds

_PAGE = 500

_log = structlog.get_logger("calls")


class Change(NamedTuple):
    """What a step makes of a call, and what is stored with it."""

    call: Call
    callback: Callback | None = None
    event: CallEvent | None = None
    legs: tuple[Call, ...] = ()


Step = Callable[[Call], Change]


class Engine(Protocol):
    """What really makes calls, and reports what becomes of them."""

    async def place(self, call: Call) -> None:
        """Dial a call; or, after a restart, go on with it from its stored state."""
        ...

    async def hang_up(self, call: Call) -> None:
        """End a call that the switchboard has ended."""
        ...


class Attendant(Protocol):
    """Who carries out calls' instructions."""

    def begin(self, call: Call, at_ms: int) -> Call:
        """Return a call with the script of its instructions. Pure."""
        ...

    def hear(self, before: Call, after: Call) -> None:
        """Hear what a call has become, in the order of commits."""
        ...

    def resume(self, call: Call) -> None:
        """Go on with a call that was live when the server stopped."""
        ...


class Calls(Protocol):
    """Where calls are kept."""

    async def add(self, call: Call, event: CallEvent) -> None:
        """Keep a new call, and the request that made it."""
        ...

    async def change(
        self,
        steps: Sequence[tuple[str, Step]],
        then: Callable[[Sequence[Waiting]], None],
    ) -> list[tuple[Call, Call] | None]:
        """Take steps, each on the call of that SID, in one synced transaction.

        `then` hears of the callbacks that were stored, in the order of commits.
        Returns each call before and after its step; None where there is no such call.
        """
        ...

    async def call(self, sid: str) -> Call | None:
        """Return a call."""
        ...

    async def live(self, after: str, limit: int) -> list[Call]:
        """Return calls that are not over, with SIDs above `after`, in their order."""
        ...

    async def overdue(self, now_ms: int, limit: int) -> list[str]:
        """Return the SIDs of calls whose time is up."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The operator's choices.

    `networks`: those, beyond public ones, that callbacks may go to.
    `calls_per_second`: calls dialled per second and account; 0 is no limit.
    `disputed`: the final words for the SIP codes of `outcome.DISPUTED`.
    `extra_parameters`: whether `completed` tells who ended the call, and why.
    """

    networks: tuple[Network, ...] = ()
    calls_per_second: int = 0
    disputed: Mapping[int, State] = field(default_factory=lambda: outcome.DISPUTED)
    extra_parameters: bool = False


class Switchboard:
    """The service behind the Calls API and all engines. Lives with the server."""

    def __init__(
        self,
        *,
        calls: Calls,
        enqueue: Callable[[Sequence[Waiting]], None],
        clock: Clock,
        ids: Ids,
        policy: Policy,
    ) -> None:
        self._calls = calls
        self._enqueue = enqueue
        self._clock = clock
        self._ids = ids
        self._policy = policy
        self._dialling: Agenda[str] = Agenda(clock)
        self._next_slot: dict[str, float] = {}
        self._engine: Engine | None = None
        self._attendant: Attendant | None = None

    def connect(self, engine: Engine, attendant: Attendant | None = None) -> None:
        """Let `engine` make the calls, and `attendant` carry out their instructions.

        Called once, before `resume`.
        """
        self._engine = engine
        self._attendant = attendant

    async def resume(self) -> None:
        """Go on with the calls that were live when the server stopped."""
        after = ""
        while page := await self._calls.live(after, _PAGE):
            for call in page:
                if not call.elsewhere:
                    await self.dial(call)
                if self._attendant is not None:
                    self._attendant.resume(call)
            after = page[-1].sid

    async def run(self) -> None:
        """Dial calls that wait, and end calls whose time is up, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._dial_in_turn())
            tasks.create_task(self._sweep())

    async def create(
        self, account_sid: str, fields: Fields, record: Callable[[Call], CallEvent]
    ) -> Call:
        """Create a call and return it, stored and synced. Whoever called then dials it.

        `record` returns the call event of the request. Raises Refused.
        """
        call = creation.new_call(
            fields,
            sid=self._ids.sid("CA"),
            account_sid=account_sid,
            now_ms=self._clock.now_ms(),
            networks=self._policy.networks,
        )
        await self._calls.add(call, self._with_faults(record(call), call.twiml))
        return call

    async def dial(self, call: Call) -> None:
        """Have a call dialled, or go on with it: API calls when their turn comes."""
        waits = call.direction is Direction.OUTBOUND_API and call.state is State.QUEUED
        if not waits or not self._policy.calls_per_second:
            await self._engine_in_use.place(call)
            return
        now_ms = self._clock.now_ms()
        slot = max(now_ms, self._next_slot.get(call.account_sid, 0))
        self._next_slot[call.account_sid] = slot + 1000 / self._policy.calls_per_second
        self._dialling.add(round(slot), call.sid)

    async def report(self, reports: Sequence[Report]) -> list[Call | None]:
        """Work off engines' reports; return once their outcome is stored and synced.

        Returns each report's call; None where there is no such call. Late and
        repeated reports change nothing. Raises StorageFailed: report again.
        """
        steps = [(report.leg, self.step(report)) for report in reports]
        changes = await self._commit(steps)
        for report, change in zip(reports, changes, strict=True):
            _tell(report, change)
        return [change[1] if change else None for change in changes]

    def step(self, report: Report) -> Step:
        """Return what a report does to its call, for `change`."""
        now_ms = self._clock.now_ms()

        def step(call: Call) -> Change:
            after, owed = advance(call, report, now_ms, self._policy.disputed)
            if after is call:
                return Change(call)
            callback = None
            if owed is not None:
                extra = self._policy.extra_parameters
                callback = callbacks.compose(after, owed, self._ids, extra=extra)
            answered = report.state is Reported.ANSWERED
            if answered and after.instructed and self._attendant is not None:
                after = self._attendant.begin(after, after.event_ms)
            return Change(after, callback)

        return step

    async def change(
        self, steps: Sequence[tuple[str, Step]]
    ) -> list[tuple[Call, Call] | None]:
        """Take steps of ours, each on the call of that SID; hang up what they end.

        Returns each call before and after; None where there is no such call.
        """
        changes = await self._commit(steps)
        for change in changes:
            if change is not None and change[1].over and not change[0].over:
                await self._engine_in_use.hang_up(change[1])
        return changes

    async def end(self, call_sid: str, ended_by: EndedBy) -> Call | None:
        """End a live call from our side; return it, None if there is no such call."""
        report = Report(leg=call_sid, state=Reported.ENDED, ended_by=ended_by)
        (change,) = await self.change([(call_sid, self.step(report))])
        return change[1] if change else None

    async def update(
        self, call_sid: str, fields: Fields, record: Callable[[Call], CallEvent]
    ) -> Call | None:
        """Do what a request over REST asks for; return the call after it.

        None if there is no such call. `record` returns the call event of the request.
        Raises Refused.
        """
        update = updates.update_of(fields, self._policy.networks)
        step = self._update_step(call_sid, update, record)
        (change,) = await self.change([(call_sid, step)])
        if change is None:
            return None
        before, after = change
        if before.script is not None and before.script is not after.script:
            dialling = before.script.dialling
            for leg in dialling.legs if dialling else ():
                await self.end(leg, EndedBy.API)
        return after

    async def end_overdue(self) -> None:
        """End calls that have rung, or lasted, for as long as they may."""
        now_ms = self._clock.now_ms()
        overdue = await self._calls.overdue(now_ms, _PAGE)
        if overdue:
            await self.change([(sid, self._timer_step(sid, now_ms)) for sid in overdue])

    def _update_step(
        self, call_sid: str, update: Update, record: Callable[[Call], CallEvent]
    ) -> Step:
        now_ms = self._clock.now_ms()
        report = Report(leg=call_sid, state=Reported.ENDED, ended_by=EndedBy.API)
        end = self.step(report)

        def step(call: Call) -> Change:
            change = Change(updates.applied(call, update, now_ms))
            if update.status is not None:
                change = end(change.call)
            elif update.instructs and self._attendant is not None:
                change = Change(self._attendant.begin(change.call, now_ms))
            event = self._with_faults(record(change.call), update.twiml)
            return change._replace(event=event)

        return step

    def _with_faults(self, event: CallEvent, twiml: str | None) -> CallEvent:
        """Return the call event of a request, with what is wrong with its TwiML."""
        if twiml is None:
            return event
        faults = documents.inline(twiml, self._policy.networks).warnings
        return replace(event, warnings=faults) if faults else event

    async def _commit(
        self, steps: Sequence[tuple[str, Step]]
    ) -> list[tuple[Call, Call] | None]:
        changes = await self._calls.change(steps, self._enqueue)
        if self._attendant is not None:
            for change in changes:
                if change is not None and change[0] is not change[1]:
                    self._attendant.hear(*change)
        return changes

    @property
    def _engine_in_use(self) -> Engine:
        assert self._engine is not None, "connect an engine first"
        return self._engine

    async def _dial_in_turn(self) -> None:
        while True:
            for _, call_sid in await self._dialling.due(_PAGE):
                call = await self._calls.call(call_sid)
                if call is not None and call.state is State.QUEUED:
                    await self._engine_in_use.place(call)

    async def _sweep(self) -> None:
        while True:
            try:
                await self.end_overdue()
            except StorageFailed as error:
                _log.error("sweep_failed", error=str(error))
            await self._clock.sleep(SWEEP_PAUSE)

    def _timer_step(self, sid: str, now_ms: int) -> Step:
        report = Report(leg=sid, state=Reported.ENDED, ended_by=EndedBy.TIMER)
        end = self.step(report)

        def step(call: Call) -> Change:
            # It may have been answered since it was found.
            return end(call) if time_is_up(call, now_ms) else Change(call)

        return step


def _tell(report: Report, change: tuple[Call, Call] | None) -> None:
    """Write a line about a report that changed nothing: someone may look for it."""
    if change is None:
        _log.warning("report_of_unknown_call", call_sid=report.leg, state=report.state)
    elif change[0] is change[1]:
        _log.info(
            "report_ignored",
            call_sid=report.leg,
            state=report.state.value,
            call_state=change[0].state.value,
        )
