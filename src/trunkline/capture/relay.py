"""CloudEvents from another stream: what a request holds becomes events. Pure.

Each event is judged by itself, for a sender drops what it was refused: a bad event must
not take the good ones beside it along. An event keeps its `id`, `source` and `time`, and
its `data` as it came, members that no schema of ours has included; only white space
between tokens goes. Attributes that an envelope of ours has no place for are let go.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote

import msgspec

from trunkline.errors import Refused
from trunkline.events import catalogue
from trunkline.events.envelope import MAX_DATA_BYTES, Event
from trunkline.events.ids import canonical, is_sid
from trunkline.events.times import parse_iso


# Twice what the largest event takes. As it is read on the event loop, others wait: 25
# ms where it is full of ordinary events, 0.1 s at the worst.
MAX_BODY_BYTES = 2 * 1024 * 1024

# Ten times what a webhook sink of ours sends together, twice what Kinesis takes.
MAX_EVENTS = 1000

# Characters. An id may become a partition key, for which Kinesis has this limit.
MAX_ID = 256
MAX_SOURCE = 2048
MAX_TIME = 64
# By a longer id no call can be searched for.
MAX_CALL_SID = 100

# Levels of objects and arrays in `data`: far above those of any schema, far below the
# thousand at which SQLite's JSON functions and recursive readers give up.
MAX_DEPTH = 100

# Twilio's webhooks are an array of this type; one event alone is understood too.
JSON = "application/json"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

_HEADER = "ce-"

_KNOWN = {*catalogue.EVENT_TYPES, catalogue.TEST_EVENT_TYPE}

# What CloudEvents allows in no text: control characters, surrogates, noncharacters.
_LAST_OF_PLANES = "".join(
    chr((plane << 16) + last) for plane in range(17) for last in (0xFFFE, 0xFFFF)
)
_UNUSABLE = re.compile(
    f"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_LAST_OF_PLANES}]"
)

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)

_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)

_Attributes = Mapping[str, msgspec.Raw]

_raw = msgspec.json.Decoder(msgspec.Raw).decode
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_string = msgspec.json.Decoder(str).decode


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was not taken: its place in the request, from 0, and what is wrong.

    `id` is its id where that could be read; `field` is the attribute that is wrong,
    empty where it is the event as a whole.
    """

    index: int
    id: str | None
    field: str
    reason: str

    @property
    def message(self) -> str:
        """The same as a sentence."""
        wrong = f"{self.field} {self.reason}" if self.field else self.reason
        return f"Event {self.index} was refused: {wrong}"


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a request held: events by their places in it, test ids, and refusals."""

    events: dict[int, Event] = field(default_factory=dict)
    tests: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


class _Bad(ValueError):
    """An event cannot be taken. Its arguments are the attribute, and what is wrong."""


def parse(body: bytes, content_type: str, account_sid: str) -> Arrived:
    """Return what a body in structured or batch mode holds, as events of an account.

    `content_type` is one of the three above. Raises Refused where the body as a whole
    cannot be read: 20001 (400), and 20413 (413) where it has too many events.
    """
    arrived = Arrived()
    for index, encoded in enumerate(_split(body, content_type)):
        _take(arrived, index, account_sid, partial(_decode, encoded))
    return arrived


def is_binary(headers: Mapping[str, str]) -> bool:
    """Tell whether headers hold an event's attributes; its data is then the body."""
    return f"{_HEADER}specversion" in headers


def parse_binary(headers: Mapping[str, str], body: bytes, account_sid: str) -> Arrived:
    """Return the event of a request in binary mode; headers' names are in lower case."""
    arrived = Arrived()
    _take(arrived, 0, account_sid, partial(_from_headers, headers, body))
    return arrived


def id_taken(index: int, event: Event) -> Refusal:
    """Return the refusal of an event whose id another event has in the log."""
    reason = "is another event's, of another source or account"
    return Refusal(index=index, id=event.id, field="id", reason=reason)


