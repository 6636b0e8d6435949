"""The kinds of sink that are measured, each set up to end at a `bench.receiver`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


SDK_EVENT = "com.twilio.voice.insights.call-event.sdk"
CALL_EVENT = "com.twilio.voice.status-callback.call.initiated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of sink. In `configuration` and `environment`, {url} is the receiver's.

    `environment` is for the server; `event_type` is what a sink is subscribed to.
    """

    key: str
    name: str
    sink_type: str
    configuration: Mapping[str, str | bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    event_type: str = SDK_EVENT

    def configuration_at(self, url: str) -> dict[str, str | bool]:
        """Return the sink's configuration for a receiver at `url`."""
        return {
            name: value.format(url=url) if isinstance(value, str) else value
            for name, value in self.configuration.items()
        }

    def environment_at(self, url: str) -> dict[str, str]:
        """Return what the server is set to for a receiver at `url`."""
        return {name: value.format(url=url) for name, value in self.environment.items()}


def _webhook(key: str, name: str, destination: str, *, batch: bool = False) -> Kind:
    return Kind(
        key=key,
        name=name,
        sink_type="webhook",
        configuration={
            "destination": destination,
            "method": "POST",
            "batch_events": batch,
        },
    )


WEBHOOK = _webhook("webhook", "webhook one by one", "{url}/events")
BATCHES = _webhook("batches", "webhook batched", "{url}/events", batch=True)

#: By what the roads out of one that takes posts are called, where they are taken apart.
ROADS = {"deliver": WEBHOOK, "batches": BATCHES}

#: Subscribed to what never comes.
UNMATCHED = replace(WEBHOOK, event_type=CALL_EVENT)

#: Takes requests, and never answers.
HUNG = _webhook("hung", "hung webhook", "{url}/hung")

#: Nobody listens there: a connection is refused at once.
DOWN = _webhook("down", "webhook that is down", "http://127.0.0.1:9/", batch=True)

KINESIS = Kind(
    key="kinesis",
    name="Kinesis",
    sink_type="kinesis",
    configuration={
        "arn": "arn:aws:kinesis:us-east-1:123456789012:stream/bench",
        "role_arn": "arn:aws:iam::123456789012:role/bench",
        "external_id": "bench",
    },
    environment={
        "TRUNKLINE_KINESIS_ENDPOINT_URL": "{url}/kinesis",
        "TRUNKLINE_STS_ENDPOINT_URL": "{url}/sts",
        "AWS_ACCESS_KEY_ID": "AKIABENCH",
        "AWS_SECRET_ACCESS_KEY": "secret",
    },
)

#: Segment is not for Voice SDK events.
SEGMENT = Kind(
    key="segment",
    name="Segment",
    sink_type="segment",
    configuration={"write_key": "bench"},
    environment={"TRUNKLINE_SEGMENT_ENDPOINT_URL": "{url}"},
    event_type=CALL_EVENT,
)


def further(number: int) -> Kind:
    """Return one more webhook, at a path of its own."""
    name = f"webhook {number}"
    return _webhook(f"webhook-{number}", name, f"{{url}}/events/{number}")
