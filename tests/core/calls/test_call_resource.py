"""Calls and call events as the API shows them."""

import pytest

from trunkline.api.call_resource import call_event_resource, snake_case
from trunkline.capture.calls.answers import Answer, Attempt, Problem
from trunkline.capture.calls.call_event import CallEvent


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("CallSid", "call_sid"),
        ("CallStatus", "call_status"),
        ("ApiVersion", "api_version"),
        ("SipHeader_X-Foo", "sip_header_x-foo"),
        ("To", "to"),
        ("Digits2Read", "digits2_read"),
        ("URL", "url"),
    ],
)
def test_parameter_names_are_in_snake_case(name: str, shown: str) -> None:
    assert snake_case(name) == shown


def test_a_request_without_an_answer_has_null_for_it() -> None:
    event = CallEvent(
        method="POST",
        url="https://app.example.com/voice/status?order=812",
        parameters=(("CallStatus", "ringing"),),
        problem=Problem(code=11205, level="error", message="HTTP connection failure"),
        attempts=(
            Attempt(
                started_ms=1_789_378_206_000, duration_ms=5001, status=None, code=11205
            ),
        ),
    )

    assert call_event_resource(event) == {
        "request": {
            "method": "POST",
            "url": "https://app.example.com/voice/status?order=812",
            "parameters": {"call_status": "ringing"},
        },
        "response": None,
        "error": {
            "code": 11205,
            "level": "error",
            "message": "HTTP connection failure",
        },
        "attempts": [
            {
                "date_created": "Mon, 14 Sep 2026 09:30:06 +0000",
                "duration": 5001,
                "response_code": None,
                "code": 11205,
            }
        ],
    }


def test_a_body_that_is_no_text_is_shown_as_well_as_may_be() -> None:
    answer = Answer(
        status=200, duration_ms=1, content_type="x/y", body=b"\xffok", completed_ms=0
    )
    event = CallEvent(method="GET", url="/", parameters=(), answer=answer)

    assert call_event_resource(event)["response"]["response_body"] == "\ufffdok"


def test_a_repeated_parameter_is_a_list() -> None:
    parameters = (
        ("StatusCallbackEvent", "ringing"),
        ("StatusCallbackEvent", "answered"),
    )
    event = CallEvent(method="POST", url="/", parameters=parameters)

    assert call_event_resource(event)["request"]["parameters"] == {
        "status_callback_event": ["ringing", "answered"]
    }
