"""Reads event and metrics posts, liberally (spec voice-sdk 2.4, 2.5, 4).

SDK versions changed the types of fields, so only what an event cannot be without is
checked; every other field is taken as it comes, and made sense of by `mapping`.
"""

from functools import lru_cache
from typing import Any, NoReturn

import msgspec

from trunkline.errors import Refused
from trunkline.events.ids import canonical, is_sid
from trunkline.events.times import parse_iso


MAX_GROUP_CHARACTERS = 128
MAX_NAME_CHARACTERS = 256
MAX_SAMPLES = 100

# Of objects and lists in one another; the SDKs' have five at most. What is kept is read
# again, and how deep a decoder can go depends on who calls it: up to 1,000 levels, less
# the calls that are open.
MAX_DEPTH = 500
# Each level has a bracket at both ends.
_SURELY_SHALLOW = 2 * MAX_DEPTH

# `TJS` and a UUID are 39 characters.
MAX_TEMP_CALL_SID_CHARACTERS = 64

_LATEST_MS = 253_402_300_799_999  # the end of the year 9999

# A whole number in JSON may have any number of digits; a consumer's has not.
_LARGEST = 1e300

_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR"})


# Fields in the order in which the JavaScript SDK posts them: the decoder looks for the
# next one first.
class Payload(msgspec.Struct, frozen=True, gc=False):
    """The fields of `payload` that have a place in the event; the rest is skipped."""

    platform: Any = None
    sdk_version: Any = None
    call_sid: Any = None
    temp_call_sid: Any = None
    region: Any = None
    timestamp_ms: Any = None
    selected_region: Any = None
    edge: Any = None
    selected_edge: Any = None
    code: Any = None
    message: Any = None
    quality_score: Any = None
    issue_name: Any = None
    data: Any = None
    local_candidate: Any = None
    remote_candidate: Any = None


