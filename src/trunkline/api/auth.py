"""HTTP Basic authentication (spec event-streams 2.1)."""

import binascii
from base64 import b64decode

from starlette.requests import Request

from trunkline.accounts import Account, Accounts
from trunkline.errors import Refused
from trunkline.events.ids import is_sid


def account_of(request: Request, accounts: Accounts) -> Account:
    """Return the account whose credentials the request carries.

    Account SID and auth token are good, and so are an API key's SID and secret.
    Raises Refused 20003 (401) where they are missing or wrong, 20403 (403) where the
    account is suspended.
    """
    account, _ = _authenticated(request, accounts)
    return account


def operator_of(request: Request, accounts: Accounts) -> Account:
    """Return the first account, whose auth token the request must carry.

    It manages accounts and keys. Raises Refused as `account_of`, and 20403 for other
    accounts and for API keys, which may leak more easily.
    """
    account, user = _authenticated(request, accounts)
    if not account.first or not is_sid(user, "AC"):
        raise Refused(20403, 403, "Forbidden")
    return account


def _authenticated(request: Request, accounts: Accounts) -> tuple[Account, str]:
    """Return the account that a request is for, and as whom it signed in."""
    given = _basic(request.headers.get("authorization", ""))
    account = accounts.authenticate(*given) if given else None
    if given is None or account is None:
        raise Refused(20003, 401, "Authentication failed")
    if account.suspended:
        raise Refused(20403, 403, "Forbidden")
    return account, given[0]


def _basic(header: str) -> tuple[str, str] | None:
    """Return user and password of an `Authorization` header, None if it has none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    user, colon, password = text.partition(":")
    return (user, password) if colon else None
