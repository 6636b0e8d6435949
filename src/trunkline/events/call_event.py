"""Data of a Voice SDK event: schema VoiceInsights.CallEvent (spec event-streams 9.3).

The structs are at once the field tables from which `events.schemas` makes the schema
documents: a member without default is required, its description is the document's.
Inside a present object an unknown text is `""`; numbers are finite.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType


class GatewayMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """A media or signalling gateway."""

    region: Annotated[str, Meta(description="Region in which the gateway runs.")]
    twilio_ip: Annotated[
        str, Meta(description="IP address of the gateway on the platform's side.")
    ]
    external_ip: Annotated[
        str, Meta(description="IP address of the party that the gateway talks to.")
    ]
    edge_location: Annotated[str, Meta(description="Edge location of the gateway.")]


class GatewayEdge(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway saw: carrier, client and SIP edges are alike."""

    metadata: Annotated[
        GatewayMetadata | UnsetType, Meta(description="Which gateway it was.")
    ] = UNSET


class SdkError(msgspec.Struct, frozen=True, kw_only=True):
    """An error that the SDK reported."""

    code: Annotated[int, Meta(description="Number of the SDK's error.")]
    message: Annotated[str, Meta(description="What the SDK says about the error.")]


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """What the user thought of the call."""

    score: Annotated[int, Meta(description="The user's rating, 1 (bad) to 5 (good).")]
    reason: Annotated[str, Meta(description="The problem that the user named.")]


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A quality warning: the limit, and the samples that were held against it."""

    threshold: Annotated[float, Meta(description="Limit that the samples crossed.")]
    values: Annotated[
        Sequence[float], Meta(description="Samples of the metric, oldest first.")
    ]


class IceCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """One end of the path that media takes."""

    type: Annotated[
        str, Meta(description="Kind of candidate, such as host, srflx or relay.")
    ]
    protocol: Annotated[
        str, Meta(description="Its transport, such as udp, tcp or tls.")
    ]


class IceCandidatePair(msgspec.Struct, frozen=True, kw_only=True):
    """The path that media takes."""

    remote: Annotated[
        IceCandidate | UnsetType, Meta(description="The far end of the path.")
    ] = UNSET
    local: Annotated[
        IceCandidate | UnsetType, Meta(description="The client's end of the path.")
    ] = UNSET


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A place, in degrees."""

    lat: Annotated[float, Meta(description="Latitude in degrees, north positive.")]
    lon: Annotated[float, Meta(description="Longitude in degrees, east positive.")]


class Browser(msgspec.Struct, frozen=True, kw_only=True):
    """The browser that the SDK runs in."""

    name: Annotated[str, Meta(description="Name of the browser, such as Firefox.")]
    major: Annotated[str, Meta(description="First part of the browser's version.")]
    version: Annotated[str, Meta(description="Whole version of the browser.")]


class OperatingSystem(msgspec.Struct, frozen=True, kw_only=True):
    """The operating system that the SDK runs on."""

    name: Annotated[str, Meta(description="Name of the system, such as Android.")]
    version: Annotated[str, Meta(description="Version of the system.")]


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """The device that the SDK runs on."""

    model: Annotated[str, Meta(description="Model of the device.")]
    type: Annotated[
        str, Meta(description="Kind of device, such as desktop, mobile or tablet.")
    ]
    vendor: Annotated[str, Meta(description="Maker of the device.")]
    arch: Annotated[str, Meta(description="Processor architecture of the device.")]


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """The rendering engine of the browser."""

    name: Annotated[str, Meta(description="Name of the engine, such as Gecko.")]
    version: Annotated[str, Meta(description="Version of the engine.")]


