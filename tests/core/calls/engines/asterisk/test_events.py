"""ARI's events and what they mean, from recorded traffic and the table of the spec."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.calls.engines.asterisk.recorded import DATA, recording

from trunkline.capture.calls.engines.asterisk import events
from trunkline.capture.calls.engines.asterisk.events import (
    Channel,
    Event,
    Unreadable,
    call_sid_of,
    state_of,
)
from trunkline.capture.calls.progress import Reported
from trunkline.events.ids import is_sid


CHANNEL = {"id": "1795168611.33", "state": "Down"}


def read(**fields: object) -> Event:
    event = events.decode(json.dumps(fields))
    assert event is not None
    return event


@pytest.mark.parametrize(
    ("dialstatus", "state"),
    [
        ("", Reported.INITIATED),
        ("RINGING", Reported.RINGING),
        ("PROGRESS", Reported.RINGING),
        ("ANSWER", Reported.ANSWERED),
        ("PROCEEDING", None),
        ("BUSY", None),
    ],
)
def test_what_dial_says_is_about_the_party_that_is_dialled(
    dialstatus: str, state: Reported | None
) -> None:
    event = read(type="Dial", dialstatus=dialstatus, peer=CHANNEL)

    assert event.about.id == "1795168611.33"
    assert state_of(event) is state


@pytest.mark.parametrize(
    ("channel_state", "state"),
    [
        ("Ring", Reported.INITIATED),
        ("Ringing", Reported.RINGING),
        ("Up", Reported.ANSWERED),
        ("Down", None),
        ("Busy", None),
    ],
)
def test_only_the_called_side_rings(channel_state: str, state: Reported | None) -> None:
    channel = CHANNEL | {"state": channel_state}

    assert state_of(read(type="ChannelStateChange", channel=channel)) is state


def test_a_channel_begins_and_ends() -> None:
    assert state_of(read(type="ChannelCreated", channel=CHANNEL)) is Reported.INITIATED
    ended = read(type="ChannelDestroyed", cause=17, tech_cause=486, channel=CHANNEL)
    assert state_of(ended) is Reported.ENDED
    assert (ended.cause, ended.tech_cause) == (17, 486)


@pytest.mark.parametrize(
    "path", sorted(DATA.glob("*.jsonl")), ids=lambda path: path.stem
)
def test_everything_that_asterisk_said_can_be_read(path: object) -> None:
    heard = recording(path.stem)  # type: ignore[attr-defined]

    assert {event.type for event in heard} >= {"ChannelDestroyed", "Dial"}


def test_what_is_not_in_use_is_passed_over() -> None:
    message = '{"type": "ContactStatusChange", "peer": "not even a channel"}'

    assert events.decode(message) is None


@pytest.mark.parametrize(
    "message",
    [
        "",
        '{"type": "ChannelVarset", "channel": {"id":' + "[" * 3000,
        "[]",
        '{"no": "type"}',
        '{"type": "Dial", "dialstatus": ""}',
        '{"type": "StasisStart", "channel": {"state": "Up"}}',
        '{"type": "ChannelDestroyed", "channel": {"id": "1"}, "cause": "busy"}',
    ],
)
def test_what_cannot_be_read_is_refused(message: str) -> None:
    with pytest.raises(Unreadable):
        events.decode(message)


@given(st.binary())
def test_no_message_breaks_the_reader(message: bytes) -> None:
    with suppress(Unreadable):
        events.decode(message)


def test_a_channel_that_we_dialled_has_the_sid_of_its_call() -> None:
    sid = "CA0123456789abcdef0123456789abcdef"

    assert call_sid_of(Channel(id=sid, creationtime="whenever")) == sid


def test_any_other_channel_always_gets_the_same_sid() -> None:
    [first, *others] = recording("answered")
    sid = call_sid_of(first.about)
    same = [e for e in others if e.about.id == first.about.id]

    assert is_sid(sid, "CA")
    # First the time of its creation: 2026-11-20T09:56:51.603Z.
    assert int(sid[2:14], 16) == 1795168611603
    assert {call_sid_of(event.about) for event in same} == {sid}
    assert call_sid_of(first.about) != call_sid_of(
        Channel(id="1795168611.33", creationtime=first.about.creationtime)
    )
