"""The attendant: carries out calls' instructions, whatever engine makes the legs.

It keeps nothing that is not in the calls' scripts too. So after a crash it goes on
from there: a document is fetched again, with the same token; nothing is dialled twice.
Every change of a script names the step it was made from, and none is made twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

import structlog
from msgspec.structs import replace

from trunkline.capture.calls import documents, fetching, instructions
from trunkline.capture.calls.agenda import Agenda
from trunkline.capture.calls.call import Call
from trunkline.capture.calls.exchange import Means
from trunkline.capture.calls.instructions import Move
from trunkline.capture.calls.progress import EndedBy, Report
from trunkline.capture.calls.switchboard import Change, Step
from trunkline.capture.calls.turns import Turns
from trunkline.errors import StorageFailed
from trunkline.events.ids import Ids
from trunkline.settings import Network


_BATCH = 500
_STORAGE_PAUSE = 1.0  # seconds

_log = structlog.get_logger("attendant")

T = TypeVar("T")


class Board(Protocol):
    """The switchboard, as the attendant uses it."""

    def step(self, report: Report) -> Step:
        """Return what a report does to its call."""
        ...

    async def change(
        self, steps: Sequence[tuple[str, Step]]
    ) -> list[tuple[Call, Call] | None]:
        """Take steps; return each call before and after."""
        ...

    async def dial(self, call: Call) -> None:
        """Have a leg dialled."""
        ...

    async def end(self, call_sid: str, ended_by: EndedBy) -> Call | None:
        """End a live call."""
        ...


class Calls(Protocol):
    """Where calls are kept."""

    async def several(self, sids: Sequence[str]) -> list[Call]:
        """Return the calls of those SIDs that there are, in that order."""
        ...


class _Timed(NamedTuple):
    """A call whose next verb falls due."""

    call: Call


class _Fetch(NamedTuple):
    """A call whose document is to be fetched."""

    call: Call


class _Legs(NamedTuple):
    """A call whose `<Dial>` is to be looked after."""

    call_sid: str


class Attendant:
    """Carries out instructions for as long as `run` runs.

    `pace_ms` is how long a step takes that nobody hears; `networks` are those, beyond
    public ones, that callbacks of legs may go to.
    """

    def __init__(
        self,
        *,
        board: Board,
        calls: Calls,
        means: Means,
        ids: Ids,
        networks: Sequence[Network],
        pace_ms: int,
        turns: Turns,
    ) -> None:
        self._board = board
        self._calls = calls
        self._means = means
        self._clock = means.clock
        self._ids = ids
        self._networks = tuple(networks)
        self._pace_ms = pace_ms
        self._turns = turns
        self._agenda: Agenda[_Timed | _Fetch | _Legs] = Agenda(means.clock)
        # Calls whose legs are to be looked after, and whom that was heard of.
        self._heard: dict[str, list[str]] = {}

    def begin(self, call: Call, at_ms: int) -> Call:
        """Return a call with the script of its instructions, begun at that time."""
        if call.url is not None:
            script = instructions.from_url(call.url, call.method, call.script)
        else:
            verbs = documents.inline(call.twiml or "", self._networks).verbs
            script = instructions.from_verbs(verbs, at_ms, self._pace_ms, call.script)
        return replace(call, script=script)

    def hear(self, before: Call, after: Call) -> None:
        """Hear what a call has become, in the order of commits."""
        if after.script is not None:
            if after.script is not before.script:
                self._attend(after)
            elif after.over and after.script.dialling is not None:
                self._look_after(after.sid)
        if after.parent_call_sid is not None and (
            after.over or after.answered_ms != before.answered_ms
        ):
            self._look_after(after.parent_call_sid, after.sid)

    def resume(self, call: Call) -> None:
        """Go on with a call that was live when the server stopped."""
        self._attend(call)
        if call.parent_call_sid is not None:
            self._look_after(call.parent_call_sid, call.sid)

    async def run(self) -> None:
        """Carry out what falls due, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                timed = []
                for _, item in await self._agenda.due(_BATCH):
                    match item:
                        case _Timed(call):
                            timed.append(call)
                        case _Fetch(call):
                            tasks.create_task(self._keep_on(self._fetch, call))
                        case _Legs(call_sid):
                            tasks.create_task(self._keep_on(self._care_for, call_sid))
                if timed:
                    await self._keep_on(self._carry_out, timed)

    async def _keep_on(self, work: Callable[[T], Awaitable[None]], what: T) -> None:
        """Do work that the disk may refuse for a while."""
        while True:
            try:
                return await work(what)
            except StorageFailed as error:
                _log.error("instructions_not_stored", error=str(error))
                await self._clock.sleep(_STORAGE_PAUSE)
            except Exception:  # noqa: BLE001 (one call's trouble is no other's)
                # A fault of ours: the call waits, stored, for the next start.
                _log.exception("instructions_stuck")
                return None

    def _attend(self, call: Call) -> None:
        """See to it that the next thing of a call's script happens."""
        script = call.script
        if call.over or script is None:
            return
        if script.due_ms is not None:
            self._agenda.add(script.due_ms, _Timed(call))
        elif script.source is not None:
            self._agenda.add(self._clock.now_ms(), _Fetch(call))
        elif script.dialling is not None:
            self._look_after(call.sid)

    def _look_after(self, call_sid: str, heard_of: str | None = None) -> None:
        """Have the legs of a call looked after, once more if that is under way."""
        heard = self._heard.get(call_sid)
        if heard is None:
            heard = self._heard[call_sid] = []
            self._agenda.add(self._clock.now_ms(), _Legs(call_sid))
        heard.append(heard_of or call_sid)

    async def _carry_out(self, calls: Sequence[Call]) -> None:
        """Carry out the verbs that are due, all in one transaction."""
        new_sid = self._new_leg_sid
        moves = [
            (call, instructions.carried_out(call, self._pace_ms, new_sid))
            for call in calls
        ]
        await self._make(moves)

    async def _care_for(self, call_sid: str) -> None:
        """Look after a call's legs until nothing has been heard of them meanwhile."""
        while heard := self._heard[call_sid]:
            self._heard[call_sid] = []
            try:
                await self._care_once(call_sid, heard)
            except StorageFailed:
                self._heard[call_sid] += heard
                raise
            except Exception:
                del self._heard[call_sid]
                raise
        del self._heard[call_sid]

    async def _care_once(self, call_sid: str, heard: Sequence[str]) -> None:
        found = await self._calls.several([call_sid])
        call = found[0] if found else None
        if call is not None and call.script is None:
            return  # its legs were dialled elsewhere, by whom no instructions bind
        dialling = call.script.dialling if call and call.script else None
        own = dialling.legs if dialling else ()
        # Legs that a new script has left behind, or of a call that is gone.
        others = [sid for sid in heard if sid not in own and sid != call_sid]
        strays = await self._calls.several(others) if others else []
        await self._end([leg.sid for leg in strays if not leg.over], call)
        if call is not None and dialling is not None:
            legs = await self._calls.several(own)
            move = instructions.looked_after(
                call, legs, self._clock.now_ms(), self._pace_ms, self._new_leg_sid
            )
            if move is not None:
                await self._make([(call, move)])

    async def _make(self, moves: Sequence[tuple[Call, Move]]) -> None:
        """Make moves, in one transaction; then dial, and end, what they ask for."""
        stepping = [(call, move) for call, move in moves if move.script or move.end]
        steps = [(call.sid, self._step(call, move)) for call, move in stepping]
        changes = await self._board.change(steps) if steps else []
        for (_, move), change in zip(stepping, changes, strict=True):
            # Another may have been faster: then its legs are dialled, not these.
            if change is not None and change[1].script is move.script:
                for leg in move.legs:
                    await self._board.dial(leg)
        for call, move in moves:
            await self._end(move.unwanted, call)

    def _step(self, seen: Call, move: Move) -> Step:
        assert seen.script is not None
        at_step = seen.script.step
        end = None if move.end is None else self._board.step(move.end)

        def step(call: Call) -> Change:
            if not _is_at(call, at_step):
                return Change(call)
            if end is not None:
                return end(call)
            return Change(replace(call, script=move.script), legs=move.legs)

        return step

    async def _end(self, sids: Sequence[str], parent: Call | None) -> None:
        gave_up = parent is None or parent.over
        for sid in sids:
            await self._board.end(sid, EndedBy.CALLER if gave_up else EndedBy.API)

    async def _fetch(self, call: Call) -> None:
        """Fetch a call's next document, and record the request with what it brought."""
        assert call.script is not None
        assert call.script.source is not None
        async with self._turns.of(fetching.host(call.script.source)):
            fetched = await fetching.fetch(call, self._means, self._networks)
        script = instructions.fetched(
            call, fetched.verbs, fetched.error, self._clock.now_ms(), self._pace_ms
        )
        at_step = call.script.step

        def step(now: Call) -> Change:
            after = replace(now, script=script) if _is_at(now, at_step) else now
            return Change(after, event=fetched.event)

        async def record(call_sid: str) -> None:
            await self._board.change([(call_sid, step)])

        await self._keep_on(record, call.sid)

    def _new_leg_sid(self) -> str:
        return self._ids.sid("CA")


def _is_at(call: Call, step: int) -> bool:
    return not call.over and call.script is not None and call.script.step == step
