"""When deliveries were settled lately."""

from trunkline.delivery.decide import SETTLE, Decision, RetryAt
from trunkline.delivery.recent import Recent
from trunkline.delivery.records import Attempt
from trunkline.events.envelope import Event
from trunkline.sinks.answer import DELIVERED, Answer


EVENT = Event("EZ", "AC", "type", "source", "time", "CA", b"{}")
LIMIT = 10


def attempt(
    position: int,
    *,
    decision: Decision = SETTLE,
    answer: Answer | None = DELIVERED,
) -> Attempt:
    return Attempt(
        sink_sid="DG",
        account_sid="AC",
        event=EVENT,
        position=position,
        number=1,
        decision=decision,
        answer=answer,
        started_ms=1000 * position,
        duration_ms=7,
        accepted_ms=0,
    )


def test_the_last_that_arrived_are_remembered() -> None:
    recent = Recent(LIMIT)
    for position in range(1, 101):
        recent.attempted([attempt(position)])
    assert [recent.settled_ms("DG", p) for p in range(91, 101)] == [
        1000 * p + 7 for p in range(91, 101)
    ]


def test_no_more_than_twice_as_many_are_remembered() -> None:
    recent = Recent(LIMIT)
    for position in range(1, 101):
        recent.attempted([attempt(position)])
    known = [p for p in range(1, 101) if recent.settled_ms("DG", p) is not None]
    assert len(known) <= 2 * LIMIT


def test_what_did_not_arrive_is_not_remembered() -> None:
    recent = Recent(LIMIT)
    recent.attempted([attempt(1, decision=RetryAt(9)), attempt(2, answer=None)])
    assert recent.settled_ms("DG", 1) is None
    assert recent.settled_ms("DG", 2) is None
    assert recent.settled_ms("another", 1) is None
