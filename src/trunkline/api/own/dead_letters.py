"""Dead letters: search, fetch, and send again, one or many."""

from collections.abc import Sequence
from operator import attrgetter

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trunkline.api.forms import Form
from trunkline.api.operations import Resource, json_answer, operation
from trunkline.api.own import filters
from trunkline.api.own.fields import read_fields, read_query
from trunkline.api.own.pages import List
from trunkline.api.own.services import PREFIX, OwnServices
from trunkline.api.paging import PAGING, list_of
from trunkline.errors import Refused
from trunkline.events.ids import canonical
from trunkline.events.times import iso_ms
from trunkline.log.filters import LetterFilter
from trunkline.log.records import DeadLetter
from trunkline.streams.directory import NotFound


# Dead letters sent again in one transaction.
TOGETHER = 500


class DeadLetterView(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was given up, and why."""

    sid: str
    account_sid: str
    sink_sid: str
    event_id: str
    event_type: str
    call_sid: str | None
    code: int
    reason: str
    attempts: int
    first_at: str
    last_at: str
    http_status: int | None
    last_answer: str | None
    url: str


class Redelivered(msgspec.Struct, frozen=True, kw_only=True):
    """How many dead letters are on their way again, and how many could not be."""

    sink_sid: str
    redelivered: int
    not_kept: int


FILTERS = (
    filters.SINK_SID,
    filters.TYPES,
    filters.CALL_SID,
    filters.FROM,
    filters.TO,
    filters.CODE,
)
FORM = (filters.TO_SINK, *FILTERS[1:])


def routes(services: OwnServices) -> list[BaseRoute]:
    """Return the routes of DeadLetters."""
    letters = DeadLetters(services)
    path = f"{PREFIX}/DeadLetters"
    return [
        Resource(path, {"GET": letters.list_all}),
        Resource(f"{path}/Redeliver", {"POST": letters.redeliver_all}),
        Resource(f"{path}/{{sid}}", {"GET": letters.fetch}),
        Resource(f"{path}/{{sid}}/Redeliver", {"POST": letters.redeliver}),
    ]


class DeadLetters:
    """The operations on dead letters."""

    def __init__(self, services: OwnServices) -> None:
        self._services = services
        self._search = services.search

    @operation(
        "Search dead letters, newest first",
        query=(*FILTERS, *PAGING),
        answers={200: list_of("dead_letters", DeadLetterView)},
        errors=(400,),
    )
    async def list_all(self, request: Request) -> Response:
        """Answer with one page."""
        account = self._services.account(request)
        wanted = await self._wanted(account.sid, read_query(request))
        items: List[DeadLetter, str] = List(
            lambda after, offset, limit: self._search.letters(
                wanted, after=after, offset=offset, limit=limit
            ),
            lambda key, distance: self._search.letter_before(
                wanted, key=key, distance=distance
            ),
            attrgetter("sid"),
            str,
        )
        found, meta = await self._services.page(
            request, items, name="dead_letters", filters=FILTERS
        )
        shown = [self._shown(request, letter) for letter in found]
        return json_answer({"dead_letters": shown, "meta": meta})

    @operation("Fetch a dead letter", answers={200: DeadLetterView}, errors=(404,))
    async def fetch(self, request: Request) -> Response:
        """Answer with one dead letter."""
        return json_answer(self._shown(request, await self._find(request)))

    @operation(
        "Send a dead letter's event to its sink again",
        answers={202: Redelivered},
        errors=(404, 409),
    )
    async def redeliver(self, request: Request) -> Response:
        """Send one again."""
        letter = await self._find(request)
        self._services.directory.sink(letter.account_sid, letter.sink_sid)
        count = await self._services.redelivery.redeliver(letter.sink_sid, [letter])
        if not count:
            raise Refused(20409, 409, f"The event of {letter.sid} is not kept any more")
        return json_answer(_redelivered(letter.sink_sid, 1, count), 202)

    @operation(
        "Send the events of many dead letters to their sink again",
        form=FORM,
        answers={202: Redelivered},
        errors=(400, 404),
    )
    async def redeliver_all(self, request: Request) -> Response:
        """Send all again that the filters let through."""
        account = self._services.account(request)
        form = await read_fields(request)
        sink = self._services.directory.sink(account.sid, form.required("SinkSid"))
        wanted = await self._wanted(account.sid, form)
        tried = redelivered = 0
        # Downwards from the newest of now: what dies again meanwhile comes above.
        letters: Sequence[DeadLetter] = ()
        while letters := await self._search.letters(
            wanted,
            after=letters[-1].sid if letters else None,
            offset=0,
            limit=TOGETHER,
        ):
            tried += len(letters)
            redelivered += await self._services.redelivery.redeliver(sink.sid, letters)
        return json_answer(_redelivered(sink.sid, tried, redelivered), 202)

    async def _wanted(self, account_sid: str, form: Form) -> LetterFilter:
        given = filters.given(form)
        return LetterFilter(
            account_sid=account_sid,
            types=given.types,
            call_ids=await self._services.call_ids(account_sid, given),
            from_ms=given.from_ms,
            to_ms=given.to_ms,
            sink_sid=filters.sink_sid(form),
            code=filters.code(form),
        )

    async def _find(self, request: Request) -> DeadLetter:
        account = self._services.account(request)
        sid = canonical(request.path_params["sid"])
        letter = await self._search.letter(account.sid, sid)
        if letter is None:
            raise NotFound
        return letter

    def _shown(self, request: Request, letter: DeadLetter) -> DeadLetterView:
        return DeadLetterView(
            sid=letter.sid,
            account_sid=letter.account_sid,
            sink_sid=letter.sink_sid,
            event_id=letter.event_id,
            event_type=letter.event_type,
            call_sid=letter.call_sid or None,
            code=letter.code,
            reason=letter.reason,
            attempts=letter.attempts,
            first_at=iso_ms(letter.first_ms),
            last_at=iso_ms(letter.last_ms),
            http_status=letter.http_status,
            last_answer=letter.last_answer or None,
            url=self._services.url(request, f"DeadLetters/{letter.sid}"),
        )


def _redelivered(sink_sid: str, tried: int, count: int) -> Redelivered:
    return Redelivered(sink_sid=sink_sid, redelivered=count, not_kept=tried - count)
