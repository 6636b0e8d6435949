"""What the resources of our own API share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request

from trunkline.accounts import Account, Accounts
from trunkline.api.auth import account_of
from trunkline.api.operations import Parameter
from trunkline.api.own import ports
from trunkline.api.own.fields import read_query
from trunkline.api.own.filters import Given
from trunkline.api.own.pages import List, page_of
from trunkline.api.own.tails import Tails
from trunkline.api.paging import PageMeta
from trunkline.api.urls import base_url
from trunkline.events import envelope
from trunkline.streams.directory import Directory


T = TypeVar("T")
Key = TypeVar("Key", int, str)

PREFIX = "/trunkline/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnServices:
    """The services that the handlers are thin over; they live with the server.

    `public_url` is the setting, `schema_host` where schema documents are, and
    `kept_seconds` for how long events stay in the log.
    """

    accounts: Accounts
    directory: Directory
    registry: ports.Registry
    search: ports.Search
    calls: ports.Calls
    routes: ports.Routes
    recent: ports.Recent
    redelivery: ports.Redelivery
    replays: ports.Replays
    notices: ports.Notices
    tails: Tails
    kept_seconds: int
    public_url: str | None = None
    schema_host: str = envelope.SCHEMA_HOST

    def account(self, request: Request) -> Account:
        """Return whose credentials a request carries. Raises Refused 20003."""
        return account_of(request, self.accounts)

    def url(self, request: Request, path: str) -> str:
        """Return the address of a path of our own API, e.g. `Events`."""
        return f"{base_url(request, self.public_url)}{PREFIX}/{path}"

    async def call_ids(self, account_sid: str, given: Given) -> tuple[str, ...]:
        """Return all ids of the call that a request names, none if it names none."""
        if given.call_id is None:
            return ()
        return tuple(await self.calls.ids_of_call(account_sid, given.call_id))

    async def page(
        self,
        request: Request,
        items: List[T, Key],
        *,
        name: str,
        filters: Sequence[Parameter],
    ) -> tuple[Sequence[T], PageMeta]:
        """Return one page of a list. Raises Refused 91002."""
        url = f"{base_url(request, self.public_url)}{request.scope['path']}"
        query = read_query(request)
        return await page_of(
            items, query, url=url, filters=[row.name for row in filters], name=name
        )
