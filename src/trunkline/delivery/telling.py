"""Tells of attempts, in runs: whoever observes them, and the log with a line for each."""

import asyncio
import logging
from collections.abc import Sequence

import structlog

from trunkline.delivery.decide import SETTLE, Decision
from trunkline.delivery.means import Means
from trunkline.delivery.records import Arrival, Attempt, Delivery
from trunkline.events.envelope import Event
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
        self._arrived: list[Arrival] = []
        self._untold: list[Attempt] = []
        self._about_to_tell = False

    def arrived(
        self,
        deliveries: Sequence[Delivery],
        answer: Answer,
        started_ms: int,
        ended_ms: int,
    ) -> None:
        """Tell of deliveries that arrived together."""
        if not self._about_to_tell:
            self._tell_soon()
        self._arrived.append(
            Arrival(
                self._sink_sid,
                self._account_sid,
                deliveries,
                answer,
                started_ms,
                ended_ms,
            )
        )

    def attempted(
        self,
        delivery: Delivery,
        decision: Decision,
        answer: Answer | None,
        started_ms: int,
        ended_ms: int,
    ) -> None:
        """Tell of an attempt that has ended, and of what was decided."""
        if decision is SETTLE and answer is not None:
            self.arrived([delivery], answer, started_ms, ended_ms)
            return
        if not self._about_to_tell:
            self._tell_soon()
        self._untold.append(
            Attempt(
                sink_sid=self._sink_sid,
                account_sid=self._account_sid,
                event=delivery.entry.event,
                number=delivery.attempts + (answer is not None),
                decision=decision,
                answer=answer,
                started_ms=started_ms,
                duration_ms=ended_ms - started_ms,
            )
        )

    def _tell_soon(self) -> None:
        self._about_to_tell = True
        asyncio.get_running_loop().call_soon(self.tell)

    def buried(self, letter: DeadLetter) -> None:
        """Tell of a dead letter that is on disk."""
        for observer in self._observers:
            observer.buried(letter)

    def tell(self) -> None:
        """Tell what has not been told yet."""
        self._about_to_tell = False
        arrivals, self._arrived = self._arrived, []
        attempts, self._untold = self._untold, []
        try:
            if arrivals:
                self._tell_arrivals(arrivals)
        finally:
            if attempts:
                self._tell_attempts(attempts)

    def _tell_arrivals(self, arrivals: Sequence[Arrival]) -> None:
        for observer in self._observers:
            observer.arrived(arrivals)
        if _logger.is_enabled_for(logging.DEBUG):
            for arrival in arrivals:
                _show_arrival(arrival)

    def _tell_attempts(self, attempts: Sequence[Attempt]) -> None:
        for observer in self._observers:
            observer.attempted(attempts)
        for attempt in attempts:
            _show(attempt)


def _show_arrival(arrival: Arrival) -> None:
    for delivery in arrival.deliveries:
        _logger.debug(
            "delivery.attempted",
            **_shown(
                arrival.sink_sid,
                delivery.entry.event,
                delivery.attempts + 1,
                SETTLE,
                arrival.answer,
                arrival.ended_ms - arrival.started_ms,
            ),
        )


def _show(attempt: Attempt) -> None:
    log = _logger.debug if attempt.decision is SETTLE else _logger.warning
    log(
        "delivery.attempted",
        **_shown(
            attempt.sink_sid,
            attempt.event,
            attempt.number,
            attempt.decision,
            attempt.answer,
            attempt.duration_ms,
        ),
    )


def _shown(  # noqa: PLR0917 (in the order in which they are shown)
    sink_sid: str,
    event: Event,
    number: int,
    decision: Decision,
    answer: Answer | None,
    duration_ms: int,
) -> dict[str, object]:
    return {
        "sink_sid": sink_sid,
        "event_id": event.id,
        "event_type": event.type,
        "call_sid": event.call_sid,
        "attempt": number,
        "decision": type(decision).__name__.lower(),
        "code": answer.code if answer else getattr(decision, "code", None),
        "detail": answer.detail if answer else None,
        "http_status": answer.http_status if answer else None,
        "duration_ms": duration_ms,
    }
