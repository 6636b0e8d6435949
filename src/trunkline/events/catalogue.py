"""The nine event types, as one table (spec event-streams 8)."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Where an event type is in its life (spec event-streams 8.2).

    A type goes down this list, never up. Whether it may be subscribed holds for new
    subscriptions and for additions to existing ones alike.
    """

    AVAILABLE = "available"
    DEPRECATED = "deprecated"
    RESTRICTED = "restricted"
    DISCONTINUED = "discontinued"

    @property
    def can_be_subscribed(self) -> bool:
        """Whether a subscription may ask for the type."""
        return self in {Status.AVAILABLE, Status.DEPRECATED}

    @property
    def needs_warning(self) -> bool:
        """Whether whoever subscribes is told to use another type."""
        return self is Status.DEPRECATED

    @property
    def is_emitted(self) -> bool:
        """Whether those who have subscribed still get the type."""
        return self is not Status.DISCONTINUED


class SinkType(StrEnum):
    """The kinds of sink."""

    WEBHOOK = "webhook"
    KINESIS = "kinesis"
    SEGMENT = "segment"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """One row of the catalogue.

    `versions` are the schema versions that can be subscribed, the last is the latest;
    `replacement` is the type to use in place of a deprecated one.
    """

    type: str
    schema_id: str
    status: Status
    description: str
    replacement: str | None
    sinks: frozenset[SinkType]
    versions: tuple[int, ...] = (1, 2)

    @property
    def latest(self) -> int:
        """The newest schema version."""
        return self.versions[-1]


WEBHOOK_EVENT = "Voice.WebhookEvent"
CALL_EVENT = "VoiceInsights.CallEvent"

PROGRESS = ("initiated", "ringing", "answered", "completed")

SDK_EVENT_TYPE = "com.twilio.voice.insights.call-event.sdk"

# The test event is not in the catalogue: it is neither listed nor subscribed (4.3).
TEST_EVENT_TYPE = "com.twilio.eventstreams.test-event"
TEST_EVENT_SOURCE = "Sink"
TEST_SINK = "EventStreams.TestSink"
TEST_SINK_VERSION = "1.json"


def progress_type(progress: str) -> str:
    """Return the event type of a progress event, e.g. of `ringing`."""
    return f"com.twilio.voice.status-callback.call.{progress}"


def deprecated_progress_type(progress: str) -> str:
    """Return the deprecated twin of `progress_type`."""
    return f"com.twilio.voice.webhook.status-callback.call.{progress}"


_AWS_AND_WEBHOOK = frozenset({SinkType.WEBHOOK, SinkType.KINESIS})

_TYPES = (
    *(
        EventType(
            type=progress_type(progress),
            schema_id=WEBHOOK_EVENT,
            status=Status.AVAILABLE,
            description=f"Call Progress Event {progress.capitalize()}",
            replacement=None,
            sinks=frozenset(SinkType),
        )
        for progress in PROGRESS
    ),
    *(
        EventType(
            type=deprecated_progress_type(progress),
            schema_id=WEBHOOK_EVENT,
            status=Status.DEPRECATED,
            description=f"Call Progress Event {progress.capitalize()}",
            replacement=progress_type(progress),
            sinks=_AWS_AND_WEBHOOK,
        )
        for progress in PROGRESS
    ),
    EventType(
        type=SDK_EVENT_TYPE,
        schema_id=CALL_EVENT,
        status=Status.AVAILABLE,
        description="Voice SDK Events Captured",
        replacement=None,
        sinks=_AWS_AND_WEBHOOK,
    ),
)

EVENT_TYPES = {row.type: row for row in sorted(_TYPES, key=lambda row: row.type)}


def schema_of(event_type: str) -> str:
    """Return the schema id of an event type of the catalogue."""
    return EVENT_TYPES[event_type].schema_id


def latest_version(event_type: str) -> int:
    """Return the newest schema version of an event type; 1 for test events."""
    row = EVENT_TYPES.get(event_type)
    return 1 if row is None else row.latest
