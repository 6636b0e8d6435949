"""What engines report, and the words for where a call is (spec call-progress 4, 12.1)."""

from enum import StrEnum

import msgspec


class Progress(StrEnum):
    """The four progress events that a call can subscribe to, in their order."""

    INITIATED = "initiated"
    RINGING = "ringing"
    ANSWERED = "answered"
    COMPLETED = "completed"


class Reported(StrEnum):
    """The four states that an engine reports, in their order."""

    INITIATED = "initiated"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


class State(StrEnum):
    """Where a call is: the words of `CallStatus`.

    QUEUED       entered by creation over REST; left by dialling, or by a cancel
    INITIATED    dialled; left by the far end's ringing, answer or refusal
    RINGING      the far end rings; left by an answer, or the end
    IN_PROGRESS  answered; left by the end
    the others   the five final words; never left
    """

    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    CANCELED = "canceled"
    FAILED = "failed"


FINAL = frozenset(
    {State.COMPLETED, State.BUSY, State.NO_ANSWER, State.CANCELED, State.FAILED}
)


class EndedBy(StrEnum):
    """Who ended a call."""

    CALLER = "caller"
    CALLEE = "callee"
    API = "api"
    TIMER = "timer"
    ENGINE = "engine"


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """A recording of a call; `duration` in seconds."""

    url: str
    sid: str
    duration: int


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every engine hands over when a leg has reached a state.

    `leg` is the call's SID; `at_ms` when it happened (none: now); `sip_code` and
    `q850` are raw end reasons, `cause` is the engine's own word for it.
    """

    leg: str
    state: Reported
    at_ms: int | None = None
    sip_code: int | None = None
    sip_call_id: str | None = None
    q850: int | None = None
    cause: str | None = None
    ended_by: EndedBy | None = None
    answered_by: str | None = None
    recording: Recording | None = None
