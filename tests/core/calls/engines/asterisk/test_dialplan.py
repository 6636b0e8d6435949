"""Dial strings out of numbers, and calls out of the arguments of the dialplan."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.core.calls.engines.asterisk.recorded import ACCOUNT_SID, recording

from trunkline.capture.calls.call import Direction
from trunkline.capture.calls.engines.asterisk.dialplan import (
    Adopted,
    NoEndpoint,
    caller_id_of,
    dialled,
    endpoint_of,
    incoming,
)
from trunkline.capture.calls.engines.asterisk.events import call_sid_of
from trunkline.capture.calls.progress import Progress


TEMPLATE = "PJSIP/{number}@trunk"


def test_a_number_takes_its_place_in_the_dial_string() -> None:
    assert endpoint_of(TEMPLATE, "+14155550142") == "PJSIP/+14155550142@trunk"
    assert endpoint_of("PJSIP/{number}", "client:alice") == "PJSIP/alice"


@pytest.mark.parametrize(
    "to",
    ["", "client:", "sip:bob@pbx.example", "1&PJSIP/2", "1@other", "1,60", "1/2", "१"],
)
def test_what_would_change_the_dial_string_is_not_dialled(to: str) -> None:
    with pytest.raises(NoEndpoint):
        endpoint_of(TEMPLATE, to)


@given(st.text())
def test_no_address_reaches_beyond_its_place(to: str) -> None:
    try:
        endpoint = endpoint_of(TEMPLATE, to)
    except NoEndpoint:
        return
    inner = endpoint.removeprefix("PJSIP/").removesuffix("@trunk")
    assert not set(inner) & set('&,/@()|;${}[]<>" \n')


def test_a_caller_id_is_a_number_or_a_name() -> None:
    assert caller_id_of("+12025550123") == "+12025550123"
    assert caller_id_of("client:ann") == "ann"
    assert caller_id_of('"Evil" <1>') is None


def entered(*arguments: str) -> Adopted:
    """A call that has entered the application with these arguments."""
    [event] = [e for e in recording("followed-answered") if e.type == "StasisStart"]
    return incoming(
        replace(event, args=arguments),
        account_sid=ACCOUNT_SID,
        now_ms=7,
        networks=(ip_network("127.0.0.0/8"),),
    )


def test_who_calls_and_who_is_called_come_from_the_dialplan() -> None:
    call, warnings = entered()

    assert (call.from_, call.to) == ("+15550001111", "15550001000")
    assert call.direction is Direction.INBOUND
    assert (call.account_sid, call.created_ms) == (ACCOUNT_SID, 7)
    assert call.callback is None
    assert warnings == ()


def test_arguments_are_named_as_in_the_calls_api() -> None:
    call, warnings = entered(
        "StatusCallback=http://127.0.0.1:8080/progress?a=b",
        "StatusCallbackEvent=answered initiated",
        "StatusCallbackMethod=GET",
        "To=+14155550142",
        "From=client:ann",
    )

    assert call.callback is not None
    assert call.callback.url == "http://127.0.0.1:8080/progress?a=b"
    assert call.callback.method == "GET"
    assert call.callback.events == (Progress.INITIATED, Progress.ANSWERED)
    assert (call.to, call.from_) == ("+14155550142", "client:ann")
    assert warnings == ()


def test_without_events_only_completed_is_called_back() -> None:
    call, _ = entered("StatusCallback=http://127.0.0.1/")

    assert call.callback is not None
    assert call.callback.events == (Progress.COMPLETED,)


@pytest.mark.parametrize(
    ("argument", "warning"),
    [
        ("StatusCallback=nowhere", "StatusCallback is not valid"),
        ("StatusCallback=http://10.0.0.1/", "StatusCallback is not valid"),
        ("Colour=red", "unknown argument 'Colour'"),
    ],
)
def test_a_wrong_argument_is_told_and_left_out(argument: str, warning: str) -> None:
    call, [told] = entered(argument)

    assert call.callback is None
    assert told.startswith(warning)


def test_a_wrong_word_leaves_the_others_in_force() -> None:
    call, warnings = entered(
        "StatusCallback=http://127.0.0.1/",
        "StatusCallbackEvent=ringing,answered busy ringing",
        "StatusCallbackMethod=PUT",
    )

    assert call.callback is not None
    assert call.callback.events == (Progress.RINGING,)
    assert call.callback.method == "POST"
    assert len(warnings) == 3


def test_what_the_dialplan_dials_is_a_child_with_its_parents_callback() -> None:
    parent = entered("StatusCallback=http://127.0.0.1/").call
    event = next(e for e in recording("followed-answered") if e.type == "Dial")
    child = dialled(event, parent, 9)

    assert child.direction is Direction.OUTBOUND_DIAL
    assert child.parent_call_sid == parent.sid
    assert (child.from_, child.to) == ("+15550001111", "15550001000")
    assert child.callback == parent.callback
    assert child.sip_call_id is not None
    assert child.sid == call_sid_of(event.about)
