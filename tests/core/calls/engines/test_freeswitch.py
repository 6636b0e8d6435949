"""FreeSWITCH's events, written after its documentation and the table of the spec."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.capture.calls import outcome
from trunkline.capture.calls.engines.freeswitch import NotAnEvent, parse, report_of
from trunkline.capture.calls.progress import EndedBy, Report, State


CALL_SID = "CA0123456789abcdef0123456789abcdef"
CHANNEL_ID = "7f4de4bc-17d7-11dd-b7a0-db4edd065621"


def text(name: str, **headers: str) -> str:
    """An event in the `plain` format."""
    shown = {
        "Event-Name": name,
        "Event-Date-Timestamp": "1795168651574123",
        "Unique-ID": CHANNEL_ID,
        "Call-Direction": "outbound",
        **{key.replace("__", "-"): value for key, value in headers.items()},
    }
    return "".join(f"{key}: {value}\n" for key, value in shown.items()) + "\n"


def report(name: str, **headers: str) -> Report:
    found = report_of(parse(text(name, **headers)))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("CHANNEL_CREATE", "initiated"),
        ("CHANNEL_OUTGOING", "initiated"),
        ("CHANNEL_ORIGINATE", "initiated"),
        ("CHANNEL_PROGRESS", "ringing"),
        ("CHANNEL_PROGRESS_MEDIA", "ringing"),
        ("CHANNEL_ANSWER", "answered"),
        ("CHANNEL_HANGUP_COMPLETE", "ended"),
    ],
)
def test_events_report_the_states_of_the_table(name: str, state: str) -> None:
    found = report(name)

    assert (found.state, found.leg, found.at_ms) == (state, CHANNEL_ID, 1795168651574)


@pytest.mark.parametrize("name", ["CHANNEL_HANGUP", "HEARTBEAT", "CHANNEL_BRIDGE"])
def test_other_events_report_nothing(name: str) -> None:
    assert report_of(parse(text(name))) is None


def test_a_channel_that_carries_a_call_sid_is_that_call() -> None:
    found = report("CHANNEL_ANSWER", variable_trunkline_call_sid=CALL_SID.upper())

    assert found.leg == CALL_SID


def test_values_are_percent_encoded() -> None:
    found = report("CHANNEL_ANSWER", variable_sip_call_id="a%40b%3A1")

    assert found.sip_call_id == "a@b:1"


@pytest.mark.parametrize(
    ("cause", "q850", "sip", "word"),
    [
        ("USER_BUSY", "17", "486", State.BUSY),
        ("USER_BUSY", "17", "600", State.BUSY),
        ("NO_ANSWER", "19", "", State.NO_ANSWER),
        ("NO_USER_RESPONSE", "18", "480", State.NO_ANSWER),
        ("ALLOTTED_TIMEOUT", "602", "", State.NO_ANSWER),
        ("PROGRESS_TIMEOUT", "607", "", State.NO_ANSWER),
        ("RECOVERY_ON_TIMER_EXPIRE", "102", "408", State.NO_ANSWER),
        ("RECOVERY_ON_TIMER_EXPIRE", "102", "504", State.FAILED),
        ("CALL_REJECTED", "21", "603", State.BUSY),
        ("CALL_REJECTED", "21", "403", State.FAILED),
        ("CALL_REJECTED", "21", "608", State.FAILED),
        ("CALL_REJECTED", "21", "", State.BUSY),
        ("DECLINE", "21", "603", State.BUSY),
        ("ORIGINATOR_CANCEL", "487", "487", State.CANCELED),
        ("LOSE_RACE", "502", "", State.CANCELED),
        ("PICKED_OFF", "601", "", State.CANCELED),
        ("MANAGER_REQUEST", "503", "", State.CANCELED),
        ("UNALLOCATED_NUMBER", "1", "404", State.FAILED),
        ("NO_ROUTE_DESTINATION", "3", "", State.FAILED),
        ("INVALID_NUMBER_FORMAT", "28", "484", State.FAILED),
        ("NORMAL_TEMPORARY_FAILURE", "41", "503", State.FAILED),
        ("NETWORK_OUT_OF_ORDER", "38", "502", State.FAILED),
        ("INCOMPATIBLE_DESTINATION", "88", "488", State.FAILED),
        ("GATEWAY_DOWN", "608", "", State.FAILED),
        ("INVALID_GATEWAY", "609", "", State.FAILED),
        ("USER_NOT_REGISTERED", "606", "", State.FAILED),
        ("SUBSCRIBER_ABSENT", "20", "", State.FAILED),
    ],
)
def test_causes_of_calls_never_answered_give_the_words_of_the_table(
    cause: str, q850: str, sip: str, word: State
) -> None:
    found = report(
        "CHANNEL_HANGUP_COMPLETE",
        Hangup__Cause=cause,
        variable_hangup_cause_q850=q850,
        variable_sip_term_status=sip,
    )

    assert outcome.final_word(found, answered=False) is word


def test_an_invite_that_failed_gives_its_code_where_no_other_is() -> None:
    found = report("CHANNEL_HANGUP_COMPLETE", variable_sip_invite_failure_status="480")

    assert found.sip_code == 480


@pytest.mark.parametrize(
    ("disposition", "direction", "ended_by"),
    [
        ("recv_bye", "outbound", EndedBy.CALLEE),
        ("recv_refuse", "outbound", EndedBy.CALLEE),
        ("recv_bye", "inbound", EndedBy.CALLER),
        ("recv_cancel", "inbound", EndedBy.CALLER),
        ("send_bye", "outbound", EndedBy.ENGINE),
        ("send_cancel", "outbound", EndedBy.ENGINE),
    ],
)
def test_who_hung_up_is_who_sent_the_last_word(
    disposition: str, direction: str, ended_by: EndedBy
) -> None:
    found = report(
        "CHANNEL_HANGUP_COMPLETE",
        Call__Direction=direction,
        variable_sip_hangup_disposition=disposition,
    )

    assert found.ended_by is ended_by


def test_a_body_and_carriage_returns_do_no_harm() -> None:
    lines = text("CHANNEL_ANSWER", Content__Length="5").replace("\n", "\r\n")

    assert parse(lines + "Event-Name: HEARTBEAT").name == "CHANNEL_ANSWER"


@pytest.mark.parametrize(
    "wrong",
    ["", "\n\n", "Unique-ID: 1\n\n", "no colon\n\n", "A: 1\n" * 2001, "A" * 262_145],
)
def test_what_is_no_event_is_refused(wrong: str) -> None:
    with pytest.raises(NotAnEvent):
        parse(wrong)


@given(st.text())
def test_no_text_breaks_the_parser(anything: str) -> None:
    with suppress(NotAnEvent):
        report_of(parse(anything))
