"""Subscriptions: list, create, update, fetch, delete."""

from dataclasses import replace
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
from trunkline.events.ids import canonical, is_sid
from trunkline.streams.subscriptions import (
    Subscription,
    check_description,
    parse_types,
)


_SINK_SID = Parameter(
    name="SinkSid", about="The sink that the events go to.", required=True
)
_DESCRIPTION = Parameter(
    name="Description", about="What the subscription is for.", required=True
)
_TYPES = Parameter(
    name="Types",
    about='Repeated: a JSON object with "type" and, if not the latest, "schema_version".',
    type=Annotated[list[str], Meta(min_length=1)],
    required=True,
)

_OLDEST_FIRST: Order[Subscription] = Order(
    lambda subscription: (subscription.created_ms, subscription.sid), tuple[int, str]
)


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of Subscriptions."""
    registry, directory = services.registry, services.directory

    @operation(
        "List subscriptions",
        query=(replace(_SINK_SID, required=False), *PAGING),
        answers={200: list_of("subscriptions", resources.Subscription)},
    )
    async def list_all(request: Request) -> Response:
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

    @operation(
        "Subscribe a sink to event types",
        form=(_DESCRIPTION, _SINK_SID, _TYPES),
        answers={201: resources.Subscription},
        errors=(404, 409),
    )
    async def create(request: Request) -> Response:
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

    @operation(
        "Fetch a subscription", answers={200: resources.Subscription}, errors=(404,)
    )
    async def fetch(request: Request) -> Response:
        account = services.account(request)
        subscription = directory.subscription(account.sid, request.path_params["sid"])
        return json_answer(views.subscription(subscription, services.base(request)))

    @operation(
        "Describe a subscription anew",
        form=(replace(_DESCRIPTION, required=False),),
        answers={200: resources.Subscription},
        errors=(404,),
    )
    async def update(request: Request) -> Response:
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
        return json_answer(views.subscription(subscription, services.base(request)))

    @operation("Delete a subscription", answers={204: None}, errors=(404,))
    async def delete(request: Request) -> Response:
        account = services.account(request)
        await registry.delete_subscription(account.sid, request.path_params["sid"])
        return deleted()

    path = "/v1/Subscriptions/{sid}"
    return [
        Resource("/v1/Subscriptions", {"GET": list_all, "POST": create}),
        Resource(path, {"GET": fetch, "POST": update, "DELETE": delete}),
    ]


def _refuse_filter(form: Form) -> None:
    # To ignore a filter would send events that nobody asked for.
    if any(form.all("Filter")):
        raise Refused(20001, 400, "Invalid value for parameter Filter")
