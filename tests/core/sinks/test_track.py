"""From events to Track messages: the mapping, row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.sinks.events import (
    ACCOUNT,
    CALL,
    TEST_ID,
    event_with,
    progress_event,
    shown,
    sink_test,
)

from trunkline.sinks.track import message_of


def test_a_whole_message() -> None:
    event = progress_event(Direction="outbound-api", To="+14155550100", From="+1")

    assert message_of(event) == (
        b'{"type":"track",'
        b'"event":"com.twilio.voice.status-callback.call.ringing",'
        b'"messageId":"VW00000000000000000000000000000001",'
        b'"timestamp":"2026-01-01T00:00:00.000Z",'
        b'"properties":' + event.data + b',"userId":"+14155550100"}'
    )


@pytest.mark.parametrize(
    ("direction", "user_id"),
    [
        ("inbound", "+14155550199"),
        ("outbound-api", "+14155550100"),
        ("outbound-dial", "+14155550100"),
        ("", "+14155550100"),
    ],
)
def test_the_user_is_who_is_not_us(direction: str, user_id: str) -> None:
    event = progress_event(Direction=direction, From="+14155550199", To="+14155550100")

    assert shown(message_of(event))["userId"] == user_id


@pytest.mark.parametrize(
    ("party", "user_id"),
    [
        ("client:alice", "alice"),
        ("client:client:alice", "client:alice"),
        ("sip:alice@example.org", "sip:alice@example.org"),
        ("sips:client:alice@example.org", "sips:client:alice@example.org"),
        ("+14155550100", "+14155550100"),
        ("Älice 😀", "Älice 😀"),
    ],
)
def test_only_the_prefix_of_clients_is_removed(party: str, user_id: str) -> None:
    assert shown(message_of(progress_event(To=party)))["userId"] == user_id


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"To": ""},
        {"To": "client:"},
        {"Direction": "inbound", "To": "+14155550100"},
        {"Direction": "outbound-api", "From": "+14155550100"},
    ],
)
def test_without_a_party_the_call_stands_for_the_user(
    parameters: dict[str, str],
) -> None:
    message = shown(message_of(progress_event(**parameters)))

    assert "userId" not in message
    assert message["anonymousId"] == CALL


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b'{"request":null}',
        b'{"request":{}}',
        b'{"request":{"parameters":[]}}',
        b'{"request":{"parameters":{"To":7}}}',
        b'{"request":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
)
def test_data_of_another_shape_has_no_party(data: bytes) -> None:
    message = message_of(event_with(data))

    assert message.endswith(
        b',"properties":%b,"anonymousId":"%b"}' % (data, CALL.encode())
    )


def test_without_a_call_the_event_stands_for_the_user() -> None:
    message = shown(message_of(event_with(b"{}", call_sid="")))

    assert message["anonymousId"] == "VW00000000000000000000000000000001"


def test_a_test_event_has_its_test_id_for_deduplication() -> None:
    assert shown(message_of(sink_test())) == {
        "type": "track",
        "event": "com.twilio.eventstreams.test-event",
        "messageId": TEST_ID,
        "timestamp": "2026-06-10T06:02:54.377Z",
        "properties": {"test_id": TEST_ID},
        "anonymousId": ACCOUNT,
    }


@given(
    st.dictionaries(st.sampled_from(["Direction", "From", "To", "Other"]), st.text()),
    st.sampled_from(["", CALL]),
)
def test_exactly_one_of_user_and_stand_in_is_sent(
    parameters: dict[str, str], call_sid: str
) -> None:
    event = progress_event(1, call_sid, **parameters)
    message = shown(message_of(event))

    assert ("userId" in message) != ("anonymousId" in message)
    assert message.get("userId") or message.get("anonymousId")
    assert message["properties"] == shown(event.data)
