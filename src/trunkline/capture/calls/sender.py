"""The sender: makes stored callbacks, in strict order per leg.

Legs are independent of one another; each has at most one callback under way. Limits
on requests, in all and per host, delay callbacks and never drop them. A callback is
settled in one transaction: its call event is appended, its events are accepted, its
place in the queue is given up. Until then it is in the queue, through any crash
(spec call-progress 6.1).
"""

import asyncio
import sqlite3
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import structlog

from trunkline.capture.calls import targets
from trunkline.capture.calls.answers import Outcome
from trunkline.capture.calls.call_event import CallEvent, call_event, stream_events
from trunkline.capture.calls.callback import Callback
from trunkline.capture.calls.exchange import Means, exchange
from trunkline.errors import StorageFailed
from trunkline.events.envelope import Event


# Requests under way, in all and per host (spec call-progress 6.1).
CONCURRENCY = 100
CONCURRENCY_PER_HOST = 20

# Callbacks kept in memory while they wait; of the others, only their numbers.
KEPT = 10_000

_PAGE = 1000
_STORAGE_PAUSE = 1.0  # seconds

_log = structlog.get_logger("callbacks")

Write = Callable[[sqlite3.Connection], None]


class Waiting(NamedTuple):
    """A place in the stored queue. `callback` may be left to be read when it is due."""

    number: int
    call_sid: str
    host: str
    callback: Callback | None = None


class Queue(Protocol):
    """The stored queue of callbacks."""

    async def waiting(self, after: int, limit: int) -> list[Waiting]:
        """Return places numbered above `after`, in order, without their callbacks."""
        ...

    async def callback(self, number: int) -> Callback | None:
        """Return the callback at a place; None if it is settled."""
        ...

    def settle(self, number: int, call_sid: str, event: CallEvent) -> Write:
        """Return the write that gives up a place and appends its call event."""
        ...


class Intake(Protocol):
    """The one door for events."""

    async def accept(self, events: Sequence[Event], also: Write | None = None) -> None:
        """Accept events, and write `also`, in one synced transaction."""
        ...


@dataclass(slots=True)
class _Host:
    """A server: its legs that are ready, and how many requests it is answering."""

    name: str
    ready: deque[str] = field(default_factory=deque)
    busy: int = 0
    listed: bool = False


