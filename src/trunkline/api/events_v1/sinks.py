"""Sinks: list, create, update, fetch, delete, test, validate."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from trunkline.api.events_v1 import views
from trunkline.api.events_v1.services import Services, created, deleted, resource
from trunkline.api.forms import Form, parse_form, read_form
from trunkline.api.paging import Order
from trunkline.errors import Refused
from trunkline.streams.directory import Directory
from trunkline.streams.sinks import Sink, SinkStatus


_OLDEST_FIRST: Order[Sink] = Order(
    lambda sink: (sink.created_ms, sink.sid), tuple[int, str]
)


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of Sinks."""
    registry, directory = services.registry, services.directory

    async def list_all(request: Request) -> JSONResponse:
        account = services.account(request)
        query = parse_form(request.scope["query_string"])
        return services.listing(
            request,
            _filtered(directory.sinks(account.sid), query, directory),
            _OLDEST_FIRST,
            views.sink,
            name="sinks",
            filters=["InUse", "Status"],
        )

    async def create(request: Request) -> JSONResponse:
        account = services.account(request)
        form = await read_form(request)
        sink = await registry.create_sink(
            account.sid,
            description=form.required("Description"),
            configuration=form.required("SinkConfiguration"),
            sink_type=form.required("SinkType"),
        )
        return created(views.sink(sink, services.base(request)))

    async def fetch(request: Request) -> JSONResponse:
        account = services.account(request)
        sink = directory.sink(account.sid, request.path_params["sid"])
        return JSONResponse(views.sink(sink, services.base(request)))

    async def update(request: Request) -> JSONResponse:
        account = services.account(request)
        sink = directory.sink(account.sid, request.path_params["sid"])
        form = await read_form(request)
        sink = await registry.describe_sink(
            account.sid, sink.sid, form.required("Description")
        )
        return JSONResponse(views.sink(sink, services.base(request)))

    async def delete(request: Request) -> Response:
        account = services.account(request)
        await registry.delete_sink(account.sid, request.path_params["sid"])
        return deleted()

    async def test(request: Request) -> JSONResponse:
        account = services.account(request)
        await registry.test_sink(account.sid, request.path_params["sid"])
        return created({"result": "submitted"})

    async def validate(request: Request) -> JSONResponse:
        account = services.account(request)
        sink = directory.sink(account.sid, request.path_params["sid"])
        form = await read_form(request)
        await registry.validate_sink(account.sid, sink.sid, form.required("TestId"))
        return created({"result": "valid"})

    return [
        resource("/v1/Sinks", {"GET": list_all, "POST": create}),
        resource("/v1/Sinks/{sid}", {"GET": fetch, "POST": update, "DELETE": delete}),
        resource("/v1/Sinks/{sid}/Test", {"POST": test}),
        resource("/v1/Sinks/{sid}/Validate", {"POST": validate}),
    ]


def _filtered(sinks: Sequence[Sink], query: Form, directory: Directory) -> list[Sink]:
    """Return the sinks that the filters of a list let through. Raises Refused 20001."""
    in_use, status = query.one("InUse"), query.one("Status")
    if in_use is not None and in_use.lower() not in {"true", "false"}:
        raise Refused(20001, 400, "Invalid value for parameter InUse")
    if status is not None and status not in set(SinkStatus):
        raise Refused(20001, 400, "Invalid value for parameter Status")
    return [
        sink
        for sink in sinks
        if status in {None, sink.status}
        and (
            in_use is None
            or directory.is_in_use(sink.sid) == (in_use.lower() == "true")
        )
    ]
