"""One sink's road: its queue, its attempts, its bookmark.

Live events come by `offer` and go to a bounded queue. A lane whose queue is full lets
them pass and reads them from the log later; a lane that starts does the same. After
the queue there is one path for all.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import structlog

from trunkline.clock import Clock
from trunkline.delivery.decide import (
    SETTLE,
    Bury,
    Decision,
    RetryAt,
    Settle,
    decide,
    decide_unsent,
)
from trunkline.delivery.ports import Log, Sender
from trunkline.delivery.records import Delivery, dead_letter_of, exception_of
from trunkline.delivery.retries import Retries
from trunkline.delivery.settlement import Settlement
from trunkline.errors import StorageFailed
from trunkline.events import catalogue, envelope
from trunkline.events.ids import Ids
from trunkline.log.records import DeadLetter, DeliveryException, Entry
from trunkline.sinks.answer import Answer, Outcome, Parcel
from trunkline.streams.routing import Routes


# Events that wait in memory for one sink; the rest waits in the log.
QUEUE_LIMIT = 1_000
# Entries read from the log at a time while catching up.
READ_LIMIT = 250

# A person waits for a test event (spec event-streams 4.3).
TEST_WINDOW_MS = 5 * 60 * 1000

INTERNAL_TROUBLE = 91304

_STORAGE_PAUSE = 1.0  # seconds

_logger = structlog.get_logger("delivery")

Work = Coroutine[Any, Any, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a lane delivers: attempts under way at a time, and for how long it tries.

    Four hours is Twilio's window (spec event-streams 7).
    """

    concurrency: int = 16
    retry_window_ms: int = 4 * 3600 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What all lanes share. `on_buried` hears of every dead letter."""

    log: Log
    routes: Routes
    clock: Clock
    ids: Ids
    random: Random
    tasks: asyncio.TaskGroup
    schema_host: str
    on_buried: Callable[[DeadLetter], None]


class Lane:
    """The deliveries of one sink. Lives from the sink's creation to its deletion."""

    def __init__(
        self,
        sink_sid: str,
        account_sid: str,
        *,
        sender: Sender,
        policy: Policy,
        means: Means,
    ) -> None:
        self.sink_sid = sink_sid
        self.sender = sender
        self._account_sid = account_sid
        self._policy = policy
        self._means = means
        self._log = means.log
        self._clock = means.clock
        self._fresh: deque[Delivery] = deque()
        self._due: deque[Delivery] = deque()
        self._settlement = Settlement()
        self._retries = Retries(
            sink_sid,
            log=means.log,
            clock=means.clock,
            take=self._take_up_due,
            start=self._start_helper,
        )
        self._working = 0
        self._workers: set[asyncio.Task[None]] = set()
        self._helpers: set[asyncio.Task[None]] = set()
        self._stopping = False
        # While live, what is appended is offered; else it is read after `_read_to`.
        self._live = False
        self._read_to = 0
        self._catching_up = False
        self._skip: set[int] = set()
        # Whether the lane took anything up since its bookmark was last stored.
        self.touched = False
        # Where the newest test event of the sink is; older ones are void.
        self.test_position: int | None = None

    # --- from beginning to end ---------------------------------------------------

    @property
    def bookmark(self) -> int:
        """The position up to which everything is settled or has a row of its own."""
        return self._settlement.settled_up_to(
            self._log.head if self._live else self._read_to
        )

    @property
    def idle(self) -> bool:
        """Whether nothing is owed but what waits for its next attempt."""
        return self._live and not self._settlement and not self._retries.open

    def start_at_head(self) -> None:
        """Begin at the end of the log: a sink that was just made is owed nothing."""
        self._live = True

    async def start_at(self, bookmark: int) -> None:
        """Begin at a bookmark; what has a row of its own is not taken up twice."""
        self._read_to = bookmark
        self._skip = await self._log.with_own_row(self.sink_sid, bookmark)
        self._retries.watch()
        self._wake()

    async def stop(self, seconds: float) -> None:
        """Begin no attempt; let those under way end in that time, then abandon them."""
        self._stopping = True
        for task in self._helpers:
            task.cancel()
        if self._workers and seconds > 0:
            await asyncio.wait(set(self._workers), timeout=seconds)
        for task in self._workers:
            task.cancel()
        await self.sender.close()

    # --- what comes in -----------------------------------------------------------

    def offer(self, entry: Entry, version: int) -> None:
        """Take a live event if there is room; else it will be read from the log."""
        if not self._live:
            return
        if len(self._fresh) >= QUEUE_LIMIT:
            self._live = False
            self._read_to = entry.position - 1
            return
        self._take_up(entry, version)
        self._wake()

    def _take_up(self, entry: Entry, version: int) -> None:
        self.touched = True
        self._settlement.take(entry.position)
        self._fresh.append(self._delivery(entry, version))

    def _take_up_due(self, exception: DeliveryException, entry: Entry) -> None:
        # A route that ended long ago may be gone; the event is owed all the same.
        version = self._version(entry) or catalogue.latest_version(entry.event.type)
        self._due.append(self._delivery(entry, version, exception))
        self._wake()

    def _delivery(
        self, entry: Entry, version: int, exception: DeliveryException | None = None
    ) -> Delivery:
        body = envelope.render(entry.event, version, self._means.schema_host)
        window_ms = (
            TEST_WINDOW_MS
            if entry.event.type == catalogue.TEST_EVENT_TYPE
            else self._policy.retry_window_ms
        )
        return Delivery(entry, body, entry.accepted_ms + window_ms, exception)

    def _version(self, entry: Entry) -> int | None:
        """Return the schema version in which the sink gets an event, None if not."""
        if entry.event.type == catalogue.TEST_EVENT_TYPE:
            return None if self._is_void(entry) else 1
        return max(
            (
                route.version
                for route in self._means.routes.of_sink(self.sink_sid)
                if route.type == entry.event.type and route.counts(entry.position)
            ),
            default=None,
        )

    def _is_void(self, entry: Entry) -> bool:
        """Tell whether an event is a test that a newer one has replaced."""
        return (
            entry.event.type == catalogue.TEST_EVENT_TYPE
            and entry.position != self.test_position
        )

    # --- catching up -------------------------------------------------------------

    async def _catch_up(self) -> None:
        """Read the log from where the lane stands until it is live, or full."""
        try:
            while not self._live and not self._stopping and self._has_room():
                try:
                    await self._read_on()
                except StorageFailed as error:
                    self._complain("delivery.read_failed", error)
                    await self._clock.sleep(_STORAGE_PAUSE)
        finally:
            self._catching_up = False

    async def _read_on(self) -> None:
        upto = self._log.head
        routes = self._means.routes.of_sink(self.sink_sid)
        types = {catalogue.TEST_EVENT_TYPE, *(route.type for route in routes)}
        entries = await self._log.read(
            self._account_sid, types, self._read_to, upto, READ_LIMIT
        )
        for entry in entries:
            version = self._version(entry)
            if version is not None and entry.position not in self._skip:
                self._take_up(entry, version)
        more = len(entries) == READ_LIMIT
        self._read_to = entries[-1].position if more else upto
        self._live = self._read_to >= self._log.head
        if self._live:
            self._skip = set()
        self._wake()

    def _has_room(self) -> bool:
        return len(self._fresh) < QUEUE_LIMIT // 2

    # --- what goes out -----------------------------------------------------------

    def _wake(self) -> None:
        """Have as many workers as there is work for, within the limit."""
        if self._stopping:
            return
        if not self._live and not self._catching_up and self._has_room():
            self._catching_up = True
            self._start_helper(self._catch_up())
        wanted = min(self._policy.concurrency, len(self._fresh) + len(self._due))
        while self._working < wanted:
            self._working += 1
            self._start(self._work(), self._workers)

    def _start_helper(self, work: Work) -> None:
        self._start(work, self._helpers)

    def _start(self, work: Work, among: set[asyncio.Task[None]]) -> None:
        task = self._means.tasks.create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)

    async def _work(self) -> None:
        """Deliver until the queues are empty."""
        try:
            while not self._stopping and (deliveries := self._next()):
                await self._attempt(deliveries)
                if not self._live:
                    self._wake()
        finally:
            # Counted down here, not when the task is reaped: what comes in between
            # would find no worker.
            self._working -= 1

    def _next(self) -> list[Delivery]:
        """Take what goes together in one attempt; retries and fresh events share."""
        queue = self._fresh
        if self._due and (not queue or self._means.random.getrandbits(1)):
            queue = self._due
        taken: list[Delivery] = []
        size = len("[]")
        while queue and len(taken) < self.sender.max_events:
            size += len(queue[0].body) + len(",")
            if taken and size > self.sender.max_bytes:
                break
            taken.append(queue.popleft())
        return taken

    async def _attempt(self, deliveries: Sequence[Delivery]) -> None:
        """Make one attempt: bury what is too late, send, decide, write down."""
        started_ms = self._clock.now_ms()
        in_time = []
        for delivery in deliveries:
            if self._is_void(delivery.entry):
                await self._carry_out(delivery, SETTLE, None, started_ms)
                continue
            burial = decide_unsent(
                now_ms=started_ms,
                deadline_ms=delivery.deadline_ms,
                expired_code=self.sender.expired_code,
            )
            if burial is None:
                in_time.append(delivery)
            else:
                await self._carry_out(delivery, burial, None, started_ms)
        answers = await self._send(in_time) if in_time else ()
        now_ms = self._clock.now_ms()
        for delivery, answer in zip(in_time, answers, strict=True):
            decision = decide(
                answer,
                attempt=delivery.attempts + 1,
                now_ms=now_ms,
                deadline_ms=delivery.deadline_ms,
                expired_code=self.sender.expired_code,
                spread=self._means.random.random(),
            )
            await self._carry_out(delivery, decision, answer, started_ms)

    async def _send(self, deliveries: Sequence[Delivery]) -> Sequence[Answer]:
        parcels = [
            Parcel(delivery.entry.event, delivery.body) for delivery in deliveries
        ]
        try:
            return await self.sender.send(parcels)
        except Exception:  # a bug in a sink must neither lose an event nor stop a lane
            _logger.exception("delivery.sender_failed", sink_sid=self.sink_sid)
            answer = Answer(
                outcome=Outcome.RETRY, code=INTERNAL_TROUBLE, detail="Internal error"
            )
            return [answer] * len(deliveries)

    async def _carry_out(
        self,
        delivery: Delivery,
        decision: Decision,
        answer: Answer | None,
        started_ms: int,
    ) -> None:
        """Write the decision down, and only then count the delivery as settled."""
        position = delivery.entry.position
        match decision:
            case Settle():
                if delivery.exception is not None:
                    await self._keep(
                        lambda: self._log.release(self.sink_sid, [position])
                    )
            case RetryAt(due_ms):
                assert answer is not None
                exception = exception_of(
                    delivery,
                    sink_sid=self.sink_sid,
                    answer=answer,
                    due_ms=due_ms,
                    started_ms=started_ms,
                )
                await self._keep(lambda: self._log.hold([exception]))
                self._retries.watch()
            case Bury():
                letter = dead_letter_of(
                    delivery,
                    sid=self._means.ids.sid("DL"),
                    sink_sid=self.sink_sid,
                    burial=decision,
                    answer=answer,
                    started_ms=started_ms,
                )
                await self._keep(lambda: self._log.bury([letter]))
                self._means.on_buried(letter)
        self._tell(delivery, decision, answer, self._clock.now_ms() - started_ms)
        if delivery.exception is None:
            self._settlement.settle(position)
        else:
            self._retries.decided()

    async def _keep(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write until it is kept: what is not written down is not settled."""
        while True:
            try:
                return await write()
            except StorageFailed as error:
                self._complain("delivery.write_failed", error)
                await self._clock.sleep(_STORAGE_PAUSE)

    def _complain(self, what: str, error: StorageFailed) -> None:
        _logger.error(what, sink_sid=self.sink_sid, error=str(error))

    def _tell(
        self,
        delivery: Delivery,
        decision: Decision,
        answer: Answer | None,
        duration_ms: int,
    ) -> None:
        """Write the one log line of an attempt."""
        delivered = isinstance(decision, Settle)
        write = _logger.debug if delivered else _logger.warning
        write(
            "delivery.attempted",
            sink_sid=self.sink_sid,
            event_id=delivery.entry.event.id,
            event_type=delivery.entry.event.type,
            call_sid=delivery.entry.event.call_sid,
            attempt=delivery.attempts + (answer is not None),
            decision=type(decision).__name__.lower(),
            code=answer.code if answer else self.sender.expired_code,
            detail=answer.detail if answer else None,
            http_status=answer.http_status if answer else None,
            duration_ms=duration_ms,
        )
