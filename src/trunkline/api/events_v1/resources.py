"""Bodies of Events v1 and what their fields mean, in the order of the wire.

Spec event-streams 2.4 and 2.5.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from trunkline.events.catalogue import SinkType, Status
from trunkline.streams.sinks import SinkStatus


Date = Annotated[
    str,
    Meta(description="UTC, to the second.", extra_json_schema={"format": "date-time"}),
]
Url = Annotated[str, Meta(extra_json_schema={"format": "uri"})]


class TypeLinks(msgspec.Struct, frozen=True):
    """What belongs to an event type."""

    schema: Url


class Type(msgspec.Struct, frozen=True):
    """An event type."""

    date_created: Date
    date_updated: Date
    type: str
    schema_id: str
    status: Annotated[Status, Meta(description="Where the type is in its life.")]
    documentation_url: Url | None
    description: str
    url: Url
    links: TypeLinks


class SchemaLinks(msgspec.Struct, frozen=True):
    """What belongs to a schema."""

    versions: Url


class Schema(msgspec.Struct, frozen=True):
    """A schema of the data of event types."""

    id: str
    url: Url
    latest_version_date_created: Date
    latest_version: int
    links: SchemaLinks


class SchemaVersion(msgspec.Struct, frozen=True):
    """A version of a schema; `raw` is the address of its JSON Schema."""

    id: str
    schema_version: int
    date_created: Date
    url: Url
    raw: Url


class SinkLinks(msgspec.Struct, frozen=True):
    """What can be done with a sink."""

    sink_test: Url
    sink_validate: Url


class Sink(msgspec.Struct, frozen=True):
    """A place to which events go; its configuration is shown with its secrets."""

    status: SinkStatus
    sink_configuration: dict[str, Any]
    description: str
    sid: Annotated[str, Meta(pattern="^DG[0-9a-f]{32}$")]
    sink_type: SinkType
    date_created: Date
    date_updated: Date
    url: Url
    links: SinkLinks


class SinkTest(msgspec.Struct, frozen=True):
    """A test event is on its way."""

    result: Annotated[str, Meta(description="Always `submitted`.")] = "submitted"


class SinkValidation(msgspec.Struct, frozen=True):
    """The test event has arrived."""

    result: Annotated[str, Meta(description="Always `valid`.")] = "valid"


class SubscriptionLinks(msgspec.Struct, frozen=True):
    """What belongs to a subscription."""

    subscribed_events: Url


class Subscription(msgspec.Struct, frozen=True):
    """Events of chosen types, to one sink."""

    account_sid: str
    sid: Annotated[str, Meta(pattern="^DF[0-9a-f]{32}$")]
    date_created: Date
    date_updated: Date
    sink_sid: str
    description: str
    url: Url
    links: SubscriptionLinks


class SubscribedEvent(msgspec.Struct, frozen=True):
    """One type of a subscription, in one schema version."""

    account_sid: str
    subscription_sid: str
    type: str
    schema_version: int
    url: Url
