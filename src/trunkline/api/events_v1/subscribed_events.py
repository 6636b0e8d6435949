"""Subscribed events: list, create, update, fetch, delete."""

from operator import attrgetter

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trunkline.api.events_v1 import resources, views
from trunkline.api.events_v1.services import Services, deleted
from trunkline.api.forms import Form, read_form
from trunkline.api.operations import Parameter, Resource, json_answer, operation
from trunkline.api.paging import PAGING, Order, list_of
from trunkline.errors import Refused
from trunkline.streams.subscriptions import SubscribedEvent, Wish, parse_version


_TYPE = Parameter(name="Type", about="The event type to add.", required=True)
_VERSION = Parameter(
    name="SchemaVersion", about="The schema version; the latest if left out.", type=int
)

_BY_RANK: Order[SubscribedEvent] = Order(attrgetter("rank"), int)


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of SubscribedEvents."""
    registry, directory = services.registry, services.directory

    def show(request: Request, sid: str, event_type: str) -> resources.SubscribedEvent:
        account = services.account(request)
        owner, event = directory.event(account.sid, sid, event_type)
        return views.subscribed_event(owner, event, services.base(request))

    @operation(
        "List the types of a subscription",
        query=PAGING,
        answers={200: list_of("types", resources.SubscribedEvent)},
        errors=(404,),
    )
    async def list_all(request: Request) -> Response:
        account = services.account(request)
        owner = directory.subscription(account.sid, request.path_params["sid"])
        return services.listing(
            request,
            owner.events,
            _BY_RANK,
            lambda event, base: views.subscribed_event(owner, event, base),
            name="types",
        )

    @operation(
        "Add a type to a subscription",
        form=(_TYPE, _VERSION),
        answers={200: resources.SubscribedEvent, 201: resources.SubscribedEvent},
        errors=(404, 409),
    )
    async def create(request: Request) -> Response:
        account = services.account(request)
        owner = directory.subscription(account.sid, request.path_params["sid"])
        form = await read_form(request)
        event_type = form.required("Type")
        if not event_type:
            raise Refused(20001, 400, "Missing required parameter Type")
        wish = Wish(event_type, _version(form))
        added = await registry.put_event(account.sid, owner.sid, wish)
        body = show(request, owner.sid, event_type)
        return json_answer(body, 201 if added else 200)

    @operation(
        "Fetch a type of a subscription",
        answers={200: resources.SubscribedEvent},
        errors=(404,),
    )
    async def fetch(request: Request) -> Response:
        sid, event_type = request.path_params["sid"], request.path_params["type"]
        return json_answer(show(request, sid, event_type))

    @operation(
        "Set the schema version of a subscribed type",
        form=(_VERSION,),
        answers={200: resources.SubscribedEvent},
        errors=(404, 409),
    )
    async def update(request: Request) -> Response:
        account = services.account(request)
        sid, event_type = request.path_params["sid"], request.path_params["type"]
        owner, event = directory.event(account.sid, sid, event_type)
        wish = Wish(event.type, _version(await read_form(request)))
        await registry.set_version(account.sid, owner.sid, wish)
        return json_answer(show(request, sid, event_type))

    @operation("Take a type off a subscription", answers={204: None}, errors=(404,))
    async def delete(request: Request) -> Response:
        account = services.account(request)
        sid, event_type = request.path_params["sid"], request.path_params["type"]
        await registry.remove_event(account.sid, sid, event_type)
        return deleted()

    path = "/v1/Subscriptions/{sid}/SubscribedEvents"
    return [
        Resource(path, {"GET": list_all, "POST": create}),
        Resource(f"{path}/{{type}}", {"GET": fetch, "POST": update, "DELETE": delete}),
    ]


def _version(form: Form) -> int | None:
    given = form.one("SchemaVersion")
    return None if given is None else parse_version(given)
