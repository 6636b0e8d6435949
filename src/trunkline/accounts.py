"""Who may use the server: accounts, their API keys, and the check of credentials."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from trunkline.events.ids import canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account. Its auth token is its password, and the key of its signatures."""

    sid: str
    auth_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key of an account. Its secret is its password, and signs access tokens."""

    sid: str
    account_sid: str
    secret: str = field(repr=False)


class Accounts:
    """The directory of all accounts and keys. Loaded at start, lives with the server.

    A SID is found in either case of its hex digits.
    """

    def __init__(self, accounts: Iterable[Account], keys: Iterable[ApiKey]) -> None:
        self._accounts = {canonical(account.sid): account for account in accounts}
        self._keys = {canonical(key.sid): key for key in keys}

    def account(self, sid: str) -> Account | None:
        """Return the account with that SID."""
        return self._accounts.get(canonical(sid))

    def api_key(self, sid: str) -> ApiKey | None:
        """Return the API key with that SID."""
        return self._keys.get(canonical(sid))

    def authenticate(self, user: str, password: str) -> Account | None:
        """Return whose credentials these are, `None` if they are nobody's.

        Good are an account's SID and auth token, and a key's SID and secret. How long
        it takes tells nothing about the secret.
        """
        if (account := self.account(user)) is not None:
            return account if _equal(password, account.auth_token) else None
        if (key := self.api_key(user)) is not None:
            owner = self.account(key.account_sid)
            return owner if _equal(password, key.secret) else None
        return None


def _equal(given: str, secret: str) -> bool:
    # As bytes: compare_digest takes no text beyond ASCII. A client may send any.
    return hmac.compare_digest(
        given.encode("utf-8", "surrogatepass"), secret.encode("utf-8", "surrogatepass")
    )
