"""How types, sinks and subscriptions are shown (spec event-streams 2.4)."""

from trunkline.api.events_v1 import resources
from trunkline.events import schemas
from trunkline.events.catalogue import EventType
from trunkline.events.times import iso_seconds
from trunkline.streams.sinks import Sink
from trunkline.streams.subscriptions import SubscribedEvent, Subscription


# The catalogue is older than Trunkline; this is when its types were last described.
CATALOGUE_DATE = "2025-10-08T07:17:02Z"


def event_type(row: EventType, base: str) -> resources.Type:
    """Show a type."""
    return resources.Type(
        date_created=CATALOGUE_DATE,
        date_updated=CATALOGUE_DATE,
        type=row.type,
        schema_id=row.schema_id,
        status=row.status,
        documentation_url=None,
        description=row.description,
        url=f"{base}/v1/Types/{row.type}",
        links=resources.TypeLinks(f"{base}/v1/Schemas/{row.schema_id}/Versions"),
    )


def schema(schema_id: str, base: str) -> resources.Schema:
    """Show a schema."""
    url = f"{base}/v1/Schemas/{schema_id}"
    return resources.Schema(
        id=schema_id,
        url=url,
        latest_version_date_created=CATALOGUE_DATE,
        latest_version=schemas.latest_version(schema_id),
        links=resources.SchemaLinks(f"{url}/Versions"),
    )


def schema_version(
    schema_id: str, version: int, base: str, schema_base_url: str | None
) -> resources.SchemaVersion:
    """Show a version of a schema; `raw` is where its document is fetched."""
    return resources.SchemaVersion(
        id=schema_id,
        schema_version=version,
        date_created=CATALOGUE_DATE,
        url=f"{base}/v1/Schemas/{schema_id}/Versions/{version}",
        raw=f"{schema_base_url or f'{base}/schemas'}/{schema_id}/{version}",
    )


def sink(row: Sink, base: str) -> resources.Sink:
    """Show a sink, its secrets included: clients compare it with what they sent."""
    url = f"{base}/v1/Sinks/{row.sid}"
    return resources.Sink(
        status=row.status,
        sink_configuration=dict(row.configuration),
        description=row.description,
        sid=row.sid,
        sink_type=row.sink_type,
        date_created=iso_seconds(row.created_ms),
        date_updated=iso_seconds(row.updated_ms),
        url=url,
        links=resources.SinkLinks(f"{url}/Test", f"{url}/Validate"),
    )


def subscription(row: Subscription, base: str) -> resources.Subscription:
    """Show a subscription."""
    url = f"{base}/v1/Subscriptions/{row.sid}"
    return resources.Subscription(
        account_sid=row.account_sid,
        sid=row.sid,
        date_created=iso_seconds(row.created_ms),
        date_updated=iso_seconds(row.updated_ms),
        sink_sid=row.sink_sid,
        description=row.description,
        url=url,
        links=resources.SubscriptionLinks(f"{url}/SubscribedEvents"),
    )


def subscribed_event(
    owner: Subscription, row: SubscribedEvent, base: str
) -> resources.SubscribedEvent:
    """Show a subscribed event."""
    events = f"{base}/v1/Subscriptions/{owner.sid}/SubscribedEvents"
    return resources.SubscribedEvent(
        account_sid=owner.account_sid,
        subscription_sid=owner.sid,
        type=row.type,
        schema_version=row.version,
        url=f"{events}/{row.type}",
    )
