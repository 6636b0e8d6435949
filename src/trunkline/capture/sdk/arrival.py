"""A post as it arrived, and what becomes of it: its event, and what is kept. Pure."""

import msgspec

from trunkline.capture.sdk import mapping
from trunkline.capture.sdk.http import too_large
from trunkline.capture.sdk.mapping import Sender
from trunkline.capture.sdk.ports import HeldEvent, KeptPost
from trunkline.capture.sdk.post import Post, parse_event
from trunkline.capture.sdk.sticky import Memory, Sticky
from trunkline.events.call_event import encode
from trunkline.events.catalogue import SDK_EVENT_TYPE
from trunkline.events.envelope import MAX_DATA_BYTES, Event
from trunkline.events.times import parse_iso


# What a client's clock may be behind and ahead before its post is marked (spec 2.5).
_BEHIND_MS = 24 * 60 * 60 * 1000
_AHEAD_MS = 10 * 60 * 1000


# No body grows to four times its size.
SURELY_SMALL = MAX_DATA_BYTES // 5
# What other posts of its call may add to an event: a few short texts.
_TOLD_LATER = 10_000


class Arrival(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A post as it arrived: `body` is redacted, `now_ms` is when."""

    body: bytes
    post: Post
    sender: Sender
    now_ms: int


def event_of(
    event_id: str, post: Post, sender: Sender, memory: Memory, call_sid: str
) -> Event:
    """Return the event of a post. `memory` has heard the post last, or none."""
    data = mapping.call_event(post, sender, memory, call_sid)
    return Event(
        event_id,
        sender.account_sid,
        SDK_EVENT_TYPE,
        f"/v1/Voice/{call_sid}/Events",
        data.timestamp,
        call_sid,
        encode(data),
    )


def check_size(arrival: Arrival) -> None:
    """Raise Refused 20413 where a post's event would be larger than any sink takes.

    At once, while it can be refused: a number may grow as it is written out. A body of
    up to `SURELY_SMALL` bytes needs no check.
    """
    event = event_of("", arrival.post, arrival.sender, Memory(), "")
    if len(event.data) > MAX_DATA_BYTES - _TOLD_LATER:
        raise too_large()


def held_event(
    arrival: Arrival, event_id: str, temp_call_sid: str, due_ms: int
) -> HeldEvent:
    """Return what is held of a post whose event has to wait until `due_ms`."""
    return HeldEvent(
        event_id=event_id,
        temp_call_sid=temp_call_sid,
        due_ms=due_ms,
        received_ms=arrival.now_ms,
        at_ms=arrival.post.at_ms,
        sender=arrival.sender,
        body=arrival.body,
    )


def released(held: HeldEvent, sticky: Sticky, call_sid: str) -> Event:
    """Return the event of a post that has waited."""
    post = parse_event(held.body, held.received_ms)
    return event_of(held.event_id, post, held.sender, Memory(sticky), call_sid)


def post_of_event(  # noqa: PLR0917 (as they stand in the event's row)
    account_sid: str,
    call_sid: str,
    event_id: str,
    time: str,
    accepted_ms: int,
    body: bytes,
) -> KeptPost:
    """Return the post that is kept in the row of its event, which says the rest."""
    at_ms = parse_iso(time) or 0
    return KeptPost(
        account_sid=account_sid,
        call_id=call_sid,
        event_id=event_id,
        at_ms=at_ms,
        received_ms=accepted_ms,
        clock_skew=_is_skewed(at_ms, accepted_ms),
        body=body,
    )


def kept_post(arrival: Arrival, call_id: str, event_id: str | None) -> KeptPost:
    """Return what is kept of a post apart from its event, or without one."""
    at_ms, now_ms = arrival.post.at_ms, arrival.now_ms
    return KeptPost(
        account_sid=arrival.sender.account_sid,
        call_id=call_id,
        event_id=event_id,
        at_ms=at_ms,
        received_ms=now_ms,
        clock_skew=_is_skewed(at_ms, now_ms),
        body=arrival.body,
    )


def _is_skewed(at_ms: int, now_ms: int) -> bool:
    return not now_ms - _BEHIND_MS <= at_ms <= now_ms + _AHEAD_MS
