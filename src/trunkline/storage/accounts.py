"""Accounts and API keys in the database."""

import sqlite3
from contextlib import closing
from pathlib import Path

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
                _account_of(settings)
                or _first_account(connection)
                or Account(sid=ids.sid("AC"), auth_token=ids.secret())
            )
            key = (
                _key_of(settings, account)
                or _first_key(connection, account)
                or ApiKey(
                    sid=ids.sid("SK"), account_sid=account.sid, secret=ids.secret()
                )
            )
            _save(connection, account, key, now_ms)
            return account, key

        return await self._database.write(work)


def read_first(path: Path) -> tuple[Account, ApiKey]:
    """Return the first account and its key, read only, server running or not.

    `path` is the database file. Raises DataFolderUnusable if it holds none yet.
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
    if account is None or key is None:
        raise DataFolderUnusable(
            f"{path.parent} has no credentials yet: "
            f"`trunkline serve --data-dir {path.parent}` makes them at its first start."
        )
    return account, key


def _account_of(settings: Settings) -> Account | None:
    if settings.account_sid is None or settings.auth_token is None:
        return None
    return Account(sid=canonical(settings.account_sid), auth_token=settings.auth_token)


def _key_of(settings: Settings, account: Account) -> ApiKey | None:
    if settings.api_key_sid is None or settings.api_key_secret is None:
        return None
    return ApiKey(
        sid=canonical(settings.api_key_sid),
        account_sid=account.sid,
        secret=settings.api_key_secret,
    )


def _first_account(connection: sqlite3.Connection) -> Account | None:
    row = connection.execute(_SQL["first_account"]).fetchone()
    return None if row is None else Account(sid=row[0], auth_token=row[1])


def _first_key(connection: sqlite3.Connection, account: Account) -> ApiKey | None:
    row = connection.execute(_SQL["first_key"], {"account_sid": account.sid}).fetchone()
    return None if row is None else _key(*row)


def _load(connection: sqlite3.Connection) -> tuple[list[Account], list[ApiKey]]:
    accounts = [
        Account(sid=sid, auth_token=token)
        for sid, token in connection.execute(_SQL["all_accounts"])
    ]
    return accounts, [_key(*row) for row in connection.execute(_SQL["all_keys"])]


def _key(sid: str, account_sid: str, secret: str) -> ApiKey:
    return ApiKey(sid=sid, account_sid=account_sid, secret=secret)


def _save(
    connection: sqlite3.Connection, account: Account, key: ApiKey, now_ms: int
) -> None:
    connection.execute(
        _SQL["save_account"],
        {"sid": account.sid, "auth_token": account.auth_token, "now_ms": now_ms},
    )
    connection.execute(_SQL["mark_first"], {"sid": account.sid})
    connection.execute(
        _SQL["save_key"],
        {
            "sid": key.sid,
            "account_sid": account.sid,
            "secret": key.secret,
            "now_ms": now_ms,
        },
    )
