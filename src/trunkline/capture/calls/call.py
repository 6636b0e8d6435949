"""The call: one leg, its state machine and its times. Pure.

Rule 1: every transition lives in this file.
Rule 2: this file does not read a clock, a socket, or a database.

States only move forward. A report of a state that the call has reached or passed
changes nothing; a state that was skipped has no progress event; `completed` comes
once, last, whatever the outcome (spec call-progress 4, 9, 12.1).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from trunkline.capture.calls import outcome
from trunkline.capture.calls.callback_config import CallbackConfig
from trunkline.capture.calls.progress import (
    FINAL,
    EndedBy,
    Progress,
    Recording,
    Report,
    Reported,
    State,
)
from trunkline.capture.calls.script import Script


# Seconds. No call stays in progress for days (spec call-progress 12.1).
LONGEST_CALL = 14_400


class Direction(StrEnum):
    """Who made the leg: a caller outside, the REST API, or a `<Dial>`."""

    INBOUND = "inbound"
    OUTBOUND_API = "outbound-api"
    OUTBOUND_DIAL = "outbound-dial"


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a number is at home; empty where unknown."""

    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""


class Call(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One leg. Times are in milliseconds, absent until they come.

    Its instructions are at `url` or in `twiml`; `script` is where it is in them.
    `timeout` and `time_limit` are how long it may ring, and last (seconds).
    `elsewhere`: it was made by others, who report it; no engine of ours knows it.
    `next_sequence` counts the progress events fired for its callback config;
    `details` are further callback parameters of this leg, under their own names.
    """

    sid: str
    account_sid: str
    to: str
    from_: str = msgspec.field(name="from")
    direction: Direction
    created_ms: int
    updated_ms: int
    state: State = State.QUEUED
    parent_call_sid: str | None = None
    application_sid: str | None = None
    url: str | None = None
    method: str = "POST"
    twiml: str | None = None
    fallback_url: str | None = None
    fallback_method: str = "POST"
    script: Script | None = None
    elsewhere: bool = False
    timeout: int = 60
    time_limit: int = LONGEST_CALL
    callback: CallbackConfig | None = None
    next_sequence: int = 0
    dialled_ms: int | None = None
    answered_ms: int | None = None
    ended_ms: int | None = None
    event_ms: int = 0
    answered_by: str | None = None
    sip_code: int | None = None
    sip_call_id: str | None = None
    ended_by: EndedBy | None = None
    cause: str | None = None
    recording: Recording | None = None
    from_place: Place = Place()
    to_place: Place = Place()
    details: dict[str, str] = {}

    @property
    def over(self) -> bool:
        """Whether the call has its final word."""
        return self.state in FINAL

    @property
    def status(self) -> str:
        """The REST status: the state, but for a leg that does not ring yet."""
        if self.state in _BEFORE_RINGING:
            return _STATUS_BEFORE_RINGING[self.direction]
        return self.state.value

    @property
    def instructed(self) -> bool:
        """Whether it has instructions, which end it."""
        return self.url is not None or self.twiml is not None

    @property
    def started_ms(self) -> int | None:
        """When the answer came; until then, when it was dialled."""
        return self.dialled_ms if self.answered_ms is None else self.answered_ms

    @property
    def talk_seconds(self) -> int:
        """Seconds from answer to end, between the times as shown; 0 if not answered."""
        if self.answered_ms is None or self.ended_ms is None:
            return 0
        return self.ended_ms // 1000 - self.answered_ms // 1000


class CallFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls are looked for; what is None does not matter.

    Times are in milliseconds, `from` included and `before` not. `status` is REST's.
    """

    to: str | None = None
    from_: str | None = msgspec.field(name="from", default=None)
    parent_call_sid: str | None = None
    status: str | None = None
    started_from: int | None = None
    started_before: int | None = None
    ended_from: int | None = None
    ended_before: int | None = None


class Owed(NamedTuple):
    """A callback that a call owes: which progress event, its number, when it fired."""

    progress: Progress
    sequence: int
    fired_ms: int


class Advance(NamedTuple):
    """What became of a report: the call as it is now, and the callback it owes."""

    call: Call
    owed: Owed | None


class Transition(NamedTuple):
    """What a report does: the states that it moves on, and the event that it fires."""

    leaves: frozenset[State]
    fires: Progress


_BEFORE_DIALLING = frozenset({State.QUEUED})
_BEFORE_RINGING = _BEFORE_DIALLING | {State.INITIATED}
_BEFORE_ANSWER = _BEFORE_RINGING | {State.RINGING}
_ALIVE = _BEFORE_ANSWER | {State.IN_PROGRESS}

TRANSITIONS = {
    Reported.INITIATED: Transition(_BEFORE_DIALLING, Progress.INITIATED),
    Reported.RINGING: Transition(_BEFORE_RINGING, Progress.RINGING),
    Reported.ANSWERED: Transition(_BEFORE_ANSWER, Progress.ANSWERED),
    Reported.ENDED: Transition(_ALIVE, Progress.COMPLETED),
}

_REACHED = {
    Reported.INITIATED: State.INITIATED,
    Reported.RINGING: State.RINGING,
    Reported.ANSWERED: State.IN_PROGRESS,
}

_STATUS_BEFORE_RINGING = {
    Direction.INBOUND: "ringing",
    Direction.OUTBOUND_API: "queued",
    Direction.OUTBOUND_DIAL: "ringing",
}


def advance(
    call: Call,
    report: Report,
    now_ms: int,
    disputed: Mapping[int, State] = outcome.DISPUTED,
) -> Advance:
    """Return the call after a report; the very same call if the report is late.

    `disputed` are the operator's words for the SIP codes of `outcome.DISPUTED`.
    """
    transition = TRANSITIONS[report.state]
    if call.state not in transition.leaves:
        return Advance(call, None)
    at_ms = max(now_ms if report.at_ms is None else report.at_ms, call.event_ms)
    moved = _moved(call, report, at_ms, disputed)
    moved = replace(moved, event_ms=at_ms, updated_ms=max(now_ms, call.updated_ms))
    if call.callback is None or transition.fires not in call.callback.events:
        return Advance(moved, None)
    owed = Owed(transition.fires, call.next_sequence, at_ms)
    return Advance(replace(moved, next_sequence=call.next_sequence + 1), owed)


def with_callback(call: Call, url: str | None, method: str | None, now_ms: int) -> Call:
    """Return the call with another callback URL or method, for events still to come.

    The set of events stays; a call without a callback config gets the default one.
    """
    if call.callback is not None:
        config = replace(
            call.callback,
            url=url or call.callback.url,
            method=method or call.callback.method,
        )
    elif url is not None:
        config = CallbackConfig(url=url, method=method or "POST")
    else:
        return call
    return replace(call, callback=config, updated_ms=max(now_ms, call.updated_ms))


def time_is_up(call: Call, now_ms: int) -> bool:
    """Tell whether the call has rung, or lasted, for as long as it may."""
    limit = limit_ms(call)
    return limit is not None and limit <= now_ms


def limit_ms(call: Call) -> int | None:
    """Return when the call must be answered, or over; None while that is open."""
    if call.over:
        return None
    if call.answered_ms is not None:
        return call.answered_ms + call.time_limit * 1000
    if call.dialled_ms is not None:
        return call.dialled_ms + call.timeout * 1000
    # Of a call made elsewhere nothing may ever be heard.
    return call.created_ms + LONGEST_CALL * 1000 if call.elsewhere else None


def _moved(
    call: Call, report: Report, at_ms: int, disputed: Mapping[int, State]
) -> Call:
    if report.state is Reported.ENDED:
        return _ended(call, report, at_ms, disputed)
    answered = report.state is Reported.ANSWERED
    return replace(
        call,
        state=_REACHED[report.state],
        dialled_ms=at_ms if call.dialled_ms is None else call.dialled_ms,
        answered_ms=at_ms if answered else None,
        answered_by=report.answered_by or call.answered_by,
        sip_call_id=report.sip_call_id or call.sip_call_id,
    )


def _ended(
    call: Call, report: Report, at_ms: int, disputed: Mapping[int, State]
) -> Call:
    answered = call.answered_ms is not None
    word = outcome.final_word(report, answered=answered, disputed=disputed)
    return replace(
        call,
        state=word,
        ended_ms=at_ms,
        answered_by=report.answered_by or call.answered_by,
        sip_code=outcome.sip_response_code(report, word),
        sip_call_id=report.sip_call_id or call.sip_call_id,
        ended_by=report.ended_by,
        cause=report.cause,
        recording=report.recording,
    )
