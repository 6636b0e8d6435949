"""Subscriptions: list, create, update, fetch, delete."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from trunkline.api.events_v1 import views
from trunkline.api.events_v1.services import Services, created, deleted, resource
from trunkline.api.forms import Form, parse_form, read_form
from trunkline.api.paging import Order
from trunkline.errors import Refused
from trunkline.events.ids import canonical, is_sid
from trunkline.streams.subscriptions import (
    Subscription,
    check_description,
    parse_types,
)


_OLDEST_FIRST: Order[Subscription] = Order(
    lambda subscription: (subscription.created_ms, subscription.sid), tuple[int, str]
)


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of Subscriptions."""
    registry, directory = services.registry, services.directory

    async def list_all(request: Request) -> JSONResponse:
        account = services.account(request)
        sink_sid = parse_form(request.scope["query_string"]).one("SinkSid")
        if sink_sid is not None and not is_sid(sink_sid, "DG"):
            raise Refused(91006, 400, f"Invalid sink SID {sink_sid[:100]}")
        chosen = [
            row
            for row in directory.subscriptions(account.sid)
            if sink_sid is None or row.sink_sid == canonical(sink_sid)
        ]
        return services.listing(
            request,
            chosen,
            _OLDEST_FIRST,
            views.subscription,
            name="subscriptions",
            filters=["SinkSid"],
        )

    async def create(request: Request) -> JSONResponse:
        account = services.account(request)
        form = await read_form(request)
        description = form.required("Description")
        check_description(description)
        sink = directory.sink_to_subscribe(account.sid, form.required("SinkSid"))
        wishes = parse_types(form.all("Types"))
        _refuse_filter(form)
        subscription = await registry.create_subscription(
            account.sid, sink.sid, description, wishes
        )
        return created(views.subscription(subscription, services.base(request)))

    async def fetch(request: Request) -> JSONResponse:
        account = services.account(request)
        subscription = directory.subscription(account.sid, request.path_params["sid"])
        return JSONResponse(views.subscription(subscription, services.base(request)))

    async def update(request: Request) -> JSONResponse:
        account = services.account(request)
        subscription = directory.subscription(account.sid, request.path_params["sid"])
        form = await read_form(request)
        _refuse_filter(form)
        description = form.one("Description")
        if description is not None:
            check_description(description)
            subscription = await registry.describe_subscription(
                account.sid, subscription.sid, description
            )
        return JSONResponse(views.subscription(subscription, services.base(request)))

    async def delete(request: Request) -> Response:
        account = services.account(request)
        await registry.delete_subscription(account.sid, request.path_params["sid"])
        return deleted()

    path = "/v1/Subscriptions/{sid}"
    return [
        resource("/v1/Subscriptions", {"GET": list_all, "POST": create}),
        resource(path, {"GET": fetch, "POST": update, "DELETE": delete}),
    ]


def _refuse_filter(form: Form) -> None:
    # To ignore a filter would send events that nobody asked for.
    if any(form.all("Filter")):
        raise Refused(20001, 400, "Invalid value for parameter Filter")
