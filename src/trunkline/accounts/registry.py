"""Changes of accounts and API keys: checked, stored, then made known."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from trunkline.accounts import Account, Accounts, ApiKey
from trunkline.clock import Clock
from trunkline.errors import Refused
from trunkline.events.ids import Ids


# Far above what one machine serves; a bound on memory all the same.
MAX_ACCOUNTS = 10_000
MAX_KEYS = 100
"""API keys of one account."""

MAX_NAME = 64
"""Characters of a friendly name."""


class Store(Protocol):
    """Where changes are kept. `then` is called once they are on disk."""

    async def save_account(
        self, account: Account, then: Callable[[None], None]
    ) -> None:
        """Add an account, or put it in the place of its former self."""
        ...

    async def save_key(self, key: ApiKey, then: Callable[[None], None]) -> None:
        """Add an API key."""
        ...

    async def delete_key(self, sid: str, then: Callable[[None], None]) -> None:
        """Drop an API key."""
        ...


class AccountRegistry:
    """Makes, suspends and resumes accounts, and makes and revokes their keys.

    Lives as long as the server. Unknown SIDs are Refused 20404.
    """

    def __init__(
        self, store: Store, accounts: Accounts, clock: Clock, ids: Ids
    ) -> None:
        self.accounts = accounts
        self._store = store
        self._clock = clock
        self._ids = ids

    async def create_account(self, friendly_name: str) -> Account:
        """Make an account. Raises Refused 20001, and 20409 at the limit."""
        _check_name(friendly_name)
        if len(self.accounts.all_accounts()) >= MAX_ACCOUNTS:
            raise Refused(20409, 409, f"Account limit of {MAX_ACCOUNTS} reached")
        account = Account(
            sid=self._ids.sid("AC"),
            auth_token=self._ids.secret(),
            friendly_name=friendly_name,
            created_ms=self._clock.now_ms(),
        )
        return await self._save(account)

    async def set_suspended(self, sid: str, *, suspended: bool) -> Account:
        """Suspend an account, or resume it.

        Raises Refused 20409 for the first account: nobody else could resume it.
        """
        account = self._account(sid)
        if account.first and suspended:
            raise Refused(20409, 409, "The first account cannot be suspended")
        return await self._save(replace(account, suspended=suspended))

    async def create_key(self, account_sid: str, friendly_name: str) -> ApiKey:
        """Make an API key of an account. Raises Refused 20001, and 20409 at the limit."""
        _check_name(friendly_name)
        account = self._account(account_sid)
        if len(self.accounts.all_keys(account.sid)) >= MAX_KEYS:
            raise Refused(20409, 409, f"API key limit of {MAX_KEYS} reached")
        key = ApiKey(
            sid=self._ids.sid("SK"),
            account_sid=account.sid,
            secret=self._ids.secret(),
            friendly_name=friendly_name,
            created_ms=self._clock.now_ms(),
        )

        def saved(_: None) -> None:
            self.accounts.put_key(key)

        await self._store.save_key(key, saved)
        return key

    async def revoke_key(self, sid: str) -> None:
        """Revoke an API key: it is good for nothing from now on, tokens included."""
        key = self.accounts.api_key(sid)
        if key is None:
            raise Refused(20404, 404, f"API key {sid[:100]} was not found")

        def revoked(_: None) -> None:
            self.accounts.drop_key(key.sid)

        await self._store.delete_key(key.sid, revoked)

    def _account(self, sid: str) -> Account:
        account = self.accounts.account(sid)
        if account is None:
            raise Refused(20404, 404, f"Account {sid[:100]} was not found")
        return account

    async def _save(self, account: Account) -> Account:
        def saved(_: None) -> None:
            self.accounts.put_account(account)

        await self._store.save_account(account, saved)
        return account


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME or not name.isprintable():
        raise Refused(20001, 400, "Invalid value for parameter FriendlyName")
