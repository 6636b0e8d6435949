"""A delivery, its attempt, and the rows that failures make. Pure."""

from collections.abc import Callable, Sequence

import msgspec

from trunkline.delivery.decide import Bury, Decision
from trunkline.events.envelope import Event
from trunkline.log.records import DeadLetter, DeliveryException, Entry
from trunkline.sinks.answer import Answer


Done = Callable[[Sequence[int], Decision], None]
"""Hears of positions and what was decided there."""


# Structs, all of these: they are made on the hot way, where a dataclass takes its time.
class Delivery(msgspec.Struct, frozen=True, eq=False):
    """One event owed to one sink, with the exception it failed with before, if any.

    `body` is the rendered CloudEvent; `deadline_ms` is when it is given up; `done`
    hears the decision once that is on disk.
    """

    entry: Entry
    body: bytes
    deadline_ms: int
    done: Done
    exception: DeliveryException | None = None

    @property
    def attempts(self) -> int:
        """How many attempts were made so far."""
        return self.exception.attempt if self.exception else 0

    @property
    def call(self) -> str:
        """The call whose order counts; the event's own id where there is no call."""
        return self.entry.event.call_sid or self.entry.event.id

    def first_ms(self, started_ms: int) -> int:
        """Return when the first attempt was made, `started_ms` if it is this one."""
        return (
            self.exception.first_ms if self.attempts and self.exception else started_ms
        )


class Attempt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What observers are told of an attempt that settled nothing, or of none at all.

    `answer` is None where none was made.
    """

    sink_sid: str
    account_sid: str
    event: Event
    number: int
    decision: Decision
    answer: Answer | None
    started_ms: int
    duration_ms: int


class Arrival(msgspec.Struct, frozen=True):
    """What observers are told of deliveries that arrived together, by one answer.

    There is at least one of them.
    """

    sink_sid: str
    account_sid: str
    deliveries: Sequence[Delivery]
    answer: Answer
    started_ms: int
    ended_ms: int


def exception_of(
    delivery: Delivery, *, sink_sid: str, answer: Answer, due_ms: int, started_ms: int
) -> DeliveryException:
    """Return the row of an attempt that failed and will be followed by another."""
    return DeliveryException(
        sink_sid=sink_sid,
        position=delivery.entry.position,
        call=delivery.call,
        attempt=delivery.attempts + 1,
        due_ms=due_ms,
        deadline_ms=delivery.deadline_ms,
        code=answer.code or 0,
        detail=answer.detail,
        http_status=answer.http_status,
        first_ms=delivery.first_ms(started_ms),
        last_ms=started_ms,
    )


def waiting_behind(
    delivery: Delivery, *, sink_sid: str, due_ms: int, now_ms: int
) -> DeliveryException:
    """Return the row of a delivery that waits for an earlier one of its call."""
    return DeliveryException(
        sink_sid=sink_sid,
        position=delivery.entry.position,
        call=delivery.call,
        attempt=0,
        due_ms=due_ms,
        deadline_ms=delivery.deadline_ms,
        code=0,
        detail="Waits for an earlier event of its call.",
        http_status=None,
        first_ms=now_ms,
        last_ms=now_ms,
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
    """Return the row of a delivery that is given up; `answer` is what it died of.

    Where it died of its deadline, the last answer that it had is told.
    """
    event = delivery.entry.event
    status = delivery.exception.http_status if delivery.exception else None
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
        http_status=answer.http_status if answer else status,
        last_answer=answer.excerpt.decode("utf-8", "replace") if answer else "",
        first_ms=delivery.first_ms(started_ms),
        last_ms=started_ms,
    )
