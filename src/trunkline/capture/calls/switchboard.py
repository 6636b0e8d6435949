"""The switchboard: creates calls, hands them to the engine, follows their progress.

It keeps no calls in memory: the database has them, and every report is worked off
there, one after another, in the transaction that stores what it owes. So a crash at
any instruction loses nothing, and two reports of one call never meet.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from trunkline.capture.calls import callback as callbacks
from trunkline.capture.calls import creation, outcome
from trunkline.capture.calls.agenda import Agenda
from trunkline.capture.calls.call import Call, advance, time_is_up, with_callback
from trunkline.capture.calls.call_event import CallEvent
from trunkline.capture.calls.callback import Callback
from trunkline.capture.calls.creation import Fields
from trunkline.capture.calls.progress import EndedBy, Report, Reported, State
from trunkline.capture.calls.sender import Waiting
from trunkline.clock import Clock
from trunkline.errors import StorageFailed
from trunkline.events.ids import Ids
from trunkline.settings import Network


# How often calls are looked for whose time is up; ring limits are in seconds.
SWEEP_PAUSE = 1.0  # seconds

_PAGE = 500

_log = structlog.get_logger("calls")

Step = Callable[[Call], tuple[Call, Callback | None]]


class Engine(Protocol):
    """What really makes calls, and reports what becomes of them."""

    async def place(self, call: Call) -> None:
        """Dial a call; or, after a restart, go on with it from its stored state."""
        ...

    async def hang_up(self, call: Call) -> None:
        """End a call that the switchboard has ended."""
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

        A step returns the call as it is now, and a callback to be stored; `then`
        hears of those in the order of commits. Returns each call before and after
        its step; None where there is no such call.
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
    `declined`: the final word for SIP 603. `extra_parameters`: whether `completed`
    tells who ended the call, and why.
    """

    networks: tuple[Network, ...] = ()
    calls_per_second: int = 0
    declined: State = outcome.DECLINED
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

    def connect(self, engine: Engine) -> None:
        """Let `engine` make the calls. Called once, before `resume`."""
        self._engine = engine

    async def resume(self) -> None:
        """Go on with the calls that were live when the server stopped."""
        after = ""
        while page := await self._calls.live(after, _PAGE):
            for call in page:
                if call.state is State.QUEUED:
                    await self.dial(call)
                else:
                    await self._engine_in_use.place(call)
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
        await self._calls.add(call, record(call))
        return call

    async def dial(self, call: Call) -> None:
        """Have a new call dialled: now, or when its account's turn comes."""
        if not self._policy.calls_per_second:
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
        steps = [(report.leg, self._step(report)) for report in reports]
        changes = await self._calls.change(steps, self._enqueue)
        for report, change in zip(reports, changes, strict=True):
            _tell(report, change)
        return [change[1] if change else None for change in changes]

    async def end(self, call_sid: str, ended_by: EndedBy) -> Call | None:
        """End a live call from our side; return it, None if there is no such call."""
        report = Report(leg=call_sid, state=Reported.ENDED, ended_by=ended_by)
        (call,) = await self.report([report])
        if call is not None:
            await self._engine_in_use.hang_up(call)
        return call

    async def set_callback(
        self, call_sid: str, url: str | None, method: str | None
    ) -> Call | None:
        """Change where a call's progress goes from now on. Raises Refused 21609."""
        if url is not None:
            creation.check_callback_url(url, self._policy.networks)
        now_ms = self._clock.now_ms()

        def step(call: Call) -> tuple[Call, Callback | None]:
            return with_callback(call, url, method, now_ms), None

        (change,) = await self._calls.change([(call_sid, step)], self._enqueue)
        return change[1] if change else None

    async def end_overdue(self) -> None:
        """End calls that have rung, or lasted, for as long as they may."""
        now_ms = self._clock.now_ms()
        overdue = await self._calls.overdue(now_ms, _PAGE)
        if not overdue:
            return
        steps = [(sid, self._timer_step(sid, now_ms)) for sid in overdue]
        for change in await self._calls.change(steps, self._enqueue):
            if change is not None and change[1].over:
                await self._engine_in_use.hang_up(change[1])

    def _step(self, report: Report) -> Step:
        now_ms = self._clock.now_ms()

        def step(call: Call) -> tuple[Call, Callback | None]:
            after, owed = advance(call, report, now_ms, self._policy.declined)
            if owed is None:
                return after, None
            extra = self._policy.extra_parameters
            return after, callbacks.compose(after, owed, self._ids, extra=extra)

        return step

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
        end = self._step(report)

        def step(call: Call) -> tuple[Call, Callback | None]:
            # It may have been answered since it was found.
            return end(call) if time_is_up(call, now_ms) else (call, None)

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
