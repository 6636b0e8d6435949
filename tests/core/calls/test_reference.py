"""docs/reference/call-progress.md and simulator.md say what the code does."""

import re
from pathlib import Path

import pytest

from trunkline.capture.calls import answers, outcome, overrides, twiml
from trunkline.capture.calls.call import Call, Direction, Owed
from trunkline.capture.calls.parameters import parameters
from trunkline.capture.calls.progress import (
    EndedBy,
    Progress,
    Recording,
    Report,
    Reported,
    State,
)
from trunkline.capture.calls.registration import REPORT_FIELDS
from trunkline.capture.calls.scenarios import BY_ENDING, plan_of
from trunkline.settings import Settings


ROOT = Path(__file__).parents[3] / "docs/reference"
PAGE = (ROOT / "call-progress.md").read_text("utf-8")
SIMULATOR = (ROOT / "simulator.md").read_text("utf-8")


def column(heading: str, page: str = PAGE, at: int = 0) -> list[str]:
    """The cells of a column of the table whose first heading this is, unquoted."""
    table = page.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    rows = table.splitlines()[2:]
    return [row.strip("| ").split(" | ")[at].strip("` ") for row in rows]


def ended(**details: object) -> Report:
    return Report(leg="CA1", state=Reported.ENDED, **details)  # type: ignore[arg-type]


def test_the_parameters_are_those_that_are_sent_in_that_order() -> None:
    call = Call(
        sid="CA1",
        account_sid="AC1",
        to="b",
        from_="a",
        direction=Direction.INBOUND,
        created_ms=0,
        updated_ms=0,
        state=State.BUSY,
        parent_call_sid="CA2",
        application_sid="AP1",
        answered_by="human",
        sip_code=486,
        sip_call_id="x@y",
        ended_by=EndedBy.CALLEE,
        cause="BUSY",
        recording=Recording(url="u", sid="RE1", duration=1),
    )
    sent = parameters(call, Owed(Progress.COMPLETED, 0, 0), extra=True)

    assert column("Parameter") == [name for name, _ in sent]


def test_the_codes_are_those_of_the_code() -> None:
    codes = {
        *(code for code, _, _ in answers._FAILURES.values()),
        *(
            problem.code
            for problem in (answers.TOO_MANY_REDIRECTS, answers.BROKEN_REDIRECT)
        ),
        *(
            problem.code
            for judge in (answers.of_status, answers.of_document_status)
            if (problem := judge(500).problem)
        ),
        answers.bad_overrides(("rc",)).code,
        twiml.TOO_LARGE,
        twiml.NOT_A_DOCUMENT,
        twiml.WRONG_ROOT,
        twiml.NOT_VALID,
        twiml.BAD_CALLBACK_URL,
        twiml.BAD_CALLBACK_EVENT,
    }

    assert sorted(map(int, column("Code"))) == sorted(codes)


@pytest.mark.parametrize(
    ("code", "word"),
    list(zip(column("SIP status"), column("SIP status", at=1), strict=True)),
)
def test_a_sip_status_has_the_final_word_of_the_table(code: str, word: str) -> None:
    number = int(code) if code.isdigit() else 404
    for chosen in (State.BUSY, State.CANCELED):
        by_setting = word == f"setting `TRUNKLINE_SIP_{code}"
        expected = chosen.value if by_setting else word
        disputed = dict.fromkeys(outcome.DISPUTED, chosen)
        report = ended(sip_code=number)
        assert outcome.final_word(report, answered=False, disputed=disputed) == expected


def test_what_a_disputed_sip_status_is_by_default_the_settings_say() -> None:
    defaults = Settings()

    for code, word in outcome.DISPUTED.items():
        assert getattr(defaults, f"sip_{code}") == word.value


@pytest.mark.parametrize(
    ("cause", "word"),
    list(zip(column("Q.850 cause"), column("Q.850 cause", at=1), strict=True)),
)
def test_a_cause_has_the_final_word_of_the_table(cause: str, word: str) -> None:
    number = int(cause) if cause.isdigit() else 38
    for declined in (State.BUSY, State.NO_ANSWER):
        expected = declined.value if word.startswith("as SIP") else word
        disputed = {**outcome.DISPUTED, 603: declined}
        report = ended(q850=number)
        assert outcome.final_word(report, answered=False, disputed=disputed) == expected


def test_the_overrides_are_those_of_the_grammar() -> None:
    assert column("Key") == list(overrides._GRAMMAR)
    shown = overrides.overrides_of(
        "#"
        + "&".join(
            f"{k}={v}"
            for k, v in zip(
                column("Key"),
                (cell.strip("`") for cell in column("Key", at=2)),
                strict=True,
            )
        )
    )
    assert shown == (overrides.DOCUMENTED, ())


def test_the_fields_of_a_report_are_all_there() -> None:
    assert column("Field") == list(REPORT_FIELDS)


def test_the_simulators_endings_are_all_there() -> None:
    assert column("`To` ends in", SIMULATOR) == list(BY_ENDING)


def final(to: str) -> str:
    plan = plan_of(to, instructed=False)
    report = Report(leg="CA1", state=plan[-1].state, **plan[-1].details)
    answered = any(step.state is Reported.ANSWERED for step in plan)
    return outcome.final_word(report, answered=answered).value


@pytest.mark.parametrize("code", [200, 401, 404, 408, 480, 486, 487, 503, 600, 603])
def test_every_sip_status_can_be_had(code: int) -> None:
    expected = outcome.final_word(ended(sip_code=code), answered=False)

    assert final(f"+15005551{code}") == expected
    assert final(f"sip:ann@a.example;sim-sip={code}") == expected


@pytest.mark.parametrize("cause", [1, 3, 16, 17, 18, 19, 21, 26, 34, 127])
def test_every_cause_can_be_had(cause: int) -> None:
    expected = outcome.final_word(ended(q850=cause), answered=False)

    assert final(f"+15005552{cause:03}") == expected
    assert final(f"client:bob;sim-q850={cause}") == expected


def test_the_options_are_all_there() -> None:
    options = {re.match(r"sim-(\w+)=", cell)[1] for cell in column("Option", SIMULATOR)}  # type: ignore[index]

    assert options == {"ring", "talk", "sip", "q850", "cause", "by"}
    assert final("client:bob;sim-cause=NO_ANSWER") == "no-answer"
    assert final("client:bob;sim-by=caller") == "canceled"
    assert final("client:bob;sim-talk=3") == "completed"
    states = [s.state for s in plan_of("client:bob;sim-ring=0", instructed=True)]
    assert states == ["initiated", "answered"]
    states = [s.state for s in plan_of("client:bob;sim-ring=on", instructed=False)]
    assert states == ["initiated", "ringing"]
