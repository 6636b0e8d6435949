"""One attempt: what is too late is given up, the rest sent, and its answer judged.

Where the sink's client can send at once, there is no task: its answer is judged, and
what arrived is settled, in the call that brings the answer. All else, sending that has
to wait or a decision that has to be written down, is done in a task.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from trunkline.delivery.decide import SETTLE, Decision, decide, decide_unsent, settles
from trunkline.delivery.keeping import Keeping
from trunkline.delivery.means import Means
from trunkline.delivery.pacing import Pacing
from trunkline.delivery.ports import DirectSender, Sender, Work
from trunkline.delivery.records import Delivery
from trunkline.events.catalogue import TEST_EVENT_TYPE
from trunkline.log.records import Entry
from trunkline.sinks.answer import Answer, Outcome, Parcel


INTERNAL_TROUBLE = 91304

_logger = structlog.get_logger("delivery")

_Judged = tuple[Delivery, Decision, Answer | None]


class _Attempt(msgspec.Struct, eq=False):
    """An attempt that has not ended. `work` is what it waits for."""

    deliveries: Sequence[Delivery]
    started_ms: int
    work: Work | None = None


class Attempts:
    """Makes the attempts of one lane.

    `is_void` tells whether nobody wants an event any more; `ended` hears when fewer
    are `under_way`.
    """

    def __init__(
        self,
        sink_sid: str,
        *,
        sender: Sender,
        means: Means,
        pacing: Pacing,
        keeping: Keeping,
        is_void: Callable[[Entry], bool],
        ended: Callable[[], None],
    ) -> None:
        self._sink_sid = sink_sid
        self._sender = sender
        self._expired_code = sender.expired_code
        self._begin_at_once = sender.begin if isinstance(sender, DirectSender) else None
        self._means = means
        self._clock = means.clock
        self._pacing = pacing
        self._keeping = keeping
        self._is_void = is_void
        self._ended = ended
        self.under_way: set[_Attempt] = set()
        self._none_left = asyncio.Event()

    def begin(self, deliveries: Sequence[Delivery]) -> None:
        """Begin an attempt at deliveries that go together."""
        now_ms = self._clock.now_ms()
        in_time = deliveries
        unsent: list[_Judged] = []
        for delivery in deliveries:
            if (
                delivery.deadline_ms >= now_ms
                and delivery.entry.event.type != TEST_EVENT_TYPE
            ):
                continue  # as nearly all: in time, and only a test can be void
            decision = (
                SETTLE
                if self._is_void(delivery.entry)
                else decide_unsent(now_ms, delivery.deadline_ms, self._expired_code)
            )
            if decision is not None:
                in_time = [each for each in in_time if each is not delivery]
                unsent.append((delivery, decision, None))
        attempt = _Attempt(in_time, now_ms)
        self.under_way.add(attempt)
        if in_time:
            self._pacing.started(now_ms)
        if unsent or not self._send_at_once(attempt):
            self._go_on(attempt, self._make(attempt, unsent))

    def wait(self, written: Coroutine[Any, Any, None]) -> None:
        """Have something written down, in the place of an attempt."""
        attempt = _Attempt((), self._clock.now_ms())
        self.under_way.add(attempt)
        self._go_on(attempt, written)

    async def stop(self, seconds: float) -> None:
        """Let what is under way end in that time, then abandon it."""
        self._none_left.clear()
        try:
            if self.under_way and seconds > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._none_left.wait()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Give up what is under way: nothing more is heard of it."""
        for attempt in tuple(self.under_way):
            if attempt.work is not None:
                attempt.work.cancel()
        self.under_way.clear()

    # --- the steps of an attempt -----------------------------------------------------

    def _send_at_once(self, attempt: _Attempt) -> bool:
        """Send without a task; tell whether that can be."""
        if self._begin_at_once is None:
            return False
        try:
            work = self._begin_at_once(
                [delivery.body for delivery in attempt.deliveries],
                self._heard,
                attempt,
            )
            if attempt.work is None:
                attempt.work = work  # else it has been heard of already
        except Exception:  # see `_send`, which is tried then
            _logger.exception("delivery.sender_failed", sink_sid=self._sink_sid)
        return attempt.work is not None

    def _heard(self, answer: Answer | None, attempt: _Attempt) -> None:
        """Hear the answer to all that was sent at once; None where none of it was."""
        if answer is None:
            self._go_on(attempt, self._send(attempt))
            return
        if settles(answer):
            unsettled = self._arrived(attempt, answer)
        else:
            unsettled = self._judge(attempt, [answer] * len(attempt.deliveries))
        if unsettled:
            self._go_on(attempt, self._carry_out(attempt, unsettled))
        else:
            self._end(attempt)

    async def _make(self, attempt: _Attempt, unsent: Sequence[_Judged]) -> None:
        """Give up what is too late, and send the rest."""
        await self._carry_out(attempt, unsent)
        if attempt.deliveries:
            await self._send(attempt)

    async def _send(self, attempt: _Attempt) -> None:
        answers: Sequence[Answer]
        try:
            answers = await self._sender.send(
                [Parcel(each.entry.event, each.body) for each in attempt.deliveries]
            )
        except Exception:  # a bug in a sink must neither lose an event nor stop a lane
            _logger.exception("delivery.sender_failed", sink_sid=self._sink_sid)
            answer = Answer(
                outcome=Outcome.RETRY, code=INTERNAL_TROUBLE, detail="Internal error"
            )
            answers = [answer] * len(attempt.deliveries)
        await self._carry_out(attempt, self._judge(attempt, answers))

    def _arrived(self, attempt: _Attempt, answer: Answer) -> list[_Judged]:
        """Settle all that arrived and has no row that says otherwise; return the rest."""
        now_ms, deliveries = self._clock.now_ms(), attempt.deliveries
        self._pacing.answered()
        rest: list[_Judged] = [
            (each, SETTLE, answer) for each in deliveries if each.exception is not None
        ]
        if rest:
            deliveries = [each for each in deliveries if each.exception is None]
        if deliveries:
            self._keeping.settle(deliveries, answer, attempt.started_ms, now_ms)
        return rest

    def _judge(self, attempt: _Attempt, answers: Sequence[Answer]) -> list[_Judged]:
        """Decide on each delivery, and settle those for which there is no row.

        Returns the others.
        """
        now_ms = self._clock.now_ms()
        self._note(attempt.deliveries, answers, now_ms)
        unsettled: list[_Judged] = []
        for delivery, answer in zip(attempt.deliveries, answers, strict=True):
            if delivery.exception is None and settles(answer):
                self._keeping.settle([delivery], answer, attempt.started_ms, now_ms)
                continue
            decision = decide(
                answer,
                attempt=delivery.attempts + 1,
                now_ms=now_ms,
                deadline_ms=delivery.deadline_ms,
                expired_code=self._expired_code,
                spread=self._means.random.random(),
                retry_4xx=self._pacing.policy.retry_4xx,
            )
            unsettled.append((delivery, decision, answer))
        return unsettled

    async def _carry_out(self, attempt: _Attempt, judged: Sequence[_Judged]) -> None:
        for delivery, decision, answer in judged:
            await self._keeping.carry_out(
                delivery, decision, answer, attempt.started_ms
            )

    def _go_on(self, attempt: _Attempt, work: Coroutine[Any, Any, None]) -> None:
        """Go on with an attempt in a task, and end it there."""
        attempt.work = task = self._means.tasks.create_task(work)
        task.add_done_callback(lambda _: self._end(attempt))

    def _end(self, attempt: _Attempt) -> None:
        self.under_way.discard(attempt)
        if not self.under_way:
            self._none_left.set()
        self._ended()

    def _note(
        self, deliveries: Sequence[Delivery], answers: Sequence[Answer], now_ms: int
    ) -> None:
        """Tell the pace whether the sink is there."""
        for answer in answers:
            if answer.outcome is not Outcome.RETRY:
                self._pacing.answered()
                return
        spread = self._means.random.random()
        for delivery in deliveries:
            self._pacing.failed(delivery.entry.position, now_ms, spread)
