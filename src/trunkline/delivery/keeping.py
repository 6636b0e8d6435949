"""Writes down what was decided where that must be kept, and only then calls it settled.

So a crash on any line repeats an attempt, and loses nothing. In an ordered sink, what
the call has besides is let go, or put behind the delivery that is due again.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

import structlog

from trunkline.delivery.decide import SETTLE, Bury, Decision, RetryAt, Settle
from trunkline.delivery.means import Means
from trunkline.delivery.ordering import CallOrder
from trunkline.delivery.records import (
    Delivery,
    dead_letter_of,
    exception_of,
    waiting_behind,
)
from trunkline.delivery.telling import Telling
from trunkline.errors import StorageFailed
from trunkline.log.records import DeliveryException
from trunkline.sinks.answer import Answer
from trunkline.streams.sinks import Sink


_STORAGE_PAUSE = 1.0  # seconds

_logger = structlog.get_logger("delivery")


class Keeping:
    """Ends the attempts of one lane.

    `give_back` takes deliveries that were parked behind one that has ended;
    `take_back` takes a call's exceptions after a position out of the queue; `watch`
    hears of exceptions.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        means: Means,
        order: CallOrder | None,
        telling: Telling,
        expired_code: int,
        give_back: Callable[[Iterable[Delivery]], None],
        take_back: Callable[[str, int], Iterable[Delivery]],
        watch: Callable[[], None],
    ) -> None:
        self._sink_sid = sink.sid
        self._means = means
        self._log = means.log
        self._clock = means.clock
        self._order = order
        self._telling = telling
        self._expired_code = expired_code
        self._give_back = give_back
        self._take_back = take_back
        self._watch = watch

    def settle(
        self,
        deliveries: Sequence[Delivery],
        answer: Answer,
        started_ms: int,
        ended_ms: int,
    ) -> None:
        """End deliveries that arrived together, and have no row that says otherwise.

        There is at least one.
        """
        if self._order is not None:
            for delivery in deliveries:
                self._next_of_call(delivery)
        self._telling.arrived(deliveries, answer, started_ms, ended_ms)
        done, positions = deliveries[0].done, list[int]()
        for delivery in deliveries:
            if delivery.done is not done:  # of another page, or replay
                done(positions, SETTLE)
                done, positions = delivery.done, []
            positions.append(delivery.entry.position)
        done(positions, SETTLE)

    def put_to_wait(self, deliveries: Sequence[Delivery]) -> Coroutine[Any, Any, None]:
        """Let deliveries wait behind the exceptions of their calls.

        Later ones of the calls wait, too, from now on; what is returned writes it down.
        """
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
        return self._let_wait(deliveries, rows)

    async def _let_wait(
        self, deliveries: Sequence[Delivery], rows: Sequence[DeliveryException]
    ) -> None:
        await self._keep(lambda: self._log.hold(rows))
        self._watch()
        for delivery, row in zip(deliveries, rows, strict=True):
            delivery.done([delivery.entry.position], RetryAt(row.due_ms))

    async def drop(self, delivery: Delivery) -> None:
        """Give up a delivery for which the queue has no room."""
        limit = self._means.queue_limit
        burial = Bury(
            self._expired_code, f"More than {limit} events waited for the sink."
        )
        now_ms = self._clock.now_ms()
        # It was never under way: whatever of its call is goes on.
        await self._write_letter(delivery, burial, None, now_ms)
        self._telling.attempted(delivery, burial, None, now_ms, now_ms)
        delivery.done([delivery.entry.position], burial)

    async def carry_out(
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
        ended_ms = self._clock.now_ms()
        self._telling.attempted(delivery, decision, answer, started_ms, ended_ms)
        delivery.done([delivery.entry.position], decision)

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
        self._telling.buried(letter)

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
            await self.put_to_wait(parked)
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
                other.done([other.entry.position], RetryAt(due_ms))
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
