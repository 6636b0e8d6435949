"""What becomes of an event after an attempt."""

from hypothesis import given
from hypothesis import strategies as st

from trunkline.delivery.decide import Bury, RetryAt, Settle, decide, decide_unsent
from trunkline.sinks.answer import Answer, Outcome


NOW = 1_000_000
HOUR = 3_600_000

FAILED = Answer(outcome=Outcome.RETRY, code=91306, detail="HTTP 500")


def ask(
    answer: Answer, *, attempt: int = 1, now_ms: int = NOW, spread: float = 0.5
) -> Settle | RetryAt | Bury:
    return decide(
        answer,
        attempt=attempt,
        now_ms=now_ms,
        deadline_ms=NOW + 4 * HOUR,
        expired_code=91303,
        spread=spread,
    )


def test_a_delivered_event_is_settled() -> None:
    assert ask(Answer(outcome=Outcome.DELIVERED)) == Settle()


def test_a_discarded_event_is_buried_with_the_code_of_the_answer() -> None:
    answer = Answer(outcome=Outcome.DISCARD, code=91305, detail="HTTP 404")

    assert ask(answer) == Bury(91305, "HTTP 404")


def test_a_failed_attempt_is_tried_again_after_its_backoff() -> None:
    assert ask(FAILED, attempt=3) == RetryAt(NOW + 2000)


def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    late = NOW + 4 * HOUR - 100

    assert ask(FAILED, now_ms=late, spread=0.5) == Bury(
        91303, "Given up at the deadline, after: HTTP 500"
    )


def test_the_sinks_wish_counts_towards_the_deadline() -> None:
    patient = Answer(outcome=Outcome.RETRY, code=91302, retry_after_ms=HOUR)

    assert ask(patient) == RetryAt(NOW + HOUR)
    assert isinstance(ask(patient, now_ms=NOW + 4 * HOUR - 1), Bury)


@given(
    st.integers(min_value=1, max_value=1000),
    st.integers(min_value=NOW, max_value=NOW + 5 * HOUR),
    st.floats(min_value=0, max_value=1, exclude_max=True),
    st.none() | st.integers(min_value=0, max_value=HOUR),
)
def test_a_retry_is_never_early_and_never_after_the_deadline(
    attempt: int, now_ms: int, spread: float, wish_ms: int | None
) -> None:
    answer = Answer(outcome=Outcome.RETRY, code=91306, retry_after_ms=wish_ms)

    decision = ask(answer, attempt=attempt, now_ms=now_ms, spread=spread)

    if isinstance(decision, RetryAt):
        assert now_ms + (wish_ms or 0) <= decision.due_ms <= NOW + 4 * HOUR
    else:
        assert isinstance(decision, Bury)


def test_before_the_deadline_an_attempt_may_start() -> None:
    assert decide_unsent(now_ms=5, deadline_ms=5, expired_code=91303) is None


def test_after_the_deadline_none_may() -> None:
    burial = decide_unsent(now_ms=6, deadline_ms=5, expired_code=91303)

    assert burial is not None
    assert burial.code == 91303
