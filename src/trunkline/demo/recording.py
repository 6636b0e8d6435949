"""A recorded Voice SDK call: its requests in order, made new for each run."""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

from trunkline.events.times import iso_ms, parse_iso


_EVENTS = "/EndpointEvents"

# The SDK's own pauses are kept up to this long; the recorded call lasted 13 seconds.
LONGEST_PAUSE_MS = 200


class CallIds(NamedTuple):
    """What tells one SDK call from another: its real SID, and the browser's own."""

    call_sid: str
    temp_call_sid: str


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One request as the browser sent it. `received_ms` is when it was recorded."""

    method: str
    host: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any] | None
    received_ms: int

    @property
    def is_event(self) -> bool:
        """Whether an event is owed for it: metrics and preflights make none."""
        return self.method == "POST" and self.path.endswith(_EVENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """All requests of one call, and the ids that they carry."""

    requests: tuple[Recorded, ...]
    ids: CallIds

    @property
    def events(self) -> int:
        """How many events the call makes."""
        return sum(request.is_event for request in self.requests)

    def pauses(self) -> list[float]:
        """Return the seconds to wait before each request."""
        times = [request.received_ms for request in self.requests]
        return [
            min(later - earlier, LONGEST_PAUSE_MS) / 1000
            for earlier, later in zip(times[:1] + times, times, strict=False)
        ]


_LINE = msgspec.json.Decoder(Recorded)


def parse(text: str) -> Recording:
    """Read a recording: one JSON object a line."""
    requests = tuple(_LINE.decode(line) for line in text.splitlines())
    payloads = [request.body["payload"] for request in requests if request.body]
    found: dict[str, str] = {}
    for payload in payloads:
        if isinstance(payload, dict):
            found |= {
                name: payload[name] for name in CallIds._fields if name in payload
            }
    return Recording(requests=requests, ids=CallIds(**found))


def load() -> Recording:
    """Read the recording that comes with the package."""
    data = files("trunkline.demo").joinpath("data/voice-sdk-call.jsonl")
    return parse(data.read_text("utf-8"))


def body_of(request: Recorded, old: CallIds, new: CallIds, now_ms: int) -> bytes:
    """Return the body as if the call were a new one and the post were made now.

    Ids are exchanged; times keep their distance to the moment of posting. `b""` where
    the request has no body.
    """
    if request.body is None:
        return b""
    moved = _moved(request.body, now_ms - request.received_ms)
    text = json.dumps(moved, separators=(",", ":"), ensure_ascii=False)
    for before, after in zip(old, new, strict=True):
        text = text.replace(before, after)
    return text.encode()


def _moved(value: Any, by_ms: int) -> Any:
    """Return a JSON value with every `timestamp` in it moved by that much."""
    if isinstance(value, list):
        return [_moved(item, by_ms) for item in value]
    if not isinstance(value, dict):
        return value
    moved = {name: _moved(item, by_ms) for name, item in value.items()}
    at_ms = parse_iso(str(value.get("timestamp", "")))
    if at_ms is not None:
        moved["timestamp"] = iso_ms(at_ms + by_ms)
    return moved
