"""Notices of failing deliveries (spec event-streams 7)."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trunkline.api.operations import Resource, json_answer, operation
from trunkline.api.own import filters, pages
from trunkline.api.own.fields import read_query
from trunkline.api.own.pages import List
from trunkline.api.own.services import PREFIX, OwnServices
from trunkline.api.paging import PAGING, list_of
from trunkline.delivery.notices import Notice
from trunkline.events.times import iso_ms


class NoticeView(msgspec.Struct, frozen=True, kw_only=True):
    """`count` failures of one sink with one code; the last of them is described."""

    code: int
    level: str
    message: str
    account_sid: str
    sink_sid: str
    count: int
    first_at: str
    last_at: str
    event_type: str
    event_id: str
    http_status: int | None


FILTERS = (filters.SINK_SID, filters.CODE)


def routes(services: OwnServices) -> list[BaseRoute]:
    """Return the route of Notices."""
    notices = services.notices

    @operation(
        "List notices of failing deliveries, newest first",
        query=(*FILTERS, *PAGING),
        answers={200: list_of("notices", NoticeView)},
        errors=(400,),
    )
    async def list_all(request: Request) -> Response:
        account = services.account(request)
        query = read_query(request)
        sink_sid, code = filters.sink_sid(query), filters.code(query)
        items: List[tuple[int, Notice], int] = List(
            lambda after, offset, limit: notices.find(
                account.sid,
                sink_sid=sink_sid,
                code=code,
                after=after,
                offset=offset,
                limit=limit,
            ),
            lambda key, distance: notices.before(
                account.sid, sink_sid=sink_sid, code=code, key=key, distance=distance
            ),
            lambda numbered: numbered[0],
            pages.whole_number,
        )
        found, meta = await services.page(
            request, items, name="notices", filters=FILTERS
        )
        return json_answer(
            {"notices": [_shown(notice) for _, notice in found], "meta": meta}
        )

    return [Resource(f"{PREFIX}/Notices", {"GET": list_all})]


def _shown(notice: Notice) -> NoticeView:
    return NoticeView(
        code=notice.code,
        level=notice.level,
        message=notice.message,
        account_sid=notice.account_sid,
        sink_sid=notice.sink_sid,
        count=notice.count,
        first_at=iso_ms(notice.first_ms),
        last_at=iso_ms(notice.last_ms),
        event_type=notice.event_type,
        event_id=notice.event_id,
        http_status=notice.http_status,
    )
