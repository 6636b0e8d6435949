"""Events as they are accepted, as server-sent events."""

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from trunkline.api.operations import Resource, operation
from trunkline.api.own import filters
from trunkline.api.own.fields import read_query
from trunkline.api.own.services import PREFIX, OwnServices
from trunkline.api.own.tails import Tail
from trunkline.clock import Clock
from trunkline.events import catalogue, envelope
from trunkline.log.records import Entry


# How often a silent stream says that it is alive, in seconds: proxies cut after 30
# to 60 without a byte.
HEARTBEAT = 15.0

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep events back
}


def routes(services: OwnServices, clock: Clock) -> list[BaseRoute]:
    """Return the route of Tail."""

    def message(entry: Entry) -> bytes:
        event = entry.event
        version = catalogue.latest_version(event.type)
        body = envelope.render(event, version, services.schema_host)
        return b"id: %b\ndata: %b\n\n" % (event.id.encode(), body)

    async def messages(tail: Tail) -> AsyncIterator[bytes]:
        try:
            yield b": watching\n\n"
            while not tail.closed:
                await clock.wait(tail.news, HEARTBEAT)
                entries, missed = tail.take()
                for entry in entries:
                    yield message(entry)
                if missed:
                    yield b'event: missed\ndata: {"count":%d}\n\n' % missed
                if not entries:
                    yield b": still here\n\n"
        finally:
            services.tails.drop(tail)

    @operation(
        "Watch events as they are accepted",
        query=(filters.TYPES, filters.CALL_SID),
        answers={200: str},
        errors=(400, 429),
        media_type="text/event-stream",
    )
    async def watch(request: Request) -> Response:
        account = services.account(request)
        given = filters.given(read_query(request))
        call_ids = await services.call_ids(account.sid, given)
        if request.method == "HEAD":
            return Response(headers=_HEADERS, media_type="text/event-stream")
        tail = services.tails.open(account.sid, given.types, call_ids)
        return StreamingResponse(
            messages(tail), headers=_HEADERS, media_type="text/event-stream"
        )

    return [Resource(f"{PREFIX}/Tail", {"GET": watch})]
