"""Tells of attempts, in runs: whoever observes them, and the log with a line for each."""

import asyncio
import logging

import structlog

from trunkline.delivery.decide import SETTLE, Decision
from trunkline.delivery.means import Means
from trunkline.delivery.records import Attempt, Delivery
from trunkline.log.records import DeadLetter
from trunkline.sinks.answer import Answer
from trunkline.streams.sinks import Sink


_logger = structlog.get_logger("delivery")


class Telling:
    """Tells of the attempts of one sink.

    What ended in one turn of the event loop is told together, after that turn.
    """

    def __init__(self, sink: Sink, means: Means) -> None:
        self._sink_sid = sink.sid
        self._account_sid = sink.account_sid
        self._observers = means.observers
        self._untold: list[Attempt] = []

    def attempted(
        self,
        delivery: Delivery,
        decision: Decision,
        answer: Answer | None,
        started_ms: int,
        ended_ms: int,
    ) -> None:
        """Tell of an attempt that has ended, and of what was decided."""
        entry = delivery.entry
        if not self._untold:
            asyncio.get_running_loop().call_soon(self.tell)
        self._untold.append(
            Attempt(
                sink_sid=self._sink_sid,
                account_sid=self._account_sid,
                event=entry.event,
                position=entry.position,
                number=(delivery.attempts if delivery.exception else 0)
                + (answer is not None),
                decision=decision,
                answer=answer,
                started_ms=started_ms,
                duration_ms=ended_ms - started_ms,
                accepted_ms=entry.accepted_ms,
            )
        )

    def buried(self, letter: DeadLetter) -> None:
        """Tell of a dead letter that is on disk."""
        for observer in self._observers:
            observer.buried(letter)

    def tell(self) -> None:
        """Tell what has not been told yet."""
        run, self._untold = self._untold, []
        if not run:
            return
        for observer in self._observers:
            observer.attempted(run)
        debug = _logger.is_enabled_for(logging.DEBUG)
        for attempt in run:
            if attempt.decision is not SETTLE:
                _logger.warning("delivery.attempted", **_shown(attempt))
            elif debug:
                _logger.debug("delivery.attempted", **_shown(attempt))


def _shown(attempt: Attempt) -> dict[str, object]:
    decision, answer = attempt.decision, attempt.answer
    return {
        "sink_sid": attempt.sink_sid,
        "event_id": attempt.event.id,
        "event_type": attempt.event.type,
        "call_sid": attempt.event.call_sid,
        "attempt": attempt.number,
        "decision": type(decision).__name__.lower(),
        "code": answer.code if answer else getattr(decision, "code", None),
        "detail": answer.detail if answer else None,
        "http_status": answer.http_status if answer else None,
        "duration_ms": attempt.duration_ms,
    }
