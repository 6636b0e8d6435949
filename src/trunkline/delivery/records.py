"""A delivery, and the rows that its failures make. Pure."""

from dataclasses import dataclass

from trunkline.delivery.decide import Bury
from trunkline.log.records import DeadLetter, DeliveryException, Entry
from trunkline.sinks.answer import Answer


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event owed to one sink, with the exception it failed with before, if any.

    `body` is the rendered CloudEvent; `deadline_ms` is when it is given up.
    """

    entry: Entry
    body: bytes
    deadline_ms: int
    exception: DeliveryException | None = None

    @property
    def attempts(self) -> int:
        """How many attempts were made so far."""
        return self.exception.attempt if self.exception else 0

    def first_ms(self, started_ms: int) -> int:
        """Return when the first attempt was made, `started_ms` if it is this one."""
        return self.exception.first_ms if self.exception else started_ms


def exception_of(
    delivery: Delivery, *, sink_sid: str, answer: Answer, due_ms: int, started_ms: int
) -> DeliveryException:
    """Return the row of an attempt that failed and will be followed by another."""
    return DeliveryException(
        sink_sid=sink_sid,
        position=delivery.entry.position,
        attempt=delivery.attempts + 1,
        due_ms=due_ms,
        deadline_ms=delivery.deadline_ms,
        code=answer.code or 0,
        detail=answer.detail,
        http_status=answer.http_status,
        first_ms=delivery.first_ms(started_ms),
        last_ms=started_ms,
    )


def dead_letter_of(
    delivery: Delivery,
    *,
    sid: str,
    sink_sid: str,
    burial: Bury,
    answer: Answer | None,
    started_ms: int,
) -> DeadLetter:
    """Return the row of a delivery that is given up; `answer` is what it died of."""
    event = delivery.entry.event
    return DeadLetter(
        sid=sid,
        sink_sid=sink_sid,
        position=delivery.entry.position,
        account_sid=event.account_sid,
        event_id=event.id,
        event_type=event.type,
        call_sid=event.call_sid,
        code=burial.code,
        reason=burial.reason,
        attempts=delivery.attempts + (answer is not None),
        http_status=answer.http_status if answer else None,
        first_ms=delivery.first_ms(started_ms),
        last_ms=started_ms,
    )
