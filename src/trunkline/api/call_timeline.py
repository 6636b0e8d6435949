"""`/trunkline/v1/Calls/{sid}/Timeline` and `/Quality`, and `/trunkline/v1/TokenFailures`.

A call is found by its SID and by the temporary id that a browser gave it; what was
captured under either is shown together, in the order in which it happened.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trunkline.accounts import Accounts
from trunkline.api.auth import account_of
from trunkline.api.call_resource import call_event_resource
from trunkline.api.errors import not_found
from trunkline.api.forms import parse_form
from trunkline.api.operations import Resource, json_answer, operation
from trunkline.api.paging import PAGING, Order, Page, PageMeta, page_of
from trunkline.api.urls import base_url
from trunkline.capture.sdk.failures import TokenFailure
from trunkline.capture.sdk.ports import KeptPost
from trunkline.capture.sdk.samples import RollUp, total
from trunkline.capture.timeline import KeptSample, Kind, Mark, Records, SampleMark
from trunkline.events.times import iso_ms


T = TypeVar("T")

_PREFIX = "/trunkline/v1"

# No id of a call is longer.
_MAX_ID = 100

_BY_MARK: Order[Mark] = Order(lambda mark: mark, Mark)
_BY_SAMPLE: Order[SampleMark] = Order(lambda mark: mark, SampleMark)


class Timelines(Protocol):
    """What is on record of calls. `ids` are all those of one call."""

    async def is_known(self, account_sid: str, ids: Sequence[str]) -> bool:
        """Tell whether anything is on record of a call of the account."""
        ...

    async def marks(self, account_sid: str, ids: Sequence[str]) -> list[Mark]:
        """Return the marks of a call's timeline, in its order."""
        ...

    async def has_final_event(self, account_sid: str, ids: Sequence[str]) -> bool:
        """Tell whether the Voice SDK has reported the end of a call."""
        ...

    async def records(
        self, account_sid: str, ids: Sequence[str], marks: Sequence[Mark]
    ) -> Records:
        """Return what stands behind some marks."""
        ...

    async def roll_ups(self, account_sid: str, ids: Sequence[str]) -> list[RollUp]:
        """Return the roll-ups of a call's samples, in the order of their times."""
        ...

    async def sample_marks(
        self, account_sid: str, ids: Sequence[str]
    ) -> list[SampleMark]:
        """Return where a call's samples are found, in the order of their times."""
        ...

    async def samples(
        self, account_sid: str, ids: Sequence[str], marks: Sequence[SampleMark]
    ) -> list[KeptSample]:
        """Return the samples of some marks, which follow one another."""
        ...


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """A Voice SDK post as it is kept: when it came, and its body, redacted."""

    received_at: str
    clock_skew: bool
    body: msgspec.Raw


class TimelineItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened in a call.

    `kind` is `event`; `quality_warning`, an event that raised or cleared one; `post`,
    an SDK post without an event in the log; `callback` or `request`, a request of the
    call's life. `raised` is of warnings, `request` of requests, the other members of
    events and posts.
    """

    kind: str
    at: str
    recorded_at: str | None = None
    id: str | None = None
    type: str | None = None
    call_sid: str | None = None
    group: str | None = None
    name: str | None = None
    level: str | None = None
    raised: bool | None = None
    data: dict[str, Any] | None = None
    post: Post | None = None
    request: dict[str, Any] | None = None


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a call's timeline. `ids` are all by which the call is known.

    `has_final_event` tells whether the Voice SDK said that the call ended.
    """

    ids: list[str]
    has_final_event: bool
    timeline: list[TimelineItem]
    meta: PageMeta


class QualityRollUp(msgspec.Struct, frozen=True, kw_only=True):
    """Samples summed up: milliseconds, MOS from 1 to 5, numbers of packets."""

    samples: int
    first_at: str
    last_at: str
    jitter: dict[str, float] | None
    rtt: dict[str, float] | None
    mos: dict[str, float] | None
    sums: dict[str, float]
    totals: dict[str, float]


class QualitySample(msgspec.Struct, frozen=True, kw_only=True):
    """A second of a call's media; `fields` are as the SDK posted them."""

    at: str
    fields: msgspec.Raw


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a call's quality samples, with what they come to over the call."""

    ids: list[str]
    summary: QualityRollUp | None
    roll_ups: list[QualityRollUp]
    samples: list[QualitySample]
    meta: PageMeta


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A token that was refused: what it claims, unproven, and the code that says why."""

    at: str
    code: int
    message: str
    iss: str
    sub: str
    exp: int | None
    address: str


class Failures(msgspec.Struct, frozen=True, kw_only=True):
    """The latest failures of tokens that say they are the account's, newest first."""

    token_failures: list[Failure]


class _Head(msgspec.Struct, frozen=True):
    group: str
    name: str
    level: Any = None


_head = msgspec.json.Decoder(_Head).decode

_WARNING_RAISED = "-warning-raised"
_WARNING_CLEARED = "-warning-cleared"


