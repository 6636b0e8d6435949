"""The recorded Voice SDK call, and how it is made new."""

import json
from typing import Any

import pytest

from trunkline.demo import recording
from trunkline.demo.recording import CallIds, Recorded, Recording


NEW = CallIds("CA" + "7" * 32, "TJS00000000-0000-4000-8000-000000000000")


@pytest.fixture(scope="module")
def recorded() -> Recording:
    return recording.load()


def renewed(recorded: Recording, request: Recorded, now_ms: int) -> dict[str, Any]:
    body = recording.body_of(request, recorded.ids, NEW, now_ms)
    parsed: dict[str, Any] = json.loads(body)
    return parsed


def events_of(recorded: Recording) -> list[Recorded]:
    return [request for request in recorded.requests if request.is_event]


def test_the_recording_holds_a_whole_call(recorded: Recording) -> None:
    names = [request.body and request.body["name"] for request in events_of(recorded)]

    assert recorded.events == 34
    assert names[:2] == ["init", "outgoing"]
    assert names[-1] == "disconnected-by-local"
    assert recorded.ids.call_sid.startswith("CA")
    assert recorded.ids.temp_call_sid.startswith("TJS")


def test_the_recording_holds_no_token(recorded: Recording) -> None:
    for request in recorded.requests:
        assert "x-twilio-token" not in request.headers


def test_neither_metrics_nor_preflights_make_events(recorded: Recording) -> None:
    others = [request for request in recorded.requests if not request.is_event]

    assert {(request.method, request.path) for request in others} == {
        ("OPTIONS", "/v4/EndpointEvents"),
        ("OPTIONS", "/v4/EndpointMetrics"),
        ("POST", "/v4/EndpointMetrics"),
    }


def test_a_body_posted_as_it_was_is_as_long_as_it_was(recorded: Recording) -> None:
    for request in recorded.requests:
        if request.body is not None:
            body = recording.body_of(
                request, recorded.ids, recorded.ids, request.received_ms
            )
            assert len(body) == int(request.headers["content-length"])
            assert json.loads(body) == request.body


def test_a_preflight_has_no_body(recorded: Recording) -> None:
    assert recording.body_of(recorded.requests[0], recorded.ids, NEW, 0) == b""


def test_a_new_call_has_none_of_the_recorded_ids(recorded: Recording) -> None:
    for request in recorded.requests:
        body = recording.body_of(request, recorded.ids, NEW, 0).decode()
        assert recorded.ids.call_sid not in body
        assert recorded.ids.temp_call_sid not in body

    last = renewed(recorded, events_of(recorded)[-1], 0)
    assert last["payload"]["call_sid"] == NEW.call_sid
    assert last["payload"]["temp_call_sid"] == NEW.temp_call_sid


def test_times_move_to_the_moment_of_posting(recorded: Recording) -> None:
    first = events_of(recorded)[0]

    # Recorded 42 ms before it came in.
    assert renewed(recorded, first, 1_000)["timestamp"] == "1970-01-01T00:00:00.958Z"


def test_times_of_samples_move_too(recorded: Recording) -> None:
    [metrics, _] = [
        r for r in recorded.requests if r.path == "/v4/EndpointMetrics" and r.body
    ]

    samples = renewed(recorded, metrics, 100_000)["payload"]

    assert {sample["timestamp"][:16] for sample in samples} == {"1970-01-01T00:01"}


def test_pauses_are_the_recorded_ones_up_to_a_limit(recorded: Recording) -> None:
    pauses = recorded.pauses()

    assert len(pauses) == len(recorded.requests)
    assert pauses[:5] == [0, 0.001, 0.019, 0.001, 0]
    assert max(pauses) == 0.2