class Sdk(msgspec.Struct, frozen=True, kw_only=True):
    """The SDK, what it runs on, and where it connects."""

    type: Annotated[str, Meta(description="Which SDK it is.")]
    version: Annotated[str, Meta(description="Version of the SDK.")]
    platform: Annotated[str, Meta(description="Platform that the SDK was built for.")]
    region: Annotated[str, Meta(description="Region that the SDK is connected to.")]
    selected_region: Annotated[
        str, Meta(description="Region that the application asked for.")
    ]
    browser: Annotated[
        Browser | UnsetType, Meta(description="Browser that the SDK runs in.")
    ] = UNSET
    os: Annotated[
        OperatingSystem | UnsetType,
        Meta(description="Operating system that the SDK runs on."),
    ] = UNSET
    device: Annotated[
        Device | UnsetType, Meta(description="Device that the SDK runs on.")
    ] = UNSET
    engine: Annotated[
        Engine | UnsetType, Meta(description="Rendering engine of the browser.")
    ] = UNSET
    edge_location: Annotated[
        str, Meta(description="Edge location that the SDK is connected to.")
    ]


class SdkMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """The client: who, where, and with which SDK."""

    client_name: Annotated[str, Meta(description="Identity of the client.")]
    location: Annotated[
        Location | UnsetType, Meta(description="Coordinates of the client.")
    ] = UNSET
    city: Annotated[str, Meta(description="City, judged by the client's address.")]
    country_code: Annotated[
        str, Meta(description="Country in two letters, judged by the same.")
    ]
    country_subdivision: Annotated[
        str, Meta(description="State or province, judged by the same.")
    ]
    ip_address: Annotated[str, Meta(description="IP address of the client.")]
    sdk: Annotated[
        Sdk | UnsetType, Meta(description="The SDK and where it connects.")
    ] = UNSET


class SdkEdge(msgspec.Struct, frozen=True, kw_only=True):
    """What the client saw; each object is there only if the SDK reported it."""

    error: Annotated[
        SdkError | UnsetType, Meta(description="Error that the SDK reported.")
    ] = UNSET
    feedback: Annotated[
        Feedback | UnsetType, Meta(description="What the user thought of the call.")
    ] = UNSET
    metric: Annotated[
        Metric | UnsetType, Meta(description="The numbers behind a quality warning.")
    ] = UNSET
    ice_candidate_pair: Annotated[
        IceCandidatePair | UnsetType,
        Meta(description="The path that was chosen for media."),
    ] = UNSET
    metadata: Annotated[
        SdkMetadata | UnsetType,
        Meta(description="The client, its place and its address."),
    ] = UNSET


class CallEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something was seen at one edge of a call.

    `timestamp` is ISO 8601 with milliseconds; `level` is `DEBUG`, `INFO`, `WARNING`,
    `ERROR` or `UNKNOWN`; only the object of the edge that `edge` names is set.
    """

    timestamp: Annotated[str, Meta(description="When it happened, as ISO 8601 in UTC.")]
    call_sid: Annotated[str, Meta(description="SID of the call.")]
    account_sid: Annotated[str, Meta(description="SID of the account.")]
    edge: Annotated[str, Meta(description="Edge at which it was seen.")]
    name: Annotated[str, Meta(description="Name of the event within its group.")]
    group: Annotated[str, Meta(description="Group that the event belongs to.")]
    level: Annotated[
        str, Meta(description="Severity: DEBUG, INFO, WARNING, ERROR or UNKNOWN.")
    ]
    carrier_edge: Annotated[
        GatewayEdge | UnsetType, Meta(description="Details seen by a carrier gateway.")
    ] = UNSET
    client_edge: Annotated[
        GatewayEdge | UnsetType, Meta(description="Details seen by a client gateway.")
    ] = UNSET
    sip_edge: Annotated[
        GatewayEdge | UnsetType, Meta(description="Details seen by a SIP gateway.")
    ] = UNSET
    sdk_edge: Annotated[
        SdkEdge | UnsetType, Meta(description="Details seen by the client's SDK.")
    ] = UNSET


encode: Callable[[CallEvent], bytes] = msgspec.json.Encoder().encode
"""Encodes the data as compact JSON, members in the order above, unset ones absent."""
