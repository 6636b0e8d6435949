"""How calls end: every row of the tables."""

import pytest

from trunkline.capture.calls.outcome import (
    DISPUTED,
    final_word,
    sip_response_code,
)
from trunkline.capture.calls.progress import EndedBy, Report, Reported, State


def ended(**details: object) -> Report:
    return Report(leg="CA1", state=Reported.ENDED, **details)  # type: ignore[arg-type]


def test_a_call_that_was_answered_is_completed_whatever_the_reason() -> None:
    report = ended(sip_code=486, q850=17, ended_by=EndedBy.TIMER, cause="USER_BUSY")

    assert final_word(report, answered=True) is State.COMPLETED


@pytest.mark.parametrize(
    ("word", "codes"),
    [
        ("completed", [200, 202]),
        ("busy", [486, 600, 603]),
        ("no-answer", [408, 480, 487]),
        (
            "failed",
            [401, 403, 404, 407, 410, 415, 484, 488, 500, 503, 504, 604, 606, 608],
        ),
    ],
)
def test_a_sip_code_tells(word: str, codes: list[int]) -> None:
    for code in codes:
        assert final_word(ended(sip_code=code), answered=False) == word, code


@pytest.mark.parametrize(
    ("word", "causes"),
    [
        ("busy", [17, 21]),
        ("no-answer", [16, 18, 19]),
        ("canceled", [26]),
        ("failed", [0, 1, 2, 3, 22, 27, 28, 34, 38, 41, 42, 44, 58, 88, 127, 99]),
    ],
)
def test_a_q850_cause_tells(word: str, causes: list[int]) -> None:
    for cause in causes:
        assert final_word(ended(q850=cause), answered=False) == word, cause


@pytest.mark.parametrize(
    ("word", "causes"),
    [
        ("busy", ["busy", "BUSY", "USER_BUSY", "CALL_REJECTED", "DECLINE"]),
        (
            "no-answer",
            [
                "no-answer",
                "NOANSWER",
                "NO_ANSWER",
                "NO_USER_RESPONSE",
                "ALLOTTED_TIMEOUT",
                "PROGRESS_TIMEOUT",
                "RECOVERY_ON_TIMER_EXPIRE",
            ],
        ),
        (
            "canceled",
            ["canceled", "CANCEL", "ORIGINATOR_CANCEL", "LOSE_RACE", "PICKED_OFF"],
        ),
        ("failed", ["failed", "CHANUNAVAIL", "CONGESTION", "UNALLOCATED_NUMBER", "?"]),
    ],
)
def test_the_engines_own_word_tells(word: str, causes: list[str]) -> None:
    for cause in causes:
        assert final_word(ended(cause=cause), answered=False) == word, cause


@pytest.mark.parametrize(
    ("report", "word", "code"),
    [
        (ended(ended_by=EndedBy.TIMER, sip_code=486), "no-answer", 487),
        (ended(ended_by=EndedBy.API, sip_code=487), "canceled", 487),
        (ended(ended_by=EndedBy.CALLER), "canceled", 487),
        (ended(cause="LOSE_RACE", sip_code=487), "canceled", 487),
        (ended(sip_code=600, q850=16), "busy", 600),
        (ended(q850=17), "busy", 486),
        (ended(sip_code=503), "failed", 503),
        (ended(), "failed", None),
        (ended(sip_code=200), "completed", None),
    ],
)
def test_the_first_rule_that_applies_decides(
    report: Report, word: str, code: int | None
) -> None:
    final = final_word(report, answered=False)

    assert final == word
    assert sip_response_code(report, final) == code


@pytest.mark.parametrize(
    "report", [ended(sip_code=603), ended(q850=21), ended(cause="CALL_REJECTED")]
)
def test_the_operator_says_what_a_decline_is(report: Report) -> None:
    disputed = {**DISPUTED, 603: State.NO_ANSWER}

    assert final_word(report, answered=False, disputed=disputed) is State.NO_ANSWER


@pytest.mark.parametrize(
    ("code", "word"), [(480, State.BUSY), (480, State.FAILED), (487, State.CANCELED)]
)
def test_the_operator_says_what_a_disputed_code_is(code: int, word: State) -> None:
    disputed = {**DISPUTED, code: word}

    assert final_word(ended(sip_code=code), answered=False, disputed=disputed) is word


def test_a_call_that_we_ended_is_canceled_whatever_487_is() -> None:
    report = ended(ended_by=EndedBy.API, sip_code=487)
    disputed = {**DISPUTED, 487: State.FAILED}

    assert final_word(report, answered=False, disputed=disputed) is State.CANCELED


def test_a_rejection_with_a_sip_code_goes_by_the_code() -> None:
    report = ended(cause="CALL_REJECTED", sip_code=403)

    assert final_word(report, answered=False) is State.FAILED