def _split(body: bytes, content_type: str) -> Sequence[bytes]:
    try:
        # At first as a whole: where one event ends is not known in what is no JSON.
        _raw(body)
        many = body.lstrip(b" \t\r\n").startswith(b"[")
        if many and content_type == STRUCTURED:
            raise Refused(20001, 400, "The request body is not one JSON object")
        if not many and content_type == BATCH:
            raise Refused(20001, 400, "The request body is not a JSON array")
        if not many:
            return [body]
        events = _raws(body)
    except RecursionError:
        raise Refused(20001, 400, "The request body is nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeError):
        raise Refused(20001, 400, "The request body is not valid JSON") from None
    if len(events) > MAX_EVENTS:
        raise Refused(20413, 413, f"Request body has more than {MAX_EVENTS} events")
    return [bytes(event) for event in events]


def _take(
    arrived: Arrived, index: int, account_sid: str, read: Callable[[], _Attributes]
) -> None:
    event_id = None
    try:
        attributes = read()
        event_id = _text(attributes, "id", MAX_ID)
        event = _event(attributes, event_id, account_sid)
    except _Bad as bad:
        name, reason = bad.args
        refusal = Refusal(index=index, id=event_id, field=name, reason=reason)
        arrived.refusals.append(refusal)
        return
    if event.type == catalogue.TEST_EVENT_TYPE:
        # It shows that we can be reached. Its id is the sender's account, each time.
        arrived.tests.append(_member(msgspec.json.decode(event.data), "test_id"))
    else:
        arrived.events[index] = event


def _event(attributes: _Attributes, event_id: str, account_sid: str) -> Event:
    if _text(attributes, "specversion", MAX_ID) != "1.0":
        raise _Bad("specversion", "is not 1.0")
    event_type = _text(attributes, "type", MAX_ID)
    if event_type not in _KNOWN:
        raise _Bad("type", f"{event_type} is not known")
    source = _text(attributes, "source", MAX_SOURCE)
    data, members = _data(attributes)
    call_sid = _member(
        members, "call_sid" if event_type == catalogue.SDK_EVENT_TYPE else "sid"
    )
    return Event(
        id=event_id,
        account_sid=account_sid,
        type=event_type,
        source=source,
        time=_time(attributes, members),
        call_sid=canonical(call_sid) if is_sid(call_sid, "CA") else call_sid,
        data=data,
    )


def _decode(encoded: bytes) -> _Attributes:
    try:
        return _members(encoded)
    except _UNREADABLE:
        raise _Bad("", "it is not a JSON object") from None


def _from_headers(headers: Mapping[str, str], body: bytes) -> _Attributes:
    try:
        attributes = {
            name.removeprefix(_HEADER): msgspec.Raw(
                msgspec.json.encode(unquote(value, errors="strict"))
            )
            for name, value in headers.items()
            if name.startswith(_HEADER)
        }
    except UnicodeError:
        raise _Bad("", "a header of it is not UTF-8") from None
    return {**attributes, "data": msgspec.Raw(body)}


def _text(attributes: _Attributes, name: str, limit: int) -> str:
    if name not in attributes:
        raise _Bad(name, "is missing")
    try:
        text = _string(attributes[name])
    except _UNREADABLE:
        raise _Bad(name, "is not text") from None
    if not text:
        raise _Bad(name, "is empty")
    if len(text) > limit:
        raise _Bad(name, f"is longer than {limit} characters")
    if _UNUSABLE.search(text):
        raise _Bad(name, "has characters that CloudEvents does not allow")
    return text


def _time(attributes: _Attributes, members: Mapping[str, Any]) -> str:
    """Return when it happened: by `data.timestamp`, the same, where `time` is left out."""
    if "time" in attributes:
        text = _text(attributes, "time", MAX_TIME)
    elif not (text := _member(members, "timestamp")):
        raise _Bad("time", "is missing")
    if _RFC3339.fullmatch(text) is None or parse_iso(text) is None:
        raise _Bad("time", "is not an RFC 3339 time")
    return text


def _data(attributes: _Attributes) -> tuple[bytes, dict[str, Any]]:
    """Return an event's data, encoded and decoded."""
    if "data" not in attributes:
        raise _Bad("data", "is missing")
    encoded = bytes(attributes["data"])
    try:
        # Without line ends, it can be spliced into whatever a sink or a tail sends.
        encoded = msgspec.json.format(encoded, indent=-1)
        members = msgspec.json.decode(encoded)
    except _UNREADABLE:
        raise _Bad("data", "cannot be read as JSON") from None
    if not isinstance(members, dict):
        raise _Bad("data", "is not a JSON object")
    if len(encoded) > MAX_DATA_BYTES:
        raise _Bad("data", f"is larger than {MAX_DATA_BYTES} bytes")
    if encoded.count(b"{") + encoded.count(b"[") > MAX_DEPTH and _is_deep(members):
        raise _Bad("data", f"is nested more than {MAX_DEPTH} levels deep")
    return encoded, members


def _is_deep(value: object) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def _member(members: Mapping[str, Any], name: str) -> str:
    """Return a member of data that is a short text, empty where it is anything else."""
    value = members.get(name)
    if not isinstance(value, str) or len(value) > MAX_CALL_SID:
        return ""
    return "" if _UNUSABLE.search(value) else value
