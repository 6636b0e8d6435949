"""The event, and the CloudEvents 1.0 envelope it travels in (spec event-streams 9.1).

An event's `data` is encoded once, when it is captured. The envelope is spliced
around it as often as it is sent, since the schema version in `dataschema` is what
each subscription asked for.
"""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from trunkline.events.catalogue import (
    TEST_EVENT_SOURCE,
    TEST_EVENT_TYPE,
    TEST_SINK,
    TEST_SINK_VERSION,
    schema_of,
)


SCHEMA_HOST = "https://events-schemas.twilio.com"

# An event must fit a Kinesis record (1 MiB) with its envelope and key.
MAX_DATA_BYTES = 1_000_000

_quote = msgspec.json.Encoder().encode


class Event(msgspec.Struct, frozen=True, gc=False):
    """The record of one occurrence, before anyone asked for a version of it.

    `time` is ISO 8601 with milliseconds; `data` is an encoded JSON object; `call_sid`
    is the call it belongs to (a `TJS` id where no SID is known), or empty. An event
    whose `id` is empty gets one from the log: see `log.naming`.
    """

    id: str
    account_sid: str
    type: str
    source: str
    time: str
    call_sid: str
    data: bytes


def render(event: Event, version: int, schema_host: str = SCHEMA_HOST) -> bytes:
    """Return the CloudEvent as compact JSON, its keys in the order of the spec.

    A test event has one version only, whatever `version` says; see `events.test_event`.
    """
    return render_all([event], version, schema_host)[0]


def render_all(
    events: Sequence[Event], version: int, schema_host: str = SCHEMA_HOST
) -> list[bytes]:
    """Return the CloudEvents of events that are of one type; there is at least one."""
    event_type, quote = events[0].type, _quote
    is_test = event_type == TEST_EVENT_TYPE
    head, middle = _constant_parts(event_type, version, schema_host)
    return [
        b"".join(
            (
                head,
                quote(TEST_EVENT_SOURCE if is_test else event.source),
                b',"id":',
                quote(shown_id(event) if is_test else event.id),
                middle,
                quote(event.time),
                b',"data":',
                event.data,
                b"}",
            )
        )
        for event in events
    ]


def shown_id(event: Event) -> str:
    """Return the id that the CloudEvent has.

    A test event has that of its account, as with Twilio: it is not unique.
    """
    return event.account_sid if event.type == TEST_EVENT_TYPE else event.id


# More than there are types times versions; one process has one schema host.
@lru_cache(maxsize=64)
def _constant_parts(
    event_type: str, version: int, schema_host: str
) -> tuple[bytes, bytes]:
    """Return what stands before the source, and what stands between id and time."""
    if event_type == TEST_EVENT_TYPE:
        schema = f"{TEST_SINK}/{TEST_SINK_VERSION}"
    else:
        schema = f"{schema_of(event_type)}/{version}"
    head = b'{"specversion":"1.0","type":%b,"source":' % _quote(event_type)
    middle = b',"dataschema":%b,"datacontenttype":"application/json","time":' % (
        _quote(f"{schema_host}/{schema}")
    )
    return head, middle
