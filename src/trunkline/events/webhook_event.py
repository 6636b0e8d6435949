"""Data of a call progress event: schema Voice.WebhookEvent (spec event-streams 9.2).

The structs are at once the field tables from which `events.schemas` makes the schema
documents: a member without default is required, its description is the document's.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType


class CallbackRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The status callback request. `parameters` are all that were sent, flat."""

    method: Annotated[str, Meta(description="HTTP method of the callback request.")]
    url: Annotated[
        str,
        Meta(description="Address that was called, without fragment and credentials."),
    ]
    parameters: Annotated[
        Mapping[str, str],
        Meta(description="Every parameter of the callback, by name, as text."),
    ]


class CallbackResponse(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the receiver of the callback answered to the last attempt.

    `request_duration` is in milliseconds, `response_body` is base64, `date_created`
    is RFC 2822.
    """

    response_code: Annotated[int, Meta(description="HTTP status of the answer.")]
    request_duration: Annotated[
        int, Meta(description="Milliseconds from the request to the whole answer.")
    ]
    content_type: Annotated[
        str, Meta(description="Content-Type of the answer; empty if it had none.")
    ]
    response_body: Annotated[
        str, Meta(description="Body of the answer, in base64; empty if it had none.")
    ]
    date_created: Annotated[
        str, Meta(description="When the answer was complete, as RFC 2822.")
    ]


class WebhookEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A call reached a state, and its status callback was made.

    `timestamp` is ISO 8601 with milliseconds, `request_date_created` RFC 2822.
    `response` is left out where the receiver gave no answer.
    """

    sid: Annotated[str, Meta(description="SID of the call.")]
    request_date_created: Annotated[
        str | UnsetType,
        Meta(description="When the callback request was made, as RFC 2822."),
    ] = UNSET
    timestamp: Annotated[
        str | UnsetType,
        Meta(description="When the call reached this state, as ISO 8601 in UTC."),
    ] = UNSET
    event_sid: Annotated[str | UnsetType, Meta(description="SID of this event.")] = (
        UNSET
    )
    request: Annotated[
        CallbackRequest | UnsetType,
        Meta(description="The status callback request that was made."),
    ] = UNSET
    response: Annotated[
        CallbackResponse | UnsetType,
        Meta(description="The answer to it; absent if there was none."),
    ] = UNSET


_encoder = msgspec.json.Encoder()


def encode(data: WebhookEvent) -> bytes:
    """Return the data as compact JSON, members in the order above, unset ones absent."""
    return _encoder.encode(data)
