"""Reading what comes in at the demo's receiver."""

import pytest

from trunkline.demo.arrivals import read_callback, read_events


RINGING = """[{"specversion":"1.0","type":"com.twilio.voice.status-callback.call.ringing",
 "id":"VW00000000000000000000000000000001","time":"2026-01-01T00:00:00.250Z",
 "data":{"sid":"CA00000000000000000000000000000001",
  "request":{"parameters":{"CallStatus":"ringing"}}}}]"""
MUTED = """[{"type":"com.twilio.voice.insights.call-event.sdk",
 "id":"EZ00000000000000000000000000000001","time":"2026-01-01T00:00:00.000Z",
 "data":{"call_sid":"CA1","group":"connection","name":"muted"}}]"""
MIDNIGHT_MS = 1_767_225_600_000


def test_a_progress_event_is_read() -> None:
    [event] = read_events(RINGING, received_ms=MIDNIGHT_MS + 300, verified=True)

    assert event.type == "com.twilio.voice.status-callback.call.ringing"
    assert event.call_sid == "CA00000000000000000000000000000001"
    assert event.detail == "ringing"
    assert event.latency_ms == 50
    assert event.verified


def test_an_sdk_event_is_read() -> None:
    [event] = read_events(MUTED, received_ms=MIDNIGHT_MS, verified=False)

    assert event.call_sid == "CA1"
    assert event.detail == "connection/muted"
    assert not event.verified


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "3",
        '{"id": "VW1"}',
        '["text"]',
        '[{"id": "VW1"}]',
        RINGING.replace("2026-01-01T00:00:00.250Z", "yesterday"),
    ],
)
def test_anything_else_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_events(body, received_ms=0, verified=True)


@pytest.mark.parametrize(
    ("status", "progress"),
    [
        ("initiated", "initiated"),
        ("ringing", "ringing"),
        ("in-progress", "answered"),
        ("completed", "completed"),
        ("busy", "completed"),
        ("no-answer", "completed"),
        ("failed", "completed"),
        ("canceled", "completed"),
    ],
)
def test_a_callback_tells_which_progress_it_reports(status: str, progress: str) -> None:
    fields = {"CallSid": "CA1", "CallStatus": status}

    assert read_callback(fields, verified=True).progress == progress


@pytest.mark.parametrize("fields", [{}, {"CallSid": "CA1"}, {"CallStatus": "busy"}])
def test_a_callback_without_call_or_status_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="not a status callback"):
        read_callback(fields, verified=True)
