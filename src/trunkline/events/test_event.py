"""The test event, which shows that a sink can be reached (spec event-streams 4.3)."""

from typing import Annotated

import msgspec
from msgspec import Meta

from trunkline.events import catalogue
from trunkline.events.envelope import Event


class SinkTest(msgspec.Struct, frozen=True, kw_only=True):
    """Data of schema EventStreams.TestSink, and its field table."""

    test_id: Annotated[
        str, Meta(description="Id to hand back when the sink is validated.")
    ]


def make(*, event_id: str, account_sid: str, test_id: str, time: str) -> Event:
    """Return a test event of an account's sink.

    `event_id` is unique and stays with us: on the wire the id is the account's SID.
    """
    return Event(
        id=event_id,
        account_sid=account_sid,
        type=catalogue.TEST_EVENT_TYPE,
        source=catalogue.TEST_EVENT_SOURCE,
        time=time,
        call_sid="",
        data=msgspec.json.encode(SinkTest(test_id=test_id)),
    )
