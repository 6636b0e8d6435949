"""Accounts and API keys, for the operator: the first account, with its auth token.

A token or secret is in the answer to its creation, and nowhere else.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trunkline.accounts import Account, ApiKey
from trunkline.accounts.registry import MAX_NAME, AccountRegistry
from trunkline.api.auth import operator_of
from trunkline.api.forms import parse_form, read_form
from trunkline.api.operations import Parameter, Resource, json_answer, operation
from trunkline.api.paging import PAGING, Order, list_of, page_of
from trunkline.api.urls import base_url
from trunkline.errors import Refused
from trunkline.events.times import iso_seconds


ACCOUNTS = "/trunkline/v1/Accounts"
KEYS = "/trunkline/v1/Keys"

Row = TypeVar("Row", Account, ApiKey)


class AccountStatus(StrEnum):
    """Whether an account may do anything."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class AccountBody(msgspec.Struct, frozen=True):
    """An account."""

    sid: str
    friendly_name: str
    status: AccountStatus
    date_created: str


class NewAccountBody(AccountBody, frozen=True):
    """An account that has just been made, with its auth token."""

    auth_token: str


class KeyBody(msgspec.Struct, frozen=True):
    """An API key."""

    sid: str
    account_sid: str
    friendly_name: str
    date_created: str


class NewKeyBody(KeyBody, frozen=True):
    """An API key that has just been made, with its secret."""

    secret: str


_NAME = Parameter(
    name="FriendlyName",
    about="What people call it.",
    type=Annotated[str, Meta(max_length=MAX_NAME)],
)
_STATUS = Parameter(
    name="Status",
    about="Suspends the account, or resumes it.",
    type=AccountStatus,
    required=True,
)
_ACCOUNT_SID = Parameter(
    name="AccountSid", about="The account of the key; the first one if left out."
)


def routes(registry: AccountRegistry, public_url: str | None = None) -> list[BaseRoute]:
    """Return the routes; `public_url` is the setting."""
    accounts = registry.accounts

    @operation(
        "List accounts",
        query=PAGING,
        answers={200: list_of("accounts", AccountBody)},
    )
    async def list_accounts(request: Request) -> Response:
        operator_of(request, accounts)
        return listing(request, accounts.all_accounts(), account_body, "accounts", {})

    @operation(
        "Create an account",
        form=(_NAME,),
        answers={201: NewAccountBody},
        errors=(409,),
    )
    async def create_account(request: Request) -> Response:
        operator_of(request, accounts)
        form = await read_form(request)
        account = await registry.create_account(form.one(_NAME.name) or "")
        shown = msgspec.structs.asdict(account_body(account))
        return json_answer(NewAccountBody(**shown, auth_token=account.auth_token), 201)

    @operation(
        "Suspend or resume an account",
        form=(_STATUS,),
        answers={200: AccountBody},
        errors=(404, 409),
    )
    async def update_account(request: Request) -> Response:
        operator_of(request, accounts)
        status = (await read_form(request)).required(_STATUS.name)
        if status not in set(AccountStatus):
            raise Refused(20001, 400, f"Invalid value for parameter {_STATUS.name}")
        account = await registry.set_suspended(
            request.path_params["sid"], suspended=status == AccountStatus.SUSPENDED
        )
        return json_answer(account_body(account))

    @operation(
        "List the API keys of an account",
        query=(_ACCOUNT_SID, *PAGING),
        answers={200: list_of("keys", KeyBody)},
    )
    async def list_keys(request: Request) -> Response:
        operator = operator_of(request, accounts)
        given = parse_form(request.scope["query_string"]).one(_ACCOUNT_SID.name)
        filters = {} if given is None else {_ACCOUNT_SID.name: given}
        rows = accounts.all_keys(given or operator.sid)
        return listing(request, rows, key_body, "keys", filters)

    @operation(
        "Create an API key",
        form=(_ACCOUNT_SID, _NAME),
        answers={201: NewKeyBody},
        errors=(404, 409),
    )
    async def create_key(request: Request) -> Response:
        operator = operator_of(request, accounts)
        form = await read_form(request)
        key = await registry.create_key(
            form.one(_ACCOUNT_SID.name) or operator.sid, form.one(_NAME.name) or ""
        )
        shown = msgspec.structs.asdict(key_body(key))
        return json_answer(NewKeyBody(**shown, secret=key.secret), 201)

    @operation("Revoke an API key", answers={204: None}, errors=(404,))
    async def revoke_key(request: Request) -> Response:
        operator_of(request, accounts)
        await registry.revoke_key(request.path_params["sid"])
        return Response(status_code=204)

    def listing(
        request: Request,
        rows: list[Row],
        shown: Callable[[Row], msgspec.Struct],
        name: str,
        filters: dict[str, str],
    ) -> Response:
        page = page_of(
            rows,
            Order(lambda row: (row.created_ms, row.sid), tuple[int, str]),
            parse_form(request.scope["query_string"]),
            url=f"{base_url(request, public_url)}{request.scope['path']}",
            filters=filters,
            name=name,
        )
        return json_answer(
            {name: [shown(row) for row in page.items], "meta": page.meta}
        )

    return [
        Resource(ACCOUNTS, {"GET": list_accounts, "POST": create_account}),
        Resource(f"{ACCOUNTS}/{{sid}}", {"POST": update_account}),
        Resource(KEYS, {"GET": list_keys, "POST": create_key}),
        Resource(f"{KEYS}/{{sid}}", {"DELETE": revoke_key}),
    ]


def account_body(account: Account) -> AccountBody:
    """Show an account."""
    return AccountBody(
        sid=account.sid,
        friendly_name=account.friendly_name,
        status=AccountStatus.SUSPENDED if account.suspended else AccountStatus.ACTIVE,
        date_created=iso_seconds(account.created_ms),
    )


def key_body(key: ApiKey) -> KeyBody:
    """Show an API key."""
    return KeyBody(
        sid=key.sid,
        account_sid=key.account_sid,
        friendly_name=key.friendly_name,
        date_created=iso_seconds(key.created_ms),
    )
