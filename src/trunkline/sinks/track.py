"""From an event to a Segment Track message (spec event-streams 6.2). Pure."""

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.events.catalogue import TEST_EVENT_TYPE
from trunkline.events.envelope import Event, shown_id
from trunkline.events.test_event import SinkTest


class Track(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A message, its members in the order of the spec.

    Exactly one of `user_id` and `anonymous_id` is set; `properties` is the event's
    data, byte for byte.
    """

    type: str = "track"
    event: str
    message_id: str
    timestamp: str
    properties: msgspec.Raw
    user_id: str | UnsetType = UNSET
    anonymous_id: str | UnsetType = UNSET


class _Parameters(msgspec.Struct, frozen=True, rename="pascal"):
    direction: str = ""
    from_: str = msgspec.field(name="From", default="")
    to: str = ""


class _Request(msgspec.Struct, frozen=True):
    parameters: _Parameters = _Parameters()


class _Data(msgspec.Struct, frozen=True):
    request: _Request = _Request()


_encode = msgspec.json.Encoder().encode
_decode_data = msgspec.json.Decoder(_Data).decode
_decode_test = msgspec.json.Decoder(SinkTest).decode


def message_of(event: Event) -> bytes:
    """Return the message of an event, as compact JSON."""
    user_id = _user_of(event.data)
    is_test = event.type == TEST_EVENT_TYPE
    return _encode(
        Track(
            event=event.type,
            message_id=_decode_test(event.data).test_id if is_test else event.id,
            timestamp=event.time,
            properties=msgspec.Raw(event.data),
            user_id=user_id or UNSET,
            anonymous_id=UNSET if user_id else event.call_sid or shown_id(event),
        )
    )


def _user_of(data: bytes) -> str:
    """Return the user's party of the call, empty where there is none."""
    try:
        parameters = _decode_data(data).request.parameters
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return ""
    inbound = parameters.direction == "inbound"
    party = parameters.from_ if inbound else parameters.to
    return party.removeprefix("client:")
