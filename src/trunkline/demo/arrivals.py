"""What comes in at the receiver: events and status callbacks, read from their bodies."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trunkline.events.times import parse_iso


PREFIX = "com.twilio.voice."

# How a callback's CallStatus names the progress; a final word of any kind is the end.
_PROGRESS = {"initiated": "initiated", "ringing": "ringing", "in-progress": "answered"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One event. `time_ms` is its own time, `received_ms` when it came in here."""

    id: str
    type: str
    call_sid: str
    detail: str
    time_ms: int
    received_ms: int
    verified: bool

    @property
    def latency_ms(self) -> int:
        """From the occurrence to its arrival, in milliseconds."""
        return self.received_ms - self.time_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One status callback."""

    call_sid: str
    progress: str
    verified: bool


def read_events(body: str, *, received_ms: int, verified: bool) -> list[Arrival]:
    """Read the body of a webhook sink: a JSON array of CloudEvents.

    Raises ValueError if it is anything else.
    """
    try:
        return [
            Arrival(
                id=event["id"],
                type=event["type"],
                call_sid=event["data"].get("sid") or event["data"]["call_sid"],
                detail=_detail(event["data"]),
                time_ms=_milliseconds(event["time"]),
                received_ms=received_ms,
                verified=verified,
            )
            for event in json.loads(body)
        ]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not an array of voice events: {error!r}") from error


def read_callback(fields: Mapping[str, str], *, verified: bool) -> Callback:
    """Read the fields of a status callback. Raises ValueError if one is missing."""
    try:
        progress = _PROGRESS.get(fields["CallStatus"], "completed")
        return Callback(
            call_sid=fields["CallSid"], progress=progress, verified=verified
        )
    except KeyError as error:
        raise ValueError(f"not a status callback: no {error}") from error


def _detail(data: Mapping[str, Any]) -> str:
    if "group" in data:
        return f"{data['group']}/{data['name']}"
    status: str = data["request"]["parameters"]["CallStatus"]
    return status


def _milliseconds(time: str) -> int:
    at_ms = parse_iso(time)
    if at_ms is None:
        raise ValueError(f"not a time: {time}")
    return at_ms