class Sender:
    """Makes callbacks for as long as `run` runs.

    `counts` are of settled callbacks: by the code of what went wrong, 0 where nothing
    did.
    """

    def __init__(
        self,
        *,
        queue: Queue,
        intake: Intake,
        means: Means,
        concurrency: int = CONCURRENCY,
        concurrency_per_host: int = CONCURRENCY_PER_HOST,
    ) -> None:
        self._queue = queue
        self._intake = intake
        self._means = means
        self._concurrency = concurrency
        self._concurrency_per_host = concurrency_per_host
        self._legs: dict[str, deque[Waiting]] = {}
        self._hosts: dict[str, _Host] = {}
        self._runnable: deque[_Host] = deque()
        self._busy = 0
        self._kept = 0
        self._tasks: asyncio.TaskGroup | None = None
        self._stopping = False
        self._at_rest = asyncio.Event()
        self.counts: Counter[int] = Counter()

    async def load(self) -> None:
        """Take up the stored queue. Awaited once, before anything is enqueued."""
        after = 0
        while page := await self._queue.waiting(after, _PAGE):
            self.enqueue(page)
            after = page[-1].number

    async def run(self) -> None:
        """Send until cancelled. Requests under way are then sent again at next start."""
        async with asyncio.TaskGroup() as self._tasks:
            self._start_what_may()
            await asyncio.Event().wait()

    async def come_to_rest(self, grace: float) -> None:
        """Start no more requests, and wait for those under way: `grace` seconds."""
        self._stopping = True
        if self._busy:
            await self._means.clock.wait(self._at_rest, grace)
        if self._busy:
            _log.warning("callbacks_abandoned", count=self._busy)

    def enqueue(self, places: Iterable[Waiting]) -> None:
        """Add committed callbacks, in the order of their commits."""
        for place in places:
            if place.callback is not None and self._kept >= KEPT:
                place = place._replace(callback=None)  # noqa: PLW2901 (the same place)
            self._kept += place.callback is not None
            leg = self._legs.setdefault(place.call_sid, deque())
            leg.append(place)
            if len(leg) == 1:
                self._make_ready(place)
        self._start_what_may()

    def _make_ready(self, place: Waiting) -> None:
        host = self._hosts.get(place.host)
        if host is None:
            host = self._hosts[place.host] = _Host(place.host)
        host.ready.append(place.call_sid)
        self._list(host)

    def _list(self, host: _Host) -> None:
        """Put a host in the round of those that have something to be sent."""
        if host.ready and not host.listed and host.busy < self._concurrency_per_host:
            host.listed = True
            self._runnable.append(host)

    def _start_what_may(self) -> None:
        if self._tasks is None or self._stopping:
            return
        while self._runnable and self._busy < self._concurrency:
            host = self._runnable.popleft()
            host.listed = False
            call_sid = host.ready.popleft()
            host.busy += 1
            self._busy += 1
            self._tasks.create_task(self._work(self._legs[call_sid][0], host))
            self._list(host)

    async def _work(self, place: Waiting, host: _Host) -> None:
        try:
            callback = place.callback or await self._read(place.number)
            if callback is not None:
                await self._send(callback, place.number)
        except Exception:  # noqa: BLE001 (one leg's trouble is no other's)
            # A fault of ours: the leg waits, stored, for the next start.
            _log.exception("callback_stuck", call_sid=place.call_sid)
        else:
            self._advance(place)
        self._busy -= 1
        host.busy -= 1
        self._list(host)
        if not host.busy and not host.ready:
            del self._hosts[host.name]
        if self._stopping and not self._busy:
            self._at_rest.set()
        self._start_what_may()

    def _advance(self, place: Waiting) -> None:
        """Go on to the leg's next callback."""
        self._kept -= place.callback is not None
        leg = self._legs[place.call_sid]
        leg.popleft()
        if leg:
            self._make_ready(leg[0])
        else:
            del self._legs[place.call_sid]

    async def _send(self, callback: Callback, number: int) -> None:
        outcome = await exchange(callback, self._means)
        _tell(callback, outcome)
        await self._settle(callback, number, outcome)
        self.counts[outcome.problem.code if outcome.problem else 0] += 1

    async def _settle(self, callback: Callback, number: int, outcome: Outcome) -> None:
        event = call_event(callback, outcome)
        events = stream_events(callback, outcome)
        also = self._queue.settle(number, callback.call_sid, event)
        while True:
            try:
                await self._intake.accept(events, also=also)
            except StorageFailed as error:
                _log.error(
                    "callback_not_stored", call_sid=callback.call_sid, error=str(error)
                )
                await self._means.clock.sleep(_STORAGE_PAUSE)
            else:
                return

    async def _read(self, number: int) -> Callback | None:
        while True:
            try:
                return await self._queue.callback(number)
            except StorageFailed as error:
                _log.error("callback_not_read", error=str(error))
                await self._means.clock.sleep(_STORAGE_PAUSE)


def _tell(callback: Callback, outcome: Outcome) -> None:
    """Write one line about a settled callback; a warning where it failed."""
    problem = outcome.problem
    tell = _log.debug if problem is None else _log.warning
    tell(
        "callback_settled",
        call_sid=callback.call_sid,
        progress=callback.progress.value,
        url=targets.shown(callback.url),
        attempts=len(outcome.attempts),
        status=outcome.answer.status if outcome.answer else None,
        duration_ms=sum(attempt.duration_ms for attempt in outcome.attempts),
        code=problem.code if problem else None,
        problem=problem.message if problem else None,
    )
