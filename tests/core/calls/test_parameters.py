"""The parameters of callbacks, and their order."""

from typing import Any

import pytest

from trunkline.capture.calls.call import (
    Call,
    Direction,
    Place,
    advance,
)
from trunkline.capture.calls.callback_config import CallbackConfig
from trunkline.capture.calls.parameters import parameters
from trunkline.capture.calls.progress import (
    EndedBy,
    Progress,
    Recording,
    Report,
    Reported,
)


NOW_MS = 1_789_378_200_000

# The worked example of the specification: an answered call of 42 seconds.
WORKED_EXAMPLE = {
    "Called": "+14155550142",
    "ToState": "CA",
    "CallerCountry": "US",
    "Direction": "outbound-api",
    "Timestamp": "Mon, 14 Sep 2026 09:30:57 +0000",
    "CallbackSource": "call-progress-events",
    "CallerState": "DC",
    "ToZip": "94105",
    "SequenceNumber": "3",
    "CallSid": "CA9b2f61d07ce34a1fa85d40e6b37c1f92",
    "To": "+14155550142",
    "CallerZip": "20001",
    "ToCountry": "US",
    "CalledZip": "94105",
    "ApiVersion": "2010-04-01",
    "CalledCity": "SAN FRANCISCO",
    "CallStatus": "completed",
    "Duration": "1",
    "From": "+12025550123",
    "CallDuration": "42",
    "AccountSid": "AC4c1e9a7b02d84f5e8b6a1d3f90c7e258",
    "CalledCountry": "US",
    "CallerCity": "WASHINGTON",
    "ToCity": "SAN FRANCISCO",
    "FromCountry": "US",
    "Caller": "+12025550123",
    "FromCity": "WASHINGTON",
    "CalledState": "CA",
    "FromZip": "20001",
    "FromState": "DC",
}


def make_call(**changes: Any) -> Call:
    values: dict[str, Any] = {
        "sid": "CA9b2f61d07ce34a1fa85d40e6b37c1f92",
        "account_sid": "AC4c1e9a7b02d84f5e8b6a1d3f90c7e258",
        "to": "+14155550142",
        "from_": "+12025550123",
        "direction": Direction.OUTBOUND_API,
        "created_ms": NOW_MS,
        "updated_ms": NOW_MS,
        "callback": CallbackConfig(url="https://a.example/", events=tuple(Progress)),
    }
    return Call(**values | changes)


def of(call: Call, *reports: Report, extra: bool = False) -> dict[str, str]:
    owed = None
    for report in reports:
        call, owed = advance(call, report, NOW_MS)
    assert owed is not None
    pairs = parameters(call, owed, extra=extra)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def report(state: str, seconds: float = 0, **details: object) -> Report:
    at_ms = NOW_MS + int(seconds * 1000)
    return Report(leg="CA", state=Reported(state), at_ms=at_ms, **details)  # type: ignore[arg-type]


def test_the_worked_example_comes_out_in_its_order() -> None:
    call = make_call(
        from_place=Place(city="WASHINGTON", state="DC", zip="20001", country="US"),
        to_place=Place(city="SAN FRANCISCO", state="CA", zip="94105", country="US"),
    )
    found = of(
        call,
        report("initiated", 10),
        report("ringing", 11),
        report("answered", 15.3),
        report("ended", 57.412),
    )

    assert list(found.items()) == list(WORKED_EXAMPLE.items())


def test_unknown_places_are_empty_text() -> None:
    found = of(make_call(), report("initiated"))

    empty = {name for name, value in found.items() if value == ""}
    assert empty == {
        f"{party}{part}"
        for party in ("From", "To", "Caller", "Called")
        for part in ("City", "State", "Zip", "Country")
    }


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(0, "0"), (4, "1"), (49, "1"), (60, "1"), (61, "2")]
)
def test_duration_is_in_minutes_rounded_up(seconds: int, minutes: str) -> None:
    found = of(make_call(), report("answered"), report("ended", seconds))

    assert (found["CallDuration"], found["Duration"]) == (str(seconds), minutes)


def test_only_completed_has_durations() -> None:
    for state in ("initiated", "ringing", "answered"):
        found = of(make_call(), report(state))
        assert not {"CallDuration", "Duration", "SipResponseCode"} & set(found)


def test_a_busy_call_has_its_sip_code_between_source_and_state() -> None:
    names = list(of(make_call(), report("initiated"), report("ended", sip_code=486)))

    at = names.index("SipResponseCode")
    assert names[at - 1 : at + 2] == [
        "CallbackSource",
        "SipResponseCode",
        "CallerState",
    ]


def test_an_answered_call_has_no_sip_code() -> None:
    found = of(make_call(), report("answered"), report("ended", sip_code=200))

    assert "SipResponseCode" not in found


def test_what_applies_to_the_leg_comes_last() -> None:
    call = make_call(
        direction=Direction.INBOUND,
        parent_call_sid="CA00000000000000000000000000000001",
        details={"ForwardedFrom": "+15005550006", "CallSid": "never replaced"},
    )
    recording = Recording(url="https://r.example/1", sid="RE1", duration=3)
    found = of(
        call,
        report("answered", sip_call_id="abc@sip", answered_by="human"),
        report("ended", recording=recording),
    )

    assert list(found.items())[-6:] == [
        ("ParentCallSid", "CA00000000000000000000000000000001"),
        ("SipCallId", "abc@sip"),
        ("ForwardedFrom", "+15005550006"),
        ("RecordingUrl", "https://r.example/1"),
        ("RecordingSid", "RE1"),
        ("RecordingDuration", "3"),
    ]
    assert found["CallSid"] == call.sid
    assert found["AnsweredBy"] == "human"


def test_extra_parameters_are_off_until_asked_for() -> None:
    end = report("ended", ended_by=EndedBy.CALLEE, cause="NORMAL_CLEARING")

    plain = of(make_call(), end)
    extra = of(make_call(), end, extra=True)

    assert extra == {
        **plain,
        "HangupSource": "callee",
        "HangupCause": "NORMAL_CLEARING",
    }


def test_callstatus_says_in_progress_for_answered() -> None:
    assert of(make_call(), report("answered"))["CallStatus"] == "in-progress"
