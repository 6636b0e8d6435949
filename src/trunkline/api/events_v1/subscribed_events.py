"""Subscribed events: list, create, update, fetch, delete."""

from operator import attrgetter

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from trunkline.api.events_v1 import views
from trunkline.api.events_v1.services import Services, deleted, resource
from trunkline.api.forms import Form, read_form
from trunkline.api.paging import Order
from trunkline.errors import Refused
from trunkline.streams.subscriptions import SubscribedEvent, Wish, parse_version


_BY_RANK: Order[SubscribedEvent] = Order(attrgetter("rank"), int)


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of SubscribedEvents."""
    registry, directory = services.registry, services.directory

    def show(request: Request, sid: str, event_type: str) -> dict[str, object]:
        account = services.account(request)
        owner, event = directory.event(account.sid, sid, event_type)
        return views.subscribed_event(owner, event, services.base(request))

    async def list_all(request: Request) -> JSONResponse:
        account = services.account(request)
        owner = directory.subscription(account.sid, request.path_params["sid"])
        return services.listing(
            request,
            owner.events,
            _BY_RANK,
            lambda event, base: views.subscribed_event(owner, event, base),
            name="types",
        )

    async def create(request: Request) -> JSONResponse:
        account = services.account(request)
        owner = directory.subscription(account.sid, request.path_params["sid"])
        form = await read_form(request)
        event_type = form.required("Type")
        if not event_type:
            raise Refused(20001, 400, "Missing required parameter Type")
        wish = Wish(event_type, _version(form))
        added = await registry.put_event(account.sid, owner.sid, wish)
        body = show(request, owner.sid, event_type)
        return JSONResponse(body, 201 if added else 200)

    async def fetch(request: Request) -> JSONResponse:
        sid, event_type = request.path_params["sid"], request.path_params["type"]
        return JSONResponse(show(request, sid, event_type))

    async def update(request: Request) -> JSONResponse:
        account = services.account(request)
        sid, event_type = request.path_params["sid"], request.path_params["type"]
        owner, event = directory.event(account.sid, sid, event_type)
        wish = Wish(event.type, _version(await read_form(request)))
        await registry.set_version(account.sid, owner.sid, wish)
        return JSONResponse(show(request, sid, event_type))

    async def delete(request: Request) -> Response:
        account = services.account(request)
        sid, event_type = request.path_params["sid"], request.path_params["type"]
        await registry.remove_event(account.sid, sid, event_type)
        return deleted()

    path = "/v1/Subscriptions/{sid}/SubscribedEvents"
    return [
        resource(path, {"GET": list_all, "POST": create}),
        resource(f"{path}/{{type}}", {"GET": fetch, "POST": update, "DELETE": delete}),
    ]


def _version(form: Form) -> int | None:
    given = form.one("SchemaVersion")
    return None if given is None else parse_version(given)