class _EventBody(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    publisher: Any = None
    group: str
    name: str
    timestamp: Any = None
    level: Any = None
    payload: Payload
    publisher_metadata: Any = None


class _MetricsBody(msgspec.Struct, frozen=True):
    group: str
    name: str
    payload: list[Any] | dict[str, Any]


class CallIds(msgspec.Struct, frozen=True, gc=False):
    """What a post calls its call: the SID, the id made by the browser, or both."""

    call_sid: str | None
    temp_call_sid: str | None


class Post(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event post. `at_ms` is when it happened, by the client's clock if it told.

    `said` is what most posts of a call have in common, as it came: publisher, SDK
    version, platform, region and selected region.
    """

    group: str
    name: str
    level: str
    publisher: str
    at_ms: int
    ids: CallIds
    said: tuple[Any, Any, Any, Any, Any]
    payload: Payload
    publisher_metadata: Any


class MetricsPost(msgspec.Struct, frozen=True, kw_only=True):
    """A metrics post: its samples, and how many were too many."""

    samples: list[dict[str, Any]]
    ids: list[CallIds]
    dropped: int


_decode_event = msgspec.json.Decoder(_EventBody).decode
_decode_metrics = msgspec.json.Decoder(_MetricsBody).decode


def parse_event(body: bytes, received_ms: int) -> Post:
    """Return the event post in a body that came at `received_ms`.

    Raises Refused 70001, naming the field.
    """
    try:
        # The decoder looks at text only where it is wanted: all must be UTF-8.
        raw = _decode_event(body if body.isascii() else str(body, "utf-8"))
        if len(body) > _SURELY_SHALLOW:
            _check_depth(body)
    except (ValueError, RecursionError):
        _refuse(body, {"payload": (dict,)})
    payload, group, name = raw.payload, raw.group, raw.name
    # A slice of what is short enough costs several times this look.
    if len(group) > MAX_GROUP_CHARACTERS:
        group = group[:MAX_GROUP_CHARACTERS]
    if len(name) > MAX_NAME_CHARACTERS:
        name = name[:MAX_NAME_CHARACTERS]
    level = raw.level.upper() if isinstance(raw.level, str) else ""
    return Post(
        group=group,
        name=name,
        level=level if level in _LEVELS else "UNKNOWN",
        publisher=text(raw.publisher),
        at_ms=client_time(raw.timestamp, payload.timestamp_ms, received_ms),
        ids=call_ids(payload.call_sid, payload.temp_call_sid),
        said=(
            raw.publisher,
            payload.sdk_version,
            payload.platform,
            payload.region,
            payload.selected_region,
        ),
        payload=payload,
        publisher_metadata=raw.publisher_metadata,
    )


def parse_metrics(body: bytes) -> MetricsPost:
    """Return the metrics post in a body. Raises Refused 70001, naming the field."""
    try:
        payload = _decode_metrics(str(body, "utf-8")).payload
        _check_depth(body)
    except (ValueError, RecursionError):
        _refuse(body, {"payload": (dict, list)})
    given = payload if isinstance(payload, list) else [payload]
    samples = [s for s in given[:MAX_SAMPLES] if isinstance(s, dict)]
    return MetricsPost(
        samples=samples,
        ids=[call_ids(s.get("call_sid"), s.get("temp_call_sid")) for s in samples],
        dropped=len(given) - len(samples),
    )


def call_ids(call_sid: object, temp_call_sid: object) -> CallIds:
    """Return the ids of a call, without what is none."""
    return _call_ids(
        call_sid
        if isinstance(call_sid, str) and len(call_sid) <= MAX_TEMP_CALL_SID_CHARACTERS
        else None,
        temp_call_sid
        if isinstance(temp_call_sid, str)
        and len(temp_call_sid) <= MAX_TEMP_CALL_SID_CHARACTERS
        else None,
    )


# Some thirty posts in a row have the same.
@lru_cache(maxsize=4096)
def _call_ids(call_sid: str | None, temp_call_sid: str | None) -> CallIds:
    if call_sid is not None and call_sid.startswith("TJ"):
        call_sid, temp_call_sid = None, temp_call_sid or call_sid
    return CallIds(
        canonical(call_sid) if call_sid and is_sid(call_sid, "CA") else None,
        temp_call_sid
        if temp_call_sid
        and temp_call_sid.startswith("TJ")
        and temp_call_sid.isascii()
        and temp_call_sid.isprintable()
        else None,
    )


def text(value: object, limit: int = 256) -> str:
    """Return a text or number as text of at most `limit` characters, else `""`."""
    if isinstance(value, str):
        return value if len(value) <= limit else value[:limit]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)[:limit]
    return ""


def number(value: object) -> int | float | None:
    """Return a number, or the number that a text says; `None` if it is neither."""
    if isinstance(value, str):
        value = _said(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if abs(value) <= _LARGEST else None
    return None


def _said(told: str) -> int | float | None:
    """Return the number that a text says, written as JSON or nearly so."""
    if len(told) > 32 or not told.isascii() or "_" in told:  # noqa: PLR2004 (none is longer)
        return None
    try:
        return int(told)
    except ValueError:
        pass
    try:
        return float(told)
    except ValueError:
        return None


def client_time(timestamp: object, timestamp_ms: object, received_ms: int) -> int:
    """Return the client's time, or `received_ms` where it tells none."""
    if isinstance(timestamp, str):
        at_ms = parse_iso(timestamp)
        if at_ms is not None and 0 <= at_ms <= _LATEST_MS:
            return at_ms
    told = text(timestamp_ms).partition(".")[0]
    # Fifteen digits are more than the year 9999 needs.
    if told.isascii() and told.isdecimal() and len(told) <= 15:  # noqa: PLR2004
        return min(int(told), _LATEST_MS)
    return received_ms


def _check_depth(body: bytes) -> None:
    """Raise RecursionError where a body is nested more than `MAX_DEPTH` levels."""
    # As good as always: there are not as many levels as that.
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    level = [msgspec.json.decode(body)]
    for _ in range(MAX_DEPTH):
        level = [
            member
            for value in level
            for member in (value.values() if isinstance(value, dict) else value)
            if isinstance(member, dict | list)
        ]
        if not level:
            return
    raise RecursionError


def _refuse(body: bytes, kinds: dict[str, tuple[type, ...]]) -> NoReturn:
    """Say what is wrong with a body that could not be read."""
    raise Refused(
        70001, 400, f"The request has constraint violations: {_complaint(body, kinds)}"
    )


def _complaint(body: bytes, kinds: dict[str, tuple[type, ...]]) -> str:
    try:
        document = msgspec.json.decode(str(body, "utf-8"))
        _check_depth(body)
    except UnicodeDecodeError:
        return "the body is not UTF-8"
    except RecursionError:
        return "the body is nested too deeply"
    except ValueError:
        return "the body is not valid JSON"
    if not isinstance(document, dict):
        return "the body must be an object"
    words: dict[type, str] = {str: "a string", dict: "an object", list: "an array"}
    for field, wanted in {"group": (str,), "name": (str,), **kinds}.items():
        if not isinstance(document.get(field), wanted):
            return f"{field} must be {' or '.join(words[kind] for kind in wanted)}"
    return "the body cannot be read"
