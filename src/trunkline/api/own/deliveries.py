"""Where an event stands at each sink. Pure."""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from trunkline.api.own.ports import Recent, Standing
from trunkline.events.times import iso_ms
from trunkline.log.records import DeadLetter, DeliveryException
from trunkline.streams.sinks import Sink


Status = Literal["delivered", "queued", "waiting", "dead", "not_subscribed"]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event at one sink.

    `queued`: no attempt has ended yet. `waiting`: attempts failed, the next is made
    at `next_attempt_at`. `dead`: given up; `dead_letter_sid` names the dead letter.
    `delivered_at` is null where that is longer ago than is remembered.
    """

    sink_sid: str
    sink_description: str | None
    status: Status
    delivered_at: str | None = None
    next_attempt_at: str | None = None
    gives_up_at: str | None = None
    attempts: int | None = None
    code: int | None = None
    reason: str | None = None
    http_status: int | None = None
    first_at: str | None = None
    last_at: str | None = None
    dead_letter_sid: str | None = None


def explain(
    standing: Standing,
    *,
    sinks: Iterable[Sink],
    versions: Mapping[str, int],
    recent: Recent,
) -> list[Delivery]:
    """Return where an event stands: at each sink, and at gone ones it died at.

    `versions` has the sinks that are subscribed to it.
    """
    waiting = {row.sink_sid: row for row in standing.exceptions}
    dead = {letter.sink_sid: letter for letter in standing.letters}
    position = standing.entry.position
    deliveries = []
    for sink in sinks:
        sid, description = sink.sid, sink.description
        letter = dead.pop(sid, None)
        settled_ms = recent.settled_ms(sid, position)
        if sid in waiting:
            delivery = _waiting(waiting[sid], description)
        elif letter is not None:
            delivery = _dead(letter, description)
        elif settled_ms is not None:
            delivery = _plain(sid, description, "delivered", iso_ms(settled_ms))
        elif sid not in versions:
            delivery = _plain(sid, description, "not_subscribed")
        elif position <= standing.bookmarks.get(sid, 0):
            delivery = _plain(sid, description, "delivered")
        else:
            delivery = _plain(sid, description, "queued")
        deliveries.append(delivery)
    return [*deliveries, *(_dead(letter, None) for letter in dead.values())]


def _plain(
    sid: str, description: str, status: Status, delivered_at: str | None = None
) -> Delivery:
    return Delivery(
        sink_sid=sid,
        sink_description=description,
        status=status,
        delivered_at=delivered_at,
    )


def _waiting(row: DeliveryException, description: str) -> Delivery:
    return Delivery(
        sink_sid=row.sink_sid,
        sink_description=description,
        status="waiting",
        next_attempt_at=iso_ms(row.due_ms),
        gives_up_at=iso_ms(row.deadline_ms),
        attempts=row.attempt,
        code=row.code or None,
        reason=row.detail,
        http_status=row.http_status,
        first_at=iso_ms(row.first_ms),
        last_at=iso_ms(row.last_ms),
    )


def _dead(letter: DeadLetter, description: str | None) -> Delivery:
    return Delivery(
        sink_sid=letter.sink_sid,
        sink_description=description,
        status="dead",
        attempts=letter.attempts,
        code=letter.code,
        reason=letter.reason,
        http_status=letter.http_status,
        first_at=iso_ms(letter.first_ms),
        last_at=iso_ms(letter.last_ms),
        dead_letter_sid=letter.sid,
    )
