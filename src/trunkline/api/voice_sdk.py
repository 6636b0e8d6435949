"""What the Voice SDK gateway takes and gives, for the document at `/openapi.json`.

The gateway itself is bare ASGI and not among the routes (see `capture.sdk.gateway`).
"""

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

import msgspec

from trunkline.api.operations import Operation, Parameter
from trunkline.capture.sdk import worker


class GatewayError(msgspec.Struct, frozen=True):
    """Why a post was refused."""

    code: int
    message: str


_TOKEN = Parameter(
    name="X-Twilio-Token",
    about="Access token, or capability token of old SDKs.",
    required=True,
)
_DELIVERY = Parameter(
    name="X-Trunkline-Delivery",
    about="Set by our service worker; a repeat within 24 hours is not processed again.",
    type=UUID,
)
_ERRORS = (400, 403, 404, 408, 413, 429)


def _post(summary: str) -> Operation:
    return Operation(
        summary=summary,
        headers=(_TOKEN, _DELIVERY),
        body=dict[str, object],
        answers={200: None},
        errors=_ERRORS,
        error=GatewayError,
        public=True,
    )


OPERATIONS: Mapping[tuple[str, str], Operation] = {
    **{
        ("POST", f"/{version}/{path}"): _post(summary)
        for version in ("v3", "v4")
        for path, summary in (
            ("EndpointEvents", "Post an event of a call in a Voice SDK"),
            ("EndpointMetrics", "Post quality samples of a call in a Voice SDK"),
        )
    },
    ("GET", worker.PATH): Operation(
        summary="Fetch the service worker for pages with a Voice SDK",
        query=(
            Parameter(
                name="mode",
                about="Whether the worker copies requests or leads them here.",
                type=Literal["tee", "reroute"],
            ),
        ),
        answers={200: str},
        errors=(404,),
        error=GatewayError,
        public=True,
        media_type="text/javascript",
    ),
}
"""By method and path."""
