"""What is on record of a call: the marks of its timeline, and what stands behind them."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from trunkline.capture.calls.call_event import CallEvent
from trunkline.capture.sdk.ports import KeptPost
from trunkline.events.envelope import Event


class Kind(StrEnum):
    """What a mark stands for: a request of the call's life is a callback or like one."""

    EVENT = "event"
    POST = "post"
    REQUEST = "request"


class Mark(msgspec.Struct, frozen=True, order=True, array_like=True):
    """A point in a call's timeline, in the order of what happened.

    `id` is the event's, else the number of the post or request; `post` is the number of
    the post that an event came from, 0 where it is kept with the event, or not at all.
    """

    at_ms: int
    kind: Kind
    id: str
    post: int = 0


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An event, when it was accepted, and the post that is kept with it."""

    event: Event
    accepted_ms: int
    post: KeptPost | None = None


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind marks, by their ids and numbers."""

    events: dict[str, Recorded]
    posts: dict[int, KeptPost]
    requests: dict[int, CallEvent]


class SampleMark(msgspec.Struct, frozen=True, order=True, array_like=True):
    """Where a quality sample is found: its time and its call's id."""

    at_ms: int
    call_id: str


class KeptSample(msgspec.Struct, frozen=True, kw_only=True):
    """A quality sample as it was posted."""

    mark: SampleMark
    fields: msgspec.Raw


def marks_of(
    events: Sequence[tuple[int, str]],
    posts: Sequence[tuple[int, int, str | None]],
    requests: Sequence[tuple[int, CallEvent]],
) -> list[Mark]:
    """Return the marks of a call's timeline, in the order of what happened.

    Events are given by time and id; posts by number, time and event id, None without;
    requests by number. A post is the mark of its own only while its event is not in the log.
    """
    known = {event_id for _, event_id in events}
    post_of = {event_id: number for number, _, event_id in posts if event_id}
    marks = [
        Mark(at_ms, Kind.EVENT, event_id, post_of.get(event_id, 0))
        for at_ms, event_id in events
    ]
    marks += [
        Mark(at_ms, Kind.POST, f"{number:020}", number)
        for number, at_ms, event_id in posts
        if event_id not in known
    ]
    marks += [
        Mark(_started_ms(request), Kind.REQUEST, f"{number:020}")
        for number, request in requests
    ]
    return sorted(marks)


def _started_ms(request: CallEvent) -> int:
    if request.attempts:
        return request.attempts[0].started_ms
    answer = request.answer
    return 0 if answer is None else answer.completed_ms - answer.duration_ms
