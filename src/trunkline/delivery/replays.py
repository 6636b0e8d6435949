"""Replays: past events to one sink again, by time, type and call.

A replay is one more bounded reader of the log. Its events take turns with live ones
and retries in the sink's lane; what fails is retried like any other delivery.
"""

import asyncio
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec
import structlog
from msgspec.structs import replace

from trunkline.clock import Clock
from trunkline.delivery.decide import Bury, Decision, Settle
from trunkline.delivery.records import Done
from trunkline.delivery.settlement import Settlement
from trunkline.errors import Refused, StorageFailed
from trunkline.events.ids import Ids
from trunkline.log.records import Again, Entry


# Events of one replay that are queued or under way at a time.
ROOM = 200
_PAGE = 100

# Replays of one account that are not over, and of all accounts that are remembered.
MAX_UNDER_WAY = 100
MAX_REMEMBERED = 10_000

# How often progress is stored, and a lane that is gone is noticed, in seconds.
PERIOD = 1.0

_logger = structlog.get_logger("replays")


class Status(StrEnum):
    """Where a replay is in its life."""

    SUBMITTED = "submitted"
    """Stored; waits for its turn: a sink has one replay at a time."""
    STARTING = "starting"
    """Its turn has come; it looks for its place in the log."""
    RUNNING = "running"
    """It reads, and the sink gets events."""
    CANCELLING = "cancelling"
    """It was cancelled; attempts under way come to their end."""
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    """Each event was attempted: delivered, waiting for a retry, or dead."""
    FAILED = "failed"
    """It could not go on; `reason` says why."""

    @property
    def over(self) -> bool:
        """Whether nothing comes after it."""
        return self in {Status.CANCELLED, Status.COMPLETED, Status.FAILED}


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for, and how far it is.

    `from_ms` and `to_ms` bound the times of acceptance; `position` is how far it is
    settled; `delivered`, `waiting` and `dead` count what became of its events.
    """

    sid: str
    account_sid: str
    sink_sid: str
    types: tuple[str, ...]
    call_sid: str | None
    from_ms: int
    to_ms: int
    created_ms: int
    updated_ms: int
    status: Status = Status.SUBMITTED
    reason: str | None = None
    position: int = 0
    upto: int = 0
    delivered: int = 0
    waiting: int = 0
    dead: int = 0


class Store(Protocol):
    """Where replays are kept."""

    async def save(self, replay: Replay) -> None:
        """Add a replay, or put it in the place of its former self."""
        ...

    async def drop(self, sid: str) -> None:
        """Drop a replay that is over."""
        ...

    async def load(self) -> list[Replay]:
        """Return all replays, oldest first."""
        ...


class Log(Protocol):
    """What is asked of the log."""

    head: int

    async def position_before(self, at_ms: int) -> int:
        """Return the last position that was accepted before a time."""
        ...

    async def read_again(self, wanted: Again, after: int, limit: int) -> list[Entry]:
        """Return wanted entries after a position, oldest first."""
        ...


class Lane(Protocol):
    """What is asked of a sink's lane."""

    def replay(self, entry: Entry, done: Done) -> None:
        """Take an event that is to be sent again."""
        ...

    def drop_replay(self, done: Done) -> list[int]:
        """Let go of what is queued and not under way; return the positions."""
        ...


