"""Sinks: list, create, update, fetch, delete, test, validate."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trunkline.api.events_v1 import resources, views
from trunkline.api.events_v1.services import Services, created, deleted
from trunkline.api.forms import Form, parse_form, read_form
from trunkline.api.operations import Parameter, Resource, json_answer, operation
from trunkline.api.paging import PAGING, Order, list_of
from trunkline.errors import Refused
from trunkline.events.catalogue import SinkType
from trunkline.streams.directory import Directory
from trunkline.streams.sinks import Sink, SinkStatus


_IN_USE = Parameter(
    name="InUse", about="Only sinks with a subscription, or without.", type=bool
)
_STATUS = Parameter(name="Status", about="Only sinks of this status.", type=SinkStatus)
_DESCRIPTION = Parameter(
    name="Description", about="What the sink is for.", required=True
)
_CONFIGURATION = Parameter(
    name="SinkConfiguration",
    about="A JSON object as text; its keys depend on the kind of sink.",
    type=Annotated[
        str, Meta(extra_json_schema={"contentMediaType": "application/json"})
    ],
    required=True,
)
_SINK_TYPE = Parameter(
    name="SinkType", about="The kind of sink.", type=SinkType, required=True
)
_TEST_ID = Parameter(
    name="TestId", about="The id in the newest test event.", required=True
)

_OLDEST_FIRST: Order[Sink] = Order(
    lambda sink: (sink.created_ms, sink.sid), tuple[int, str]
)


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of Sinks."""
    registry, directory = services.registry, services.directory

    @operation(
        "List sinks",
        query=(_IN_USE, _STATUS, *PAGING),
        answers={200: list_of("sinks", resources.Sink)},
    )
    async def list_all(request: Request) -> Response:
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

    @operation(
        "Create a sink",
        form=(_DESCRIPTION, _CONFIGURATION, _SINK_TYPE),
        answers={201: resources.Sink},
        errors=(409,),
    )
    async def create(request: Request) -> Response:
        account = services.account(request)
        form = await read_form(request)
        sink = await registry.create_sink(
            account.sid,
            description=form.required("Description"),
            configuration=form.required("SinkConfiguration"),
            sink_type=form.required("SinkType"),
        )
        return created(views.sink(sink, services.base(request)))

    @operation("Fetch a sink", answers={200: resources.Sink}, errors=(400, 404))
    async def fetch(request: Request) -> Response:
        account = services.account(request)
        sink = directory.sink(account.sid, request.path_params["sid"])
        return json_answer(views.sink(sink, services.base(request)))

    @operation(
        "Describe a sink anew",
        form=(_DESCRIPTION,),
        answers={200: resources.Sink},
        errors=(404,),
    )
    async def update(request: Request) -> Response:
        account = services.account(request)
        sink = directory.sink(account.sid, request.path_params["sid"])
        form = await read_form(request)
        sink = await registry.describe_sink(
            account.sid, sink.sid, form.required("Description")
        )
        return json_answer(views.sink(sink, services.base(request)))

    @operation(
        "Delete a sink, and what is queued for it",
        answers={204: None},
        errors=(400, 404, 409),
    )
    async def delete(request: Request) -> Response:
        account = services.account(request)
        await registry.delete_sink(account.sid, request.path_params["sid"])
        return deleted()

    @operation(
        "Send a test event to a sink",
        answers={201: resources.SinkTest},
        errors=(400, 404),
    )
    async def test(request: Request) -> Response:
        account = services.account(request)
        await registry.test_sink(account.sid, request.path_params["sid"])
        return created(resources.SinkTest())

    @operation(
        "Confirm that the newest test event has arrived",
        form=(_TEST_ID,),
        answers={201: resources.SinkValidation},
        errors=(404,),
    )
    async def validate(request: Request) -> Response:
        account = services.account(request)
        sink = directory.sink(account.sid, request.path_params["sid"])
        form = await read_form(request)
        await registry.validate_sink(account.sid, sink.sid, form.required("TestId"))
        return created(resources.SinkValidation())

    return [
        Resource("/v1/Sinks", {"GET": list_all, "POST": create}),
        Resource("/v1/Sinks/{sid}", {"GET": fetch, "POST": update, "DELETE": delete}),
        Resource("/v1/Sinks/{sid}/Test", {"POST": test}),
        Resource("/v1/Sinks/{sid}/Validate", {"POST": validate}),
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
