"""What every resource of Events v1 needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from trunkline.accounts import Account, Accounts
from trunkline.api.auth import account_of
from trunkline.api.forms import parse_form
from trunkline.api.operations import json_answer
from trunkline.api.paging import Order, page_of
from trunkline.api.urls import base_url
from trunkline.streams.directory import Directory
from trunkline.streams.registry import Registry


T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services that the handlers are thin over; they live with the server.

    `public_url` and `schema_base_url` are the settings of these names.
    """

    accounts: Accounts
    registry: Registry
    public_url: str | None = None
    schema_base_url: str | None = None

    @property
    def directory(self) -> Directory:
        """The sinks and subscriptions there are."""
        return self.registry.directory

    def account(self, request: Request) -> Account:
        """Return whose credentials a request carries. Raises Refused 20003."""
        return account_of(request, self.accounts)

    def base(self, request: Request) -> str:
        """Return `{base}`: the address under which the client reaches the server."""
        return base_url(request, self.public_url)

    def listing(
        self,
        request: Request,
        items: Sequence[T],
        order: Order[T],
        view: Callable[[T, str], object],
        *,
        name: str,
        filters: Sequence[str] = (),
    ) -> Response:
        """Answer with one page of `items`, each shown by `view`.

        `name` is the key of the array; `filters` name the query parameters that chose
        the items, so that the addresses of other pages carry them.
        """
        query = parse_form(request.scope["query_string"])
        base = self.base(request)
        given = {key: query.one(key) for key in filters}
        page = page_of(
            items,
            order,
            query,
            url=f"{base}{request.scope['path']}",
            filters={key: value for key, value in given.items() if value is not None},
            name=name,
        )
        shown = [view(item, base) for item in page.items]
        return json_answer({name: shown, "meta": page.meta})


def created(body: object) -> Response:
    """Answer 201."""
    return json_answer(body, 201)


def deleted() -> Response:
    """Answer 204, which has no body."""
    return Response(status_code=204)