def routes(
    *,
    accounts: Accounts,
    timelines: Timelines,
    ids_of_call: Callable[[str, str], Awaitable[list[str]]],
    token_failures: Callable[[str], Sequence[TokenFailure]],
    public_url: str | None,
) -> list[BaseRoute]:
    """Return the routes. `ids_of_call` finds all ids of an account's call."""

    async def call_of(request: Request) -> tuple[str, list[str]]:
        account_sid = account_of(request, accounts).sid
        call_id = request.path_params["sid"]
        if len(call_id) <= _MAX_ID:
            ids = await ids_of_call(account_sid, call_id)
            if await timelines.is_known(account_sid, ids):
                return account_sid, sorted(ids)
        raise not_found(request.scope["path"])

    def page(
        request: Request, items: Sequence[T], order: Order[T], name: str
    ) -> Page[T]:
        return page_of(
            items,
            order,
            parse_form(request.scope["query_string"]),
            url=base_url(request, public_url) + request.scope["path"],
            filters={},
            name=name,
        )

    @operation(
        "Read what happened in a call",
        query=PAGING,
        answers={200: Timeline},
        errors=(404,),
    )
    async def timeline(request: Request) -> Response:
        account_sid, ids = await call_of(request)
        marks = await timelines.marks(account_sid, ids)
        part = page(request, marks, _BY_MARK, "timeline")
        records = await timelines.records(account_sid, ids, part.items)
        return json_answer(
            Timeline(
                ids=ids,
                has_final_event=await timelines.has_final_event(account_sid, ids),
                timeline=[
                    item
                    for mark in part.items
                    if (item := _item(mark, records)) is not None
                ],
                meta=part.meta,
            )
        )

    @operation(
        "Read the media quality of a call",
        query=PAGING,
        answers={200: Quality},
        errors=(404,),
    )
    async def quality(request: Request) -> Response:
        account_sid, ids = await call_of(request)
        roll_ups = await timelines.roll_ups(account_sid, ids)
        marks = await timelines.sample_marks(account_sid, ids)
        part = page(request, marks, _BY_SAMPLE, "samples")
        samples = await timelines.samples(account_sid, ids, part.items)
        whole = total(roll_ups)
        return json_answer(
            Quality(
                ids=ids,
                summary=None if whole is None else _roll_up(whole),
                roll_ups=[_roll_up(each) for each in roll_ups],
                samples=[
                    QualitySample(at=iso_ms(kept.mark.at_ms), fields=kept.fields)
                    for kept in samples
                ],
                meta=part.meta,
            )
        )

    @operation("List tokens that were refused", answers={200: Failures})
    async def failures(request: Request) -> Response:
        found = token_failures(account_of(request, accounts).sid)
        return json_answer(Failures(token_failures=[_failure(one) for one in found]))

    return [
        Resource(f"{_PREFIX}/Calls/{{sid}}/Timeline", {"GET": timeline}),
        Resource(f"{_PREFIX}/Calls/{{sid}}/Quality", {"GET": quality}),
        Resource(f"{_PREFIX}/TokenFailures", {"GET": failures}),
    ]


def _item(mark: Mark, records: Records) -> TimelineItem | None:
    """Return what a mark stands for; None where it has been pruned meanwhile."""
    match mark.kind:
        case Kind.EVENT:
            return _event(mark, records)
        case Kind.POST:
            post = records.posts.get(mark.post)
            return None if post is None else _post_alone(post)
        case Kind.REQUEST:
            request = records.requests.get(int(mark.id))
            if request is None:
                return None
            is_callback = any(
                name == "CallbackSource" for name, _ in request.parameters
            )
            return TimelineItem(
                kind="callback" if is_callback else "request",
                at=iso_ms(mark.at_ms),
                request=call_event_resource(request),
            )


def _event(mark: Mark, records: Records) -> TimelineItem | None:
    recorded = records.events.get(mark.id)
    if recorded is None:
        return None
    event = recorded.event
    data = msgspec.json.decode(event.data)
    group = data.get("group")
    post = recorded.post or records.posts.get(mark.post)
    if post is not None and post.event_id != event.id:
        post = None  # the number is another's by now
    return TimelineItem(
        kind="event" if _raised(group) is None else "quality_warning",
        at=event.time,
        recorded_at=iso_ms(recorded.accepted_ms),
        id=event.id,
        type=event.type,
        call_sid=event.call_sid,
        group=group,
        name=data.get("name"),
        level=data.get("level"),
        raised=_raised(group),
        data=data,
        post=None if post is None else _post(post),
    )


def _post_alone(post: KeptPost) -> TimelineItem:
    shown, head = _post(post), _head(post.body)
    return TimelineItem(
        kind="post",
        at=iso_ms(post.at_ms),
        recorded_at=shown.received_at,
        id=post.event_id,
        call_sid=post.call_id,
        group=head.group,
        name=head.name,
        level=head.level if isinstance(head.level, str) else None,
        post=shown,
    )


def _post(post: KeptPost) -> Post:
    return Post(
        received_at=iso_ms(post.received_ms),
        clock_skew=bool(post.clock_skew),
        body=msgspec.Raw(post.body),
    )


def _raised(group: object) -> bool | None:
    if not isinstance(group, str):
        return None
    if group.endswith(_WARNING_RAISED):
        return True
    return False if group.endswith(_WARNING_CLEARED) else None


def _roll_up(roll_up: RollUp) -> QualityRollUp:
    def spread(name: str) -> dict[str, float] | None:
        found = roll_up.spreads.get(name)
        return None if found is None else msgspec.structs.asdict(found)

    return QualityRollUp(
        samples=roll_up.samples,
        first_at=iso_ms(roll_up.first_ms),
        last_at=iso_ms(roll_up.last_ms),
        jitter=spread("jitter"),
        rtt=spread("rtt"),
        mos=spread("mos"),
        sums=roll_up.sums,
        totals=roll_up.totals,
    )


def _failure(failure: TokenFailure) -> Failure:
    return Failure(
        at=iso_ms(failure.at_ms),
        code=failure.code,
        message=failure.message,
        iss=failure.iss,
        sub=failure.sub,
        exp=failure.exp,
        address=failure.address,
    )
