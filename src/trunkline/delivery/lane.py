"""One sink's road: its queues, its attempts, its bookmark.

Live events come by `offer` and go to a bounded queue. A lane whose queue is full lets
them pass and reads them from the log later; a lane that starts does the same. After
the queues there is one path for all: live events, retries and replays.

Longer than most modules: what comes in, what is read and what goes out share the same
few fields, and taken apart they would only hand them round.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

import structlog

from trunkline.delivery.attempts import Attempts
from trunkline.delivery.keeping import Keeping
from trunkline.delivery.means import Means
from trunkline.delivery.ordering import CallOrder, Turn
from trunkline.delivery.pacing import Pacing
from trunkline.delivery.ports import Sender
from trunkline.delivery.records import Delivery, Done
from trunkline.delivery.retries import Retries
from trunkline.delivery.settlement import Settlement
from trunkline.delivery.telling import Telling
from trunkline.errors import StorageFailed
from trunkline.events import catalogue, envelope
from trunkline.log.records import DeliveryException, Entry
from trunkline.streams.policy import DeliveryPolicy
from trunkline.streams.sinks import Sink


# Events that wait in memory for one sink; the rest waits in the log.
QUEUE_LIMIT = 1_000
# Entries read from the log at a time while catching up.
READ_LIMIT = 250

# A person waits for a test event (spec event-streams 4.3).
TEST_WINDOW_MS = 5 * 60 * 1000

_STORAGE_PAUSE = 1.0  # seconds

_logger = structlog.get_logger("delivery")

Work = Coroutine[Any, Any, None]


class Lane:
    """The deliveries of one sink. Lives from the sink's creation to its deletion."""

    def __init__(self, sink: Sink, *, sender: Sender, means: Means) -> None:
        self.sink_sid = sink.sid
        self.account_sid = sink.account_sid
        self.sender = sender
        self._means = means
        self._log = means.log
        self._clock = means.clock
        self._schema_host = means.schema_host
        self.policy = sink.policy
        self.retry_window_ms = sink.policy.retry_window_s * 1000
        """For how long the sink's events are tried."""
        self._pacing = Pacing(sink.policy)
        self._order = CallOrder() if sink.policy.ordered else None
        # Live events, retries, replays: each gets its turn.
        self._fresh: deque[Delivery] = deque()
        self._due: deque[Delivery] = deque()
        self._replayed: deque[Delivery] = deque()
        self._queues = deque((self._fresh, self._due, self._replayed))
        self._to_wait: list[Delivery] = []
        self._settlement = Settlement()
        self._settle: Done = self._settlement.settle
        self._room = min(means.queue_limit or QUEUE_LIMIT, QUEUE_LIMIT)
        self._telling = Telling(sink, means)
        self._keeping = Keeping(
            sink,
            means=means,
            order=self._order,
            telling=self._telling,
            expired_code=sender.expired_code,
            give_back=self._give_back,
            take_back=self._take_back,
            watch=self._watch,
        )
        self._attempts = Attempts(
            sink.sid,
            sender=sender,
            means=means,
            pacing=self._pacing,
            keeping=self._keeping,
            is_void=self._is_void,
            ended=self._wake,
        )
        self._retries = Retries(
            sink.sid,
            log=means.log,
            clock=means.clock,
            take=self._take_up_due,
            start=self._start_helper,
        )
        self._helpers: set[asyncio.Task[None]] = set()
        self._about_to_wake = False
        self._timer_set = False
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
        return self._live and not self._settlement.owed and not self._retries.open

    @property
    def backlog(self) -> int:
        """How many positions of the log lie between the bookmark and its end."""
        return self._log.head - self.bookmark

    def set_policy(self, policy: DeliveryPolicy) -> None:
        """Deliver by this policy from now on. `ordered` must be as it was."""
        assert policy.ordered == self.policy.ordered, "takes a new lane"
        self.policy = policy
        self.retry_window_ms = policy.retry_window_s * 1000
        self._pacing.follow(policy)
        self._wake()

    def start_at_head(self) -> None:
        """Begin at the end of the log: a sink that was just made is owed nothing."""
        self._live = True

    async def start_at(self, bookmark: int) -> None:
        """Begin at a bookmark; what has a row of its own is not taken up twice."""
        self._read_to = bookmark
        self._skip = await self._log.with_own_row(self.sink_sid, bookmark)
        if self._order is not None:
            self._order.restore(await self._log.waiting_calls(self.sink_sid))
        self._retries.watch()
        self._wake()

    async def stop(self, seconds: float) -> None:
        """Begin no attempt; let those under way end in that time, then abandon them."""
        self._stopping = True
        for task in self._helpers:
            task.cancel()
        await self._attempts.stop(seconds)
        self._telling.tell()
        await self.sender.close()

    def abandon(self) -> None:
        """End at once, as tasks do that are cancelled."""
        self._stopping = True
        self._attempts.abandon()

    # --- what comes in -----------------------------------------------------------

    def offer(self, entries: Sequence[Entry], version: int) -> None:
        """Take live events as far as there is room; the log has the rest."""
        if not self._live:
            return
        room = max(0, self._room - self._settlement.owed)
        if room < len(entries):
            self._live = False
            self._read_to = entries[room].position - 1
            entries = entries[:room]
        if entries:
            self._take_up(entries, version)
            self._wake_soon()

    def redeliver(self, calls: Sequence[str]) -> None:
        """Hear that dead letters of calls became exceptions that are due."""
        if self._order is not None:
            for call in calls:
                self._order.waits(call, self._clock.now_ms())
        self._retries.watch()

    def replay(self, entry: Entry, done: Done) -> None:
        """Take an event that a replay wants sent again."""
        deadline_ms = self._clock.now_ms() + self.retry_window_ms
        self._replayed.append(self._delivery(entry, deadline_ms, done))
        self._wake_soon()

    def drop_replay(self, done: Done) -> list[int]:
        """Let go of what a replay has queued; return the positions of that."""
        dropped = [d for d in self._replayed if d.done == done]
        kept = [d for d in self._replayed if d.done != done]
        self._replayed.clear()
        self._replayed.extend(kept)
        return [delivery.entry.position for delivery in dropped]

    def _take_up(self, entries: Sequence[Entry], version: int) -> None:
        """Owe the sink entries of one type."""
        self.touched = True
        self._settlement.take([entry.position for entry in entries])
        is_test = entries[0].event.type == catalogue.TEST_EVENT_TYPE
        window_ms = TEST_WINDOW_MS if is_test else self.retry_window_ms
        events = [entry.event for entry in entries]
        bodies = envelope.render_all(events, version, self._schema_host)
        settle = self._settle
        self._fresh.extend(
            [
                Delivery(entry, body, entry.accepted_ms + window_ms, settle)
                for entry, body in zip(entries, bodies, strict=True)
            ]
        )

    def _take_up_due(self, exception: DeliveryException, entry: Entry) -> None:
        deadline_ms, done = exception.deadline_ms, self._retries.decided
        self._due.append(self._delivery(entry, deadline_ms, done, exception=exception))
        self._wake_soon()

    def _delivery(
        self,
        entry: Entry,
        deadline_ms: int,
        done: Done,
        version: int | None = None,
        exception: DeliveryException | None = None,
    ) -> Delivery:
        if version is None:
            # A route that ended long ago may be gone; the event is owed all the same.
            version = self._version(entry) or catalogue.latest_version(entry.event.type)
        body = envelope.render(entry.event, version, self._schema_host)
        return Delivery(entry, body, deadline_ms, done, exception)

    def _version(self, entry: Entry) -> int | None:
        """Return the schema version in which the sink gets an event, None if not."""
        if entry.event.type == catalogue.TEST_EVENT_TYPE:
            return None if self._is_void(entry) else 1
        versions = [
            route.version
            for route in self._means.routes.of_sink(self.sink_sid)
            if route.type == entry.event.type and route.counts(entry.position)
        ]
        return max(versions) if versions else None

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
                    _logger.error(
                        "delivery.read_failed", sink_sid=self.sink_sid, error=str(error)
                    )
                    await self._clock.sleep(_STORAGE_PAUSE)
        finally:
            self._catching_up = False

    async def _read_on(self) -> None:
        upto = self._log.head
        routes = self._means.routes.of_sink(self.sink_sid)
        types = {catalogue.TEST_EVENT_TYPE, *(route.type for route in routes)}
        entries = await self._log.read(
            self.account_sid, types, self._read_to, upto, READ_LIMIT
        )
        wanted = [
            (entry, version)
            for entry in entries
            if entry.position not in self._skip
            and (version := self._version(entry)) is not None
        ]
        too_many = await self._too_many(types, entries, len(wanted), upto)
        for entry, version in wanted[:too_many]:
            self._settlement.take([entry.position])
            await self._keeping.drop(
                self._delivery(
                    entry, entry.accepted_ms, self._settlement.settle, version
                )
            )
        for entry, version in wanted[too_many:]:
            self._take_up([entry], version)
        more = len(entries) == READ_LIMIT
        self._read_to = entries[-1].position if more else upto
        self._live = self._read_to >= self._log.head
        if self._live:
            self._skip = set()
        self._wake()

    async def _too_many(
        self, types: set[str], entries: Sequence[Entry], wanted: int, upto: int
    ) -> int:
        """Return how many of the wanted, the oldest, are beyond the queue's limit."""
        limit = self._means.queue_limit
        if not limit:
            return 0
        behind = 0
        if len(entries) == READ_LIMIT:
            after = entries[-1].position
            behind = await self._log.count(self.account_sid, types, after, upto)
        return max(0, self._settlement.owed + wanted + behind - limit)

    def _has_room(self) -> bool:
        return self._settlement.owed < max(1, self._room // 2)

    # --- what goes out -----------------------------------------------------------

    def _wake_soon(self) -> None:
        """Wake once for all that comes in this turn of the event loop."""
        if not self._about_to_wake:
            self._about_to_wake = True
            asyncio.get_running_loop().call_soon(self._wake)

    def _wake(self) -> None:
        """Begin as many attempts as there is work for, and as the pace allows."""
        self._about_to_wake = False
        if self._stopping:
            return
        if not self._live and not self._catching_up and self._has_room():
            self._catching_up = True
            self._start_helper(self._catch_up())
        pacing, under_way = self._pacing, self._attempts.under_way
        fresh, due, replayed = self._fresh, self._due, self._replayed
        while len(under_way) < pacing.at_a_time and (fresh or due or replayed):
            if pacing.held and (pause_ms := pacing.wait_ms(self._clock.now_ms())):
                self._wake_in(pause_ms)
                return
            deliveries = self._next()
            if self._to_wait:
                to_wait, self._to_wait = self._to_wait, []
                self._attempts.wait(self._keeping.put_to_wait(to_wait))
            if deliveries:
                self._attempts.begin(deliveries)

    def _give_back(self, parked: Iterable[Delivery]) -> None:
        """Put deliveries that were parked where they were, first in their queues."""
        for delivery in reversed(list(parked)):
            queue = self._fresh if delivery.exception is None else self._due
            queue.appendleft(delivery)

    def _take_back(self, call: str, position: int) -> list[Delivery]:
        """Take a call's retries after a position out of their queue."""
        taken = [d for d in self._due if d.call == call and d.entry.position > position]
        for delivery in taken:
            self._due.remove(delivery)
        return taken

    def _watch(self) -> None:
        self._retries.watch()

    def _wake_in(self, pause_ms: int) -> None:
        async def wait() -> None:
            await self._clock.sleep(pause_ms / 1000)
            self._timer_set = False
            self._wake()

        if not self._timer_set:
            self._timer_set = True
            self._start_helper(wait())

    def _start_helper(self, work: Work) -> None:
        if self._stopping:
            work.close()  # nobody would end it
        else:
            task = self._means.tasks.create_task(work)
            self._helpers.add(task)
            task.add_done_callback(self._helpers.discard)

    def _next(self) -> list[Delivery]:
        """Take what goes together in one attempt, from the queue whose turn it is.

        One of them has something.
        """
        if not (self._due or self._replayed):
            return self._take_from(self._fresh)
        queues = self._queues
        while not queues[0]:
            queues.rotate(-1)
        queue = queues[0]
        queues.rotate(-1)
        return self._take_from(queue)

    def _take_from(self, queue: deque[Delivery]) -> list[Delivery]:
        if self._order is None and self.sender.max_events == 1:
            return [queue.popleft()]
        taken: list[Delivery] = []
        size = len("[]")
        max_events, max_bytes = self.sender.max_events, self.sender.max_bytes
        order = self._order
        while queue and len(taken) < max_events:
            size += len(queue[0].body) + 1  # for a comma
            if taken and size > max_bytes:
                break
            delivery = queue.popleft()
            if order is None:
                taken.append(delivery)
                continue
            turn = order.turn(delivery)
            if turn is Turn.GO:
                taken.append(delivery)
            elif turn is Turn.WAIT:
                self._to_wait.append(delivery)
        return taken
