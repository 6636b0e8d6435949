"""What the log keeps: entries, exceptions of deliveries, dead letters."""

import msgspec

from trunkline.events.envelope import Event


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An event at its place in the log. `accepted_ms`: when it was appended."""

    position: int
    accepted_ms: int
    event: Event


class DeliveryException(msgspec.Struct, frozen=True, kw_only=True):
    """A failed delivery that waits for its next attempt.

    `call` is what an ordered sink keeps in order; `attempt` counts the attempts made,
    none while it waits behind another of its call; `due_ms` is when the next may start;
    `deadline_ms` is when we give up. `code`, `detail` and `http_status` tell the last
    outcome. `first_ms` is when the first attempt was made, `last_ms` the last.
    """

    sink_sid: str
    position: int
    call: str
    attempt: int
    due_ms: int
    deadline_ms: int
    code: int
    detail: str
    http_status: int | None
    first_ms: int
    last_ms: int


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was given up, kept with the reason.

    `last_answer` is the start of what the sink answered to the last attempt.
    """

    sid: str
    sink_sid: str
    position: int
    account_sid: str
    event_id: str
    event_type: str
    call_sid: str
    code: int
    reason: str
    attempts: int
    http_status: int | None
    last_answer: str
    first_ms: int
    last_ms: int


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """Which past events of an account a replay wants.

    `from_ms` and `to_ms` bound the time of acceptance, the second not included;
    `upto` is the last position; `call_sid` names one call, or is None.
    """

    account_sid: str
    types: tuple[str, ...]
    call_sid: str | None
    from_ms: int
    to_ms: int
    upto: int
