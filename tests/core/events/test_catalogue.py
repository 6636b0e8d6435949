"""The table of event types."""

import pytest

from trunkline.events.catalogue import EVENT_TYPES, SinkType, Status


def test_the_catalogue_lists_the_nine_types_in_order() -> None:
    assert list(EVENT_TYPES) == [
        "com.twilio.voice.insights.call-event.sdk",
        "com.twilio.voice.status-callback.call.answered",
        "com.twilio.voice.status-callback.call.completed",
        "com.twilio.voice.status-callback.call.initiated",
        "com.twilio.voice.status-callback.call.ringing",
        "com.twilio.voice.webhook.status-callback.call.answered",
        "com.twilio.voice.webhook.status-callback.call.completed",
        "com.twilio.voice.webhook.status-callback.call.initiated",
        "com.twilio.voice.webhook.status-callback.call.ringing",
    ]


def test_a_deprecated_type_names_its_replacement() -> None:
    old = EVENT_TYPES["com.twilio.voice.webhook.status-callback.call.ringing"]

    assert old.status is Status.DEPRECATED
    assert old.replacement == "com.twilio.voice.status-callback.call.ringing"
    assert old.description == "Call Progress Event Ringing"


def test_only_deprecated_types_have_a_replacement() -> None:
    for row in EVENT_TYPES.values():
        assert (row.replacement is not None) == (row.status is Status.DEPRECATED)
        assert row.replacement is None or row.replacement in EVENT_TYPES


def test_segment_takes_the_current_call_progress_types_only() -> None:
    to_segment = {
        row.type for row in EVENT_TYPES.values() if SinkType.SEGMENT in row.sinks
    }

    assert to_segment == {
        "com.twilio.voice.status-callback.call.answered",
        "com.twilio.voice.status-callback.call.completed",
        "com.twilio.voice.status-callback.call.initiated",
        "com.twilio.voice.status-callback.call.ringing",
    }


def test_webhook_and_kinesis_take_every_type() -> None:
    for row in EVENT_TYPES.values():
        assert {SinkType.WEBHOOK, SinkType.KINESIS} <= row.sinks


def test_the_latest_version_of_every_type_is_2() -> None:
    assert {row.latest for row in EVENT_TYPES.values()} == {2}


@pytest.mark.parametrize(
    ("status", "can_be_subscribed", "needs_warning", "is_emitted"),
    [
        (Status.AVAILABLE, True, False, True),
        (Status.DEPRECATED, True, True, True),
        (Status.RESTRICTED, False, False, True),
        (Status.DISCONTINUED, False, False, False),
    ],
)
def test_a_status_says_who_gets_the_type(
    status: Status, *, can_be_subscribed: bool, needs_warning: bool, is_emitted: bool
) -> None:
    assert status.can_be_subscribed is can_be_subscribed
    assert status.needs_warning is needs_warning
    assert status.is_emitted is is_emitted
