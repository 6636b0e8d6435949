"""From an event post to the `data` of the event, field by field (spec voice-sdk 7).

Pure. `sdk_edge` and `sdk_edge.metadata` are always there; any other object only if it
has data; inside an object a text that is not known is `""`. So every event is valid.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.capture.sdk import device, regions
from trunkline.capture.sdk.device import Agent, Hints
from trunkline.capture.sdk.post import Post, number, text
from trunkline.capture.sdk.sticky import Memory
from trunkline.events.call_event import (
    CallEvent,
    Device,
    Feedback,
    IceCandidate,
    IceCandidatePair,
    Location,
    Metric,
    OperatingSystem,
    Sdk,
    SdkEdge,
    SdkError,
    SdkMetadata,
)
from trunkline.events.times import iso_ms


MAX_MESSAGE_CHARACTERS = 4096

# The SDK leaves some of these out when a warning is cleared (spec 5).
_THRESHOLDS: Mapping[str, float] = {
    "high-rtt": 400,
    "high-jitter": 30,
    "high-packet-loss": 1,
    "high-packets-lost-fraction": 3,
    "low-mos": 3,
    "low-bytes-sent": 1,
    "low-bytes-received": 1,
    "constant-audio-input-level": 327.67,
    "constant-audio-output-level": 327.67,
}

# Of what is kept for a call; that of a browser takes some 500.
_MAX_DESCRIBED_BYTES = 2_000

# Beyond this a JSON number is not exact everywhere.
_LARGEST_INTEGER = 2**53


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the client is, judged by its address (spec 8.2)."""

    location: Location | UnsetType = UNSET
    city: str = ""
    country_code: str = ""
    country_subdivision: str = ""


NOWHERE = Place()


class Sender(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Who sent a post, by the token and the request, as it may be kept.

    Equal to itself only: what is remembered of a sender is found by identity.
    """

    account_sid: str
    client_name: str
    address: str
    hints: Hints
    place: Place = NOWHERE


def call_event(post: Post, sender: Sender, memory: Memory, call_sid: str) -> CallEvent:
    """Return the data of a post's event. `memory` has heard the post last, or none."""
    payload = post.payload
    return CallEvent(
        timestamp=iso_ms(post.at_ms),
        call_sid=call_sid,
        account_sid=sender.account_sid,
        edge="sdk_edge",
        name=post.name,
        group=post.group,
        level=post.level,
        sdk_edge=SdkEdge(
            error=UNSET if payload.code is None else _error(post),
            feedback=UNSET if payload.quality_score is None else _feedback(post),
            metric=UNSET if payload.data is None else _metric(post),
            ice_candidate_pair=_candidate_pair(post)
            if post.name == "selected-ice-candidate-pair"
            else UNSET,
            metadata=_metadata(post, sender, memory),
        ),
    )


def _metadata(post: Post, sender: Sender, memory: Memory) -> SdkMetadata:
    known = memory.described
    if known is not None and known[0] is sender:
        described: SdkMetadata = known[1]
        return described
    payload, sticky = post.payload, memory.sticky
    told = (
        post.publisher,
        text(payload.sdk_version) or sticky.version.value,
        text(payload.platform) or sticky.platform.value,
        text(payload.region) or sticky.region.value,
        text(payload.selected_region)
        or sticky.selected_region.value
        or regions.region_of(sticky.selected_edge.value),
        sticky.edge.value,
    )
    if post.publisher.startswith("twilio-voice-"):
        return _described(sender, _native(post.publisher_metadata), *told)
    # As it is encoded, which msgspec takes as well: it changes hardly ever in a call.
    encoded = _of_browser(sender, *told)
    described = cast("SdkMetadata", encoded)
    if len(encoded) <= _MAX_DESCRIBED_BYTES:
        memory.described = sender, described
    return described


@lru_cache(maxsize=4096)
def _of_browser(sender: Sender, *told: str) -> msgspec.Raw:
    described = _described(sender, device.agent(sender.hints), *told)
    return msgspec.Raw(msgspec.json.encode(described))


def _described(  # noqa: PLR0917 (in the order in which they are told)
    sender: Sender,
    agent: Agent,
    publisher: str,
    version: str,
    platform: str,
    raw_region: str,
    selected_region: str,
    edge: str,
) -> SdkMetadata:
    place, region = sender.place, regions.short(raw_region)
    return SdkMetadata(
        client_name=sender.client_name,
        location=place.location,
        city=place.city,
        country_code=place.country_code,
        country_subdivision=place.country_subdivision,
        ip_address=sender.address,
        sdk=Sdk(
            type=publisher,
            version=version,
            platform=platform,
            region=region,
            selected_region=selected_region,
            browser=agent.browser,
            os=agent.os,
            device=agent.device,
            engine=agent.engine,
            edge_location=edge or regions.edge_of(region),
        ),
    )


def _native(metadata: object) -> Agent:
    """Return what a native SDK tells about its device itself."""
    if not isinstance(metadata, dict):
        return Agent()
    os = OperatingSystem(
        name=text(metadata.get("os_name")), version=text(metadata.get("os_version"))
    )
    own = Device(
        model=text(metadata.get("device_model")),
        type=text(metadata.get("device_type")),
        vendor=text(metadata.get("device_vendor")),
        arch=text(metadata.get("cpu_architecture")),
    )
    return Agent(
        os=os if any(msgspec.structs.astuple(os)) else UNSET,
        device=own if any(msgspec.structs.astuple(own)) else UNSET,
    )


def _error(post: Post) -> SdkError | UnsetType:
    code = number(post.payload.code)
    if code is None or code != int(code) or abs(code) > _LARGEST_INTEGER:
        return UNSET
    message = text(post.payload.message, MAX_MESSAGE_CHARACTERS)
    return SdkError(code=int(code), message=message)


def _feedback(post: Post) -> Feedback | UnsetType:
    score = number(post.payload.quality_score)
    if score is None or abs(score) > _LARGEST_INTEGER:
        return UNSET
    return Feedback(score=round(score), reason=text(post.payload.issue_name))


def _metric(post: Post) -> Metric | UnsetType:
    data = post.payload.data
    if not isinstance(data, dict) or data.keys().isdisjoint(
        ("threshold", "values", "value")
    ):
        return UNSET
    threshold = number(data.get("threshold"))
    if threshold is None:
        threshold = _THRESHOLDS.get(post.name)
    if threshold is None:
        return UNSET
    return Metric(threshold=threshold, values=_samples(data, post.name))


def _samples(data: Mapping[str, Any], name: str) -> Sequence[float]:
    if isinstance(data.get("values"), list):
        return _flat(data["values"])
    value = number(data.get("value"))
    if value is not None:
        return [value]
    # The SDK leaves the level out when it is zero.
    return [0] if name.startswith("constant-audio-") else []


def _flat(values: list[Any]) -> list[float]:
    """Return the numbers in lists of lists, in order."""
    found: list[float] = []
    waiting = values[::-1]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value[::-1]
        elif (one := number(value)) is not None:
            found.append(one)
    return found


def _candidate_pair(post: Post) -> IceCandidatePair | UnsetType:
    local = _candidate(post.payload.local_candidate)
    remote = _candidate(post.payload.remote_candidate)
    if local is UNSET and remote is UNSET:
        return UNSET
    return IceCandidatePair(local=local, remote=remote)


def _candidate(candidate: object) -> IceCandidate | UnsetType:
    if not isinstance(candidate, dict):
        return UNSET
    return IceCandidate(
        type=text(candidate.get("candidate_type")),
        protocol=text(candidate.get("protocol")),
    )
