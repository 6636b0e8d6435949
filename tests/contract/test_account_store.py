"""What is expected of whatever keeps accounts and keys."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest

from trunkline.accounts import Account, ApiKey
from trunkline.database import DATABASE_FILE
from trunkline.database.file import Database
from trunkline.errors import DataFolderUnusable
from trunkline.events.ids import Ids, is_sid
from trunkline.settings import Settings
from trunkline.storage.accounts import AccountStore, read_first


T = TypeVar("T")

NOW_MS = 1_767_225_600_000

GIVEN = Account(
    sid="AC" + "a1" * 16, auth_token="first-token", first=True, created_ms=NOW_MS
)
GIVEN_KEY = ApiKey(
    sid="SK" + "c3" * 16,
    account_sid=GIVEN.sid,
    secret="first-secret",
    created_ms=NOW_MS,
)


def some_ids() -> Ids:
    numbers = count(1)
    return Ids(lambda: NOW_MS, lambda size: next(numbers).to_bytes(size, "big"))


IDS = some_ids()


def settings_for(account: Account | None = None, key: ApiKey | None = None) -> Settings:
    return Settings(
        account_sid=account.sid if account else None,
        auth_token=account.auth_token if account else None,
        api_key_sid=key.sid if key else None,
        api_key_secret=key.secret if key else None,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / DATABASE_FILE


@pytest.fixture
async def store(path: Path) -> AsyncIterator[AccountStore]:
    database = Database(path)
    await database.open()
    yield AccountStore(database)
    await database.close()


def firsts(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT sid FROM account WHERE first = 1").fetchall()
    finally:
        connection.close()
    return [sid for (sid,) in rows]


async def test_a_new_store_holds_nobody(store: AccountStore) -> None:
    assert await store.load() == ([], [])


async def test_without_settings_the_first_start_makes_credentials(
    store: AccountStore,
) -> None:
    account, key = await store.ensure_first(Settings(), IDS, NOW_MS)

    assert is_sid(account.sid, "AC")
    assert is_sid(key.sid, "SK")
    assert key.account_sid == account.sid
    assert len({account.auth_token, key.secret}) == 2
    assert await store.load() == ([account], [key])


async def test_a_later_start_finds_the_same_credentials(store: AccountStore) -> None:
    made = await store.ensure_first(Settings(), IDS, NOW_MS)

    assert await store.ensure_first(Settings(), IDS, NOW_MS + 1) == made
    assert await store.load() == ([made[0]], [made[1]])


async def test_given_credentials_are_kept_for_starts_without(
    store: AccountStore, path: Path
) -> None:
    settings = settings_for(GIVEN, GIVEN_KEY)

    assert await store.ensure_first(settings, IDS, NOW_MS) == (GIVEN, GIVEN_KEY)
    assert await store.ensure_first(Settings(), IDS, NOW_MS + 1) == (GIVEN, GIVEN_KEY)
    assert firsts(path) == [GIVEN.sid]


async def test_a_given_token_replaces_the_one_of_that_account(
    store: AccountStore,
) -> None:
    await store.ensure_first(settings_for(GIVEN, GIVEN_KEY), IDS, NOW_MS)
    changed = replace(GIVEN, auth_token="second-token")
    await store.ensure_first(settings_for(changed), IDS, NOW_MS + 1)

    assert await store.load() == ([changed], [GIVEN_KEY])


async def test_a_given_secret_replaces_the_one_of_that_key(store: AccountStore) -> None:
    await store.ensure_first(settings_for(GIVEN, GIVEN_KEY), IDS, NOW_MS)
    changed = replace(GIVEN_KEY, secret="second-secret")
    await store.ensure_first(settings_for(GIVEN, changed), IDS, NOW_MS + 1)

    assert await store.load() == ([GIVEN], [changed])


async def test_an_account_without_a_key_is_given_one(store: AccountStore) -> None:
    account, key = await store.ensure_first(settings_for(GIVEN), IDS, NOW_MS)

    assert account == GIVEN
    assert key.account_sid == GIVEN.sid
    assert await store.load() == ([GIVEN], [key])


async def test_a_given_key_is_for_the_account_that_is_there(
    store: AccountStore,
) -> None:
    made, _ = await store.ensure_first(Settings(), IDS, NOW_MS)
    account, key = await store.ensure_first(
        settings_for(key=GIVEN_KEY), IDS, NOW_MS + 1
    )

    assert account == made
    assert key == replace(GIVEN_KEY, account_sid=made.sid, created_ms=NOW_MS + 1)


async def test_another_given_account_becomes_the_only_first(
    store: AccountStore, path: Path
) -> None:
    made, _ = await store.ensure_first(Settings(), IDS, NOW_MS)
    await store.ensure_first(settings_for(GIVEN), IDS, NOW_MS + 1)

    accounts, _ = await store.load()
    assert {account.sid for account in accounts} == {made.sid, GIVEN.sid}
    assert firsts(path) == [GIVEN.sid]


async def test_sids_are_stored_in_lower_case(store: AccountStore) -> None:
    shouted = Account(sid="AC" + "A1" * 16, auth_token="first-token")
    account, _ = await store.ensure_first(settings_for(shouted), IDS, NOW_MS)

    assert account == GIVEN


@pytest.mark.parametrize("key", [None, GIVEN_KEY])
async def test_the_credentials_are_read_while_the_server_runs(
    store: AccountStore, path: Path, key: ApiKey | None
) -> None:
    await store.ensure_first(Settings(), IDS, NOW_MS)
    kept = await store.ensure_first(settings_for(GIVEN, key), IDS, NOW_MS + 1)

    assert read_first(path) == kept


async def test_the_key_of_the_latest_start_is_the_one_that_is_read(
    store: AccountStore, path: Path
) -> None:
    old = await store.ensure_first(settings_for(GIVEN, GIVEN_KEY), IDS, NOW_MS)
    newer = replace(
        GIVEN_KEY, sid="SK" + "f0" * 16, secret="newer-secret", created_ms=NOW_MS + 1
    )
    await store.ensure_first(settings_for(GIVEN, newer), IDS, NOW_MS + 1)
    assert read_first(path) == (GIVEN, newer)

    await store.ensure_first(settings_for(GIVEN, GIVEN_KEY), IDS, NOW_MS + 2)
    assert read_first(path) == old


async def test_the_credentials_are_read_after_the_server_has_stopped(
    path: Path,
) -> None:
    database = Database(path)
    await database.open()
    kept = await AccountStore(database).ensure_first(Settings(), IDS, NOW_MS)
    await database.close()

    assert read_first(path) == kept


async def test_a_key_made_later_is_not_the_one_of_the_start(
    store: AccountStore, path: Path
) -> None:
    made = await store.ensure_first(Settings(), IDS, NOW_MS)
    later = ApiKey(
        sid="SK" + "f0" * 16,
        account_sid=made[0].sid,
        secret="another-secret",
        friendly_name="for a colleague",
        created_ms=NOW_MS + 1,
    )
    await saved(store.save_key, later)

    assert read_first(path) == made
    assert await store.load() == ([made[0]], [made[1], later])


async def test_a_revoked_key_is_gone_and_a_start_makes_another(
    store: AccountStore, path: Path
) -> None:
    account, key = await store.ensure_first(Settings(), IDS, NOW_MS)
    await saved(store.delete_key, key.sid)

    assert read_first(path) == (account, None)
    again, another = await store.ensure_first(Settings(), IDS, NOW_MS + 1)
    assert again == account
    assert another.sid != key.sid
    assert await store.load() == ([account], [another])


async def test_an_account_is_saved_with_its_name_and_state(
    store: AccountStore,
) -> None:
    acme = Account(
        sid="AC" + "b2" * 16,
        auth_token="acme-token",
        friendly_name="Acme",
        created_ms=NOW_MS,
    )
    await saved(store.save_account, acme)
    suspended = replace(acme, suspended=True)
    await saved(store.save_account, suspended)

    assert await store.load() == ([suspended], [])


async def test_a_suspended_account_that_becomes_the_first_is_resumed(
    store: AccountStore,
) -> None:
    await saved(store.save_account, replace(GIVEN, first=False, suspended=True))
    account, _ = await store.ensure_first(settings_for(GIVEN), IDS, NOW_MS)

    assert account == GIVEN


async def saved(
    save: Callable[[T, Callable[[None], None]], Awaitable[None]], value: T
) -> None:
    """Save a value; what was to be told was told."""
    told: list[None] = []
    await save(value, told.append)
    assert told == [None]


def test_reading_makes_no_database(path: Path) -> None:
    with pytest.raises(DataFolderUnusable, match="has no credentials yet"):
        read_first(path)

    assert list(path.parent.iterdir()) == []


@pytest.mark.usefixtures("store")
async def test_a_database_without_credentials_is_told_as_such(path: Path) -> None:
    with pytest.raises(DataFolderUnusable, match="has no credentials yet"):
        read_first(path)


def test_a_file_that_is_no_database_is_told_as_such(path: Path) -> None:
    path.write_bytes(b"this is no database, whatever its name says" * 100)

    with pytest.raises(DataFolderUnusable, match="not a database"):
        read_first(path)
