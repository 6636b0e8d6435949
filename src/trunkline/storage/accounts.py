"""Accounts and API keys in the database."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trunkline.accounts import Account, ApiKey
from trunkline.database import queries
from trunkline.database.file import Database
from trunkline.errors import DataFolderUnusable
from trunkline.events.ids import Ids, canonical
from trunkline.settings import Settings


_SQL = queries.load("trunkline.storage", "accounts.sql")


class AccountStore:
    """Reads and writes the tables `account` and `api_key`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> tuple[list[Account], list[ApiKey]]:
        """Return all accounts and all API keys."""
        return await self._database.read(_load)

    async def ensure_first(
        self, settings: Settings, ids: Ids, now_ms: int
    ) -> tuple[Account, ApiKey]:
        """Return the first account and its key, saved or made where need be.

        Credentials in the settings win: they are stored, an older token or secret of
        the same SID is replaced, and that account becomes the first. What the settings
        leave out is what is stored, and made where nothing is.
        """

        def work(connection: sqlite3.Connection) -> tuple[Account, ApiKey]:
            account = (
                _given_account(settings)
                or _first_account(connection)
                or Account(sid=ids.sid("AC"), auth_token=ids.secret())
            )
            connection.execute(
                _SQL["given_account"], asdict(account) | {"now_ms": now_ms}
            )
            connection.execute(_SQL["mark_first"], {"sid": account.sid})
            key = (
                _given_key(settings, account)
                or _first_key(connection, account)
                or ApiKey(
                    sid=ids.sid("SK"), account_sid=account.sid, secret=ids.secret()
                )
            )
            connection.execute(_SQL["given_key"], asdict(key) | {"now_ms": now_ms})
            connection.execute(_SQL["mark_first_key"], asdict(key))
            return _firsts(connection)

        return await self._database.write(work)

    async def save_account(
        self, account: Account, then: Callable[[None], None]
    ) -> None:
        """Add an account, or put it in the place of its former self."""
        row = asdict(account)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SQL["save_account"], row)

        await self._database.write(work, then)

    async def save_key(self, key: ApiKey, then: Callable[[None], None]) -> None:
        """Add an API key."""
        row = asdict(key)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SQL["save_key"], row)

        await self._database.write(work, then)

    async def delete_key(self, sid: str, then: Callable[[None], None]) -> None:
        """Drop an API key."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SQL["delete_key"], (sid,))

        await self._database.write(work, then)


def read_first(path: Path) -> tuple[Account, ApiKey | None]:
    """Return the first account and its key, read only, server running or not.

    `path` is the database file. The key is None where it was revoked and the server
    has not made another. Raises DataFolderUnusable if there is no account yet.
    """
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        ) as (connection):
            account = _first_account(connection)
            key = None if account is None else _first_key(connection, account)
    except sqlite3.Error as error:
        if path.exists():
            raise DataFolderUnusable(f"{path}: {error}") from error
        account = key = None
    if account is None:
        raise DataFolderUnusable(
            f"{path.parent} has no credentials yet: "
            f"`trunkline serve --data-dir {path.parent}` makes them at its first start."
        )
    return account, key


def _given_account(settings: Settings) -> Account | None:
    if settings.account_sid is None or settings.auth_token is None:
        return None
    return Account(sid=canonical(settings.account_sid), auth_token=settings.auth_token)


def _given_key(settings: Settings, account: Account) -> ApiKey | None:
    if settings.api_key_sid is None or settings.api_key_secret is None:
        return None
    return ApiKey(
        sid=canonical(settings.api_key_sid),
        account_sid=account.sid,
        secret=settings.api_key_secret,
    )


def _firsts(connection: sqlite3.Connection) -> tuple[Account, ApiKey]:
    account = _first_account(connection)
    assert account is not None
    key = _first_key(connection, account)
    assert key is not None
    return account, key


def _first_account(connection: sqlite3.Connection) -> Account | None:
    return next(map(_account, _rows(connection, "first_account")), None)


def _first_key(connection: sqlite3.Connection, account: Account) -> ApiKey | None:
    rows = _rows(connection, "first_key", {"account_sid": account.sid})
    return next((ApiKey(**row) for row in rows), None)


def _load(connection: sqlite3.Connection) -> tuple[list[Account], list[ApiKey]]:
    accounts = [_account(row) for row in _rows(connection, "accounts")]
    return accounts, [ApiKey(**row) for row in _rows(connection, "keys")]


def _rows(
    connection: sqlite3.Connection, query: str, values: dict[str, object] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a query by the names of its columns."""
    cursor = connection.execute(_SQL[query], values or {})
    names = [column[0] for column in cursor.description]
    return (dict(zip(names, row, strict=True)) for row in cursor.fetchall())


def _account(row: dict[str, Any]) -> Account:
    return Account(
        **row | {"suspended": bool(row["suspended"]), "first": bool(row["first"])}
    )
