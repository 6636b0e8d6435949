"""What becomes of a delivery after an attempt.

Rule 1: every decision about a delivery is made in this file.
Rule 2: this file does not read a clock, a socket, or a database.
"""

from dataclasses import dataclass

from trunkline.delivery import retry
from trunkline.sinks.answer import Answer, Outcome


@dataclass(frozen=True, slots=True)
class Settle:
    """The sink has the event: the delivery is over."""


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again, not before this time."""

    due_ms: int


@dataclass(frozen=True, slots=True)
class Bury:
    """Give up: the delivery becomes a dead letter."""

    code: int
    reason: str


Decision = Settle | RetryAt | Bury

SETTLE = Settle()

# An enumeration takes its time to find its members, and this is asked for each event.
_DELIVERED = Outcome.DELIVERED


def settles(answer: Answer) -> bool:
    """Tell whether an answer settles a delivery, whatever else there is to know."""
    return answer.outcome is _DELIVERED


def decide(
    answer: Answer,
    *,
    attempt: int,
    now_ms: int,
    deadline_ms: int,
    expired_code: int,
    spread: float,
    retry_4xx: bool = False,
) -> Decision:
    """Return what to do after the `attempt`-th attempt was answered.

    A wait that would end past the deadline is not begun (spec event-streams 7).
    `retry_4xx` is the sink's policy.
    """
    if settles(answer):
        return SETTLE
    match answer.outcome:
        case Outcome.DISCARD if not (retry_4xx and _is_4xx(answer)):
            return Bury(answer.code or expired_code, answer.detail)
        case _:
            due_ms = now_ms + retry.wait_ms(attempt, spread, answer.retry_after_ms)
            if due_ms > deadline_ms:
                return Bury(
                    expired_code, f"Given up at the deadline, after: {answer.detail}"
                )
            return RetryAt(due_ms)


def decide_unsent(now_ms: int, deadline_ms: int, expired_code: int) -> Bury | None:
    """Return a burial where the deadline passed before an attempt could start."""
    if now_ms <= deadline_ms:
        return None
    return Bury(expired_code, "The deadline passed before an attempt could be made.")


def _is_4xx(answer: Answer) -> bool:
    return answer.http_status in range(400, 500)