class Replays:
    """All replays. `open` comes first; `lane_of` finds a sink's lane."""

    def __init__(
        self,
        *,
        store: Store,
        log: Log,
        lane_of: Callable[[str], Lane | None],
        clock: Clock,
        ids: Ids,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._store = store
        self._log = log
        self._lane_of = lane_of
        self._clock = clock
        self._ids = ids
        self._tasks = tasks
        self._replays: dict[str, Replay] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._runs: dict[str, _Run] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Take up again what a stop interrupted."""
        for replay in await self._store.load():
            self._replays[replay.sid] = replay
            if not replay.status.over:
                self._start(replay.sid)

    def stop(self) -> None:
        """Stop reading; what is not settled is read again at the next start."""
        for task in self._running:
            task.cancel()

    def of_account(self, account_sid: str) -> list[Replay]:
        """Return an account's replays, oldest first."""
        return [r for r in self._replays.values() if r.account_sid == account_sid]

    def find(self, account_sid: str, sid: str) -> Replay | None:
        """Return a replay of an account."""
        replay = self._replays.get(sid)
        if replay is None or replay.account_sid != account_sid:
            return None
        return replay

    async def create(
        self,
        account_sid: str,
        sink_sid: str,
        *,
        types: Sequence[str],
        call_sid: str | None = None,
        from_ms: int = 0,
        to_ms: int | None = None,
    ) -> Replay:
        """Have past events sent to a sink again; return once that is on disk.

        Raises Refused 20409 where too many replays are under way.
        """
        under_way = [r for r in self.of_account(account_sid) if not r.status.over]
        if len(under_way) >= MAX_UNDER_WAY:
            raise Refused(20409, 409, f"Limit of {MAX_UNDER_WAY} replays reached")
        await self._forget_oldest()
        now_ms = self._clock.now_ms()
        replay = Replay(
            sid=self._ids.sid("RP"),
            account_sid=account_sid,
            sink_sid=sink_sid,
            types=tuple(types),
            call_sid=call_sid,
            from_ms=from_ms,
            to_ms=now_ms + 1 if to_ms is None else to_ms,
            created_ms=now_ms,
            updated_ms=now_ms,
            upto=self._log.head,
        )
        await self._save(replay)
        self._start(replay.sid)
        return replay

    async def _forget_oldest(self) -> None:
        over = [r.sid for r in self._replays.values() if r.status.over]
        for sid in over[: max(0, len(self._replays) - MAX_REMEMBERED + 1)]:
            await self._store.drop(sid)
            del self._replays[sid]

    async def cancel(self, replay: Replay) -> Replay:
        """Cancel a replay; one that is over stays as it is."""
        replay = self._replays[replay.sid]
        if replay.status.over or replay.status is Status.CANCELLING:
            return replay
        await self._save(replace(replay, status=Status.CANCELLING))
        run = self._runs.get(replay.sid)
        if run is not None:
            run.news.set()
        return self._replays[replay.sid]

    def _start(self, sid: str) -> None:
        task = self._tasks.create_task(self._take_turn(sid))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _take_turn(self, sid: str) -> None:
        turn = self._turns.setdefault(self._replays[sid].sink_sid, asyncio.Lock())
        async with turn:
            while not self._replays[sid].status.over:
                try:
                    await self._run(sid)
                except StorageFailed as error:
                    _logger.error("replay.storage_failed", sid=sid, error=str(error))
                    await self._clock.sleep(PERIOD)

    async def _run(self, sid: str) -> None:
        """Run a replay to its end, from where it is settled."""
        lane = self._lane_of(self._replays[sid].sink_sid)
        if lane is None:
            await self._end(sid, Status.FAILED, "The sink was deleted.")
            return
        if self._replays[sid].status is Status.SUBMITTED:
            await self._find_place(sid)
        run = self._runs[sid] = _Run(self._replays[sid].position)
        try:
            await self._read(sid, run, lane)
        finally:
            del self._runs[sid]
            lane.drop_replay(run.done)

    async def _find_place(self, sid: str) -> None:
        replay = replace(self._replays[sid], status=Status.STARTING)
        await self._save(replay)
        position = await self._log.position_before(replay.from_ms)
        if self._replays[sid].status is Status.STARTING:
            await self._save(replace(replay, status=Status.RUNNING, position=position))

    async def _read(self, sid: str, run: "_Run", lane: Lane) -> None:
        while True:
            replay = self._replays[sid]
            if replay.status is Status.CANCELLING:
                run.forget(lane.drop_replay(run.done))
            elif run.read_to < replay.upto and run.settlement.owed < ROOM:
                await self._read_page(replay, run, lane)
                continue
            if not run.settlement.owed:
                break
            run.news.clear()
            await self._clock.wait(run.news, PERIOD)
            await self._save(run.counted(self._replays[sid]))
            if self._lane_of(replay.sink_sid) is not lane:
                return  # deleted, or another lane now: what is not settled goes again
        await self._save(run.counted(self._replays[sid]))
        cancelled = self._replays[sid].status is Status.CANCELLING
        await self._end(sid, Status.CANCELLED if cancelled else Status.COMPLETED)

    async def _read_page(self, replay: Replay, run: "_Run", lane: Lane) -> None:
        wanted = Again(
            account_sid=replay.account_sid,
            types=replay.types,
            call_sid=replay.call_sid,
            from_ms=replay.from_ms,
            to_ms=replay.to_ms,
            upto=replay.upto,
        )
        page = await self._log.read_again(wanted, run.read_to, _PAGE)
        done = run.done  # the same for all, so that they are settled together
        for entry in page:
            run.settlement.take([entry.position])
            lane.replay(entry, done)
        run.read_to = page[-1].position if len(page) == _PAGE else replay.upto

    async def _end(self, sid: str, status: Status, reason: str | None = None) -> None:
        await self._save(replace(self._replays[sid], status=status, reason=reason))
        _logger.info("replay.ended", sid=sid, status=status.value, reason=reason)

    async def _save(self, replay: Replay) -> None:
        replay = replace(replay, updated_ms=self._clock.now_ms())
        # In memory first: who changes it while this is stored must build on it.
        before = self._replays.get(replay.sid)
        self._replays[replay.sid] = replay
        try:
            await self._store.save(replay)
        except StorageFailed:
            if before is None:
                del self._replays[replay.sid]
            raise


class _Run:
    """What a running replay has under way."""

    def __init__(self, position: int) -> None:
        self.read_to = position
        self.settlement = Settlement()
        self.news = asyncio.Event()
        self._counts = {"delivered": 0, "waiting": 0, "dead": 0}

    def done(self, positions: Sequence[int], decision: Decision) -> None:
        """Hear what became of some events."""
        match decision:
            case Settle():
                self._counts["delivered"] += len(positions)
            case Bury():
                self._counts["dead"] += len(positions)
            case _:
                self._counts["waiting"] += len(positions)
        self.settlement.settle(positions)
        self.news.set()

    def forget(self, positions: Sequence[int]) -> None:
        """Hear of events that nobody will attempt."""
        self.settlement.settle(positions)

    def counted(self, replay: Replay) -> Replay:
        """Return the replay with its progress, which is counted once."""
        counts, self._counts = self._counts, dict.fromkeys(self._counts, 0)
        return replace(
            replay,
            position=self.settlement.settled_up_to(self.read_to),
            delivered=replay.delivered + counts["delivered"],
            waiting=replay.waiting + counts["waiting"],
            dead=replay.dead + counts["dead"],
        )
