"""What the log keeps: entries, exceptions of deliveries, dead letters."""

from typing import NamedTuple

import msgspec

from trunkline.events.envelope import Event


class Entry(NamedTuple):
    """An event at its place in the log. `accepted_ms`: when it was appended."""

    position: int
    accepted_ms: int
    event: Event


class DeliveryException(msgspec.Struct, frozen=True, kw_only=True):
    """A failed delivery that waits for its next attempt.

    `attempt` counts the attempts made; `due_ms` is when the next may start;
    `deadline_ms` is when we give up. `code`, `detail` and `http_status` tell the last
    outcome. `first_ms` is when the first attempt was made, `last_ms` the last.
    """

    sink_sid: str
    position: int
    attempt: int
    due_ms: int
    deadline_ms: int
    code: int
    detail: str
    http_status: int | None
    first_ms: int
    last_ms: int


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was given up, kept with the reason."""

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
    first_ms: int
    last_ms: int
