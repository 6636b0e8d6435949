"""What a sink is sent, and what it said."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from trunkline.events.envelope import Event


class Parcel(NamedTuple):
    """An event for a sink, with its rendered CloudEvent (a JSON object)."""

    event: Event
    body: bytes


class Outcome(StrEnum):
    """What an attempt came to (spec event-streams 5.4 and 6.3)."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DISCARD = "discard"


class Level(StrEnum):
    """How bad an outcome is (spec event-streams 5.4)."""

    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the sink said to one attempt.

    `code` is Twilio's delivery code, None for a delivery; `detail` says in words what
    happened, free of secrets; `retry_after_ms` is the sink's own wish; `excerpt` is
    the first kilobyte of what it answered.
    """

    outcome: Outcome
    code: int | None = None
    level: Level | None = None
    detail: str = ""
    http_status: int | None = None
    retry_after_ms: int | None = None
    excerpt: bytes = b""


DELIVERED = Answer(outcome=Outcome.DELIVERED)
