"""HTTP Basic authentication (spec event-streams 2.1)."""

import binascii
from base64 import b64decode

from starlette.requests import Request

from trunkline.accounts import Account, Accounts
from trunkline.errors import Refused


def account_of(request: Request, accounts: Accounts) -> Account:
    """Return the account whose credentials the request carries.

    Account SID and auth token are good, and so are an API key's SID and secret.
    Raises Refused 20003 (401) where they are missing or wrong.
    """
    given = _basic(request.headers.get("authorization", ""))
    account = accounts.authenticate(*given) if given else None
    if account is None:
        raise Refused(20003, 401, "Authentication failed")
    return account


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
