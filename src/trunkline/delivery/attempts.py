"""One attempt: bury what is too late, send, decide, write down, tell.

What is decided is on disk before the delivery counts as settled. So a crash on any
line repeats the attempt, and loses nothing.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog

from trunkline.delivery.decide import (
    SETTLE,
    Bury,
    Decision,
    RetryAt,
    Settle,
    decide,
    decide_unsent,
)
from trunkline.delivery.means import Means
from trunkline.delivery.ordering import CallOrder
from trunkline.delivery.pacing import Pacing
from trunkline.delivery.ports import Sender
from trunkline.delivery.records import (
    Attempt,
    Delivery,
    dead_letter_of,
    exception_of,
    waiting_behind,
)
from trunkline.errors import StorageFailed
from trunkline.log.records import Entry
from trunkline.sinks.answer import Answer, Outcome, Parcel
from trunkline.streams.sinks import Sink


INTERNAL_TROUBLE = 91304

_STORAGE_PAUSE = 1.0  # seconds

_logger = structlog.get_logger("delivery")


class Attempts:
    """Makes the attempts of one lane.

    `is_void` tells whether nobody wants an event any more; `give_back` takes
    deliveries that were parked behind one that has ended; `take_back` takes a call's
    exceptions after a position out of the queue; `watch` hears of exceptions.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        sender: Sender,
        means: Means,
        pacing: Pacing,
        order: CallOrder | None,
        is_void: Callable[[Entry], bool],
        give_back: Callable[[Iterable[Delivery]], None],
        take_back: Callable[[str, int], Iterable[Delivery]],
        watch: Callable[[], None],
    ) -> None:
        self._sink_sid = sink.sid
        self._account_sid = sink.account_sid
        self._sender = sender
        self._means = means
        self._log = means.log
        self._clock = means.clock
        self._pacing = pacing
        self._order = order
        self._is_void = is_void
        self._give_back = give_back
        self._take_back = take_back
        self._watch = watch

    async def make(self, deliveries: Sequence[Delivery]) -> None:
        """Make one attempt at deliveries that go together."""
        started_ms = self._clock.now_ms()
        in_time = []
        for delivery in deliveries:
            decision = self._decide_unsent(delivery, started_ms)
            if decision is None:
                in_time.append(delivery)
            else:
                await self._carry_out(delivery, decision, None, started_ms)
        if not in_time:
            return
        self._pacing.started(started_ms)
        answers = await self._send(in_time)
        now_ms = self._clock.now_ms()
        self._note(in_time, answers, now_ms)
        for delivery, answer in zip(in_time, answers, strict=True):
            decision = decide(
                answer,
                attempt=delivery.attempts + 1,
                now_ms=now_ms,
                deadline_ms=delivery.deadline_ms,
                expired_code=self._sender.expired_code,
                spread=self._means.random.random(),
                retry_4xx=self._pacing.policy.retry_4xx,
            )
            await self._carry_out(delivery, decision, answer, started_ms)

    async def let_wait(self, deliveries: Sequence[Delivery]) -> None:
        """Let deliveries wait, on disk, behind the exceptions of their calls."""
        assert self._order is not None
        now_ms = self._clock.now_ms()
        rows = [
            waiting_behind(
                delivery,
                sink_sid=self._sink_sid,
                due_ms=self._order.due_ms(delivery.call),
                now_ms=now_ms,
            )
            for delivery in deliveries
        ]
        for row in rows:
            self._order.waits(row.call, row.due_ms)
        await self._keep(lambda: self._log.hold(rows))
        self._watch()
        for delivery, row in zip(deliveries, rows, strict=True):
            delivery.done(delivery.entry.position, RetryAt(row.due_ms))

    async def drop(self, delivery: Delivery) -> None:
        """Give up a delivery for which the queue has no room."""
        limit = self._means.queue_limit
        burial = Bury(
            self._sender.expired_code, f"More than {limit} events waited for the sink."
        )
        now_ms = self._clock.now_ms()
        # It was never under way: whatever of its call is goes on.
        await self._write_letter(delivery, burial, None, now_ms)
        self._tell(delivery, burial, None, now_ms)
        delivery.done(delivery.entry.position, burial)

    def _decide_unsent(self, delivery: Delivery, now_ms: int) -> Decision | None:
        if self._is_void(delivery.entry):
            return SETTLE
        return decide_unsent(
            now_ms=now_ms,
            deadline_ms=delivery.deadline_ms,
            expired_code=self._sender.expired_code,
        )

    async def _send(self, deliveries: Sequence[Delivery]) -> Sequence[Answer]:
        parcels = [
            Parcel(delivery.entry.event, delivery.body) for delivery in deliveries
        ]
        try:
            return await self._sender.send(parcels)
        except Exception:  # a bug in a sink must neither lose an event nor stop a lane
            _logger.exception("delivery.sender_failed", sink_sid=self._sink_sid)
            answer = Answer(
                outcome=Outcome.RETRY, code=INTERNAL_TROUBLE, detail="Internal error"
            )
            return [answer] * len(deliveries)

    def _note(
        self, deliveries: Sequence[Delivery], answers: Sequence[Answer], now_ms: int
    ) -> None:
        if any(answer.outcome is not Outcome.RETRY for answer in answers):
            self._pacing.answered()
            return
        spread = self._means.random.random()
        for delivery in deliveries:
            self._pacing.failed(delivery.entry.position, now_ms, spread)

    async def _carry_out(
        self,
        delivery: Delivery,
        decision: Decision,
        answer: Answer | None,
        started_ms: int,
    ) -> None:
        """Write the decision down, and only then count the delivery as settled."""
        match decision:
            case Settle():
                await self._settle(delivery)
            case RetryAt(due_ms):
                assert answer is not None
                await self._hold(delivery, answer, due_ms, started_ms)
            case Bury():
                await self._bury(delivery, decision, answer, started_ms)
        self._tell(delivery, decision, answer, started_ms)
        delivery.done(delivery.entry.position, decision)

    async def _settle(self, delivery: Delivery) -> None:
        position = delivery.entry.position
        if delivery.exception is not None:
            await self._keep(lambda: self._log.release(self._sink_sid, [position]))
        self._next_of_call(delivery)

    async def _bury(
        self,
        delivery: Delivery,
        burial: Bury,
        answer: Answer | None,
        started_ms: int,
    ) -> None:
        await self._write_letter(delivery, burial, answer, started_ms)
        self._next_of_call(delivery)

    async def _write_letter(
        self,
        delivery: Delivery,
        burial: Bury,
        answer: Answer | None,
        started_ms: int,
    ) -> None:
        letter = dead_letter_of(
            delivery,
            sid=self._means.ids.sid("DL"),
            sink_sid=self._sink_sid,
            burial=burial,
            answer=answer,
            started_ms=started_ms,
        )
        await self._keep(lambda: self._log.bury([letter]))
        for observer in self._means.observers:
            observer.buried(letter)

    async def _hold(
        self, delivery: Delivery, answer: Answer, due_ms: int, started_ms: int
    ) -> None:
        exception = exception_of(
            delivery,
            sink_sid=self._sink_sid,
            answer=answer,
            due_ms=due_ms,
            started_ms=started_ms,
        )
        parked = await self._put_behind(delivery, due_ms)
        await self._keep(lambda: self._log.hold([exception]))
        if parked:
            await self.let_wait(parked)
        self._watch()

    # --- order per call ----------------------------------------------------------

    def _next_of_call(self, delivery: Delivery) -> None:
        """Let the next of the call go, where the sink is an ordered one."""
        if self._order is None:
            return
        if delivery.exception is not None:
            self._order.released(delivery.call)
        self._give_back(self._order.ended(delivery))

    async def _put_behind(self, delivery: Delivery, due_ms: int) -> Sequence[Delivery]:
        """Put what the call has besides behind a delivery that is due again.

        Other exceptions are postponed first: should the process die before this one
        is written down, it is still the first of its call. Returns the deliveries
        that have no exception yet.
        """
        if self._order is None:
            return ()
        call, position = delivery.call, delivery.entry.position
        if delivery.exception is None:
            self._order.waits(call, due_ms)
        else:
            self._order.waits_again(call, due_ms)
            await self._keep(
                lambda: self._log.postpone(self._sink_sid, call, position, due_ms)
            )
        behind = [*self._order.ended(delivery), *self._take_back(call, position)]
        for other in behind:
            if other.exception is not None:
                other.done(other.entry.position, RetryAt(due_ms))
        return [other for other in behind if other.exception is None]

    # --- writing -----------------------------------------------------------------

    async def _keep(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write until it is kept: what is not written down is not settled."""
        while True:
            try:
                return await write()
            except StorageFailed as error:
                _logger.error(
                    "delivery.write_failed", sink_sid=self._sink_sid, error=str(error)
                )
                await self._clock.sleep(_STORAGE_PAUSE)

    def _tell(
        self,
        delivery: Delivery,
        decision: Decision,
        answer: Answer | None,
        started_ms: int,
    ) -> None:
        """Tell observers, and write the one log line of the attempt."""
        attempt = Attempt(
            sink_sid=self._sink_sid,
            account_sid=self._account_sid,
            event=delivery.entry.event,
            position=delivery.entry.position,
            number=delivery.attempts + (answer is not None),
            decision=decision,
            answer=answer,
            started_ms=started_ms,
            duration_ms=self._clock.now_ms() - started_ms,
            accepted_ms=delivery.entry.accepted_ms,
        )
        for observer in self._means.observers:
            observer.attempted(attempt)
        write = _logger.debug if decision == SETTLE else _logger.warning
        write(
            "delivery.attempted",
            sink_sid=attempt.sink_sid,
            event_id=attempt.event.id,
            event_type=attempt.event.type,
            call_sid=attempt.event.call_sid,
            attempt=attempt.number,
            decision=type(decision).__name__.lower(),
            code=answer.code if answer else getattr(decision, "code", None),
            detail=answer.detail if answer else None,
            http_status=answer.http_status if answer else None,
            duration_ms=attempt.duration_ms,
        )
