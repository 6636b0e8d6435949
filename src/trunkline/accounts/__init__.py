"""Who may use the server: accounts, their API keys, and the check of credentials."""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from trunkline.events.ids import canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account. Its auth token is its password, and the key of its signatures.

    The `first` account is the operator's: it manages accounts and keys. A `suspended`
    one is refused everywhere; what it is owed is still delivered.
    """

    sid: str
    auth_token: str = field(repr=False)
    friendly_name: str = ""
    suspended: bool = False
    first: bool = False
    created_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key of an account. Its secret is its password, and signs access tokens."""

    sid: str
    account_sid: str
    secret: str = field(repr=False)
    friendly_name: str = ""
    created_ms: int = 0


class Accounts:
    """The directory of all accounts and keys. Loaded at start, lives with the server.

    A SID is found in either case of its hex digits.
    """

    def __init__(self, accounts: Iterable[Account], keys: Iterable[ApiKey]) -> None:
        self._accounts = {canonical(account.sid): account for account in accounts}
        self._keys = {canonical(key.sid): key for key in keys}
        self._listeners: list[Callable[[], None]] = []

    # Reading.

    def all_accounts(self) -> list[Account]:
        """Return every account, oldest first."""
        return sorted(
            self._accounts.values(),
            key=lambda account: (account.created_ms, account.sid),
        )

    def all_keys(self, account_sid: str) -> list[ApiKey]:
        """Return every API key of an account, oldest first."""
        owned = [
            key
            for key in self._keys.values()
            if canonical(key.account_sid) == canonical(account_sid)
        ]
        return sorted(owned, key=lambda key: (key.created_ms, key.sid))

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

    # Changing: called once a change is stored.

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after each change: what was good may be no longer."""
        self._listeners.append(listener)

    def put_account(self, account: Account) -> None:
        """Take a new account, or one that has changed."""
        self._accounts[canonical(account.sid)] = account
        self._tell()

    def put_key(self, key: ApiKey) -> None:
        """Take a new API key."""
        self._keys[canonical(key.sid)] = key
        self._tell()

    def drop_key(self, sid: str) -> None:
        """Let go of an API key."""
        self._keys.pop(canonical(sid), None)
        self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


def _equal(given: str, secret: str) -> bool:
    # As bytes: compare_digest takes no text beyond ASCII. A client may send any.
    return hmac.compare_digest(
        given.encode("utf-8", "surrogatepass"), secret.encode("utf-8", "surrogatepass")
    )
