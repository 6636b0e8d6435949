"""Files that an earlier version has written."""

import sqlite3
from pathlib import Path

import msgspec
import pytest

from trunkline.database.file import Database
from trunkline.errors import StorageFailed
from trunkline.events.envelope import Event
from trunkline.log.filters import Filter
from trunkline.log.search import SqliteSearch
from trunkline.log.sqlite import SqliteLog
from trunkline.storage.timeline import TimelineStore
from trunkline.testing import ManualClock


SCHEMAS = Path(__file__).parents[2] / "data" / "database"
ACCOUNT, OTHER, CALL = "AC" + "1" * 32, "AC" + "2" * 32, "CA" + "2" * 32
INSERT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def event(number: int, account: str = ACCOUNT) -> Event:
    time, source = "2026-11-20T09:13:16.860Z", f"/v1/Voice/{CALL}/Events"
    return Event(f"EZ{number:032d}", account, "type", source, time, CALL, b"{}")


def file_of(path: Path, version: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    schema = (SCHEMAS / f"version-{version}.sql").read_text("utf-8")
    connection.executescript(f"{schema} PRAGMA user_version = {version};")
    return connection


def row(position: int, kept: Event) -> tuple[object, ...]:
    return (position, *msgspec.structs.astuple(kept)[:-1], 1, kept.data)


def schema_of(path: Path) -> set[tuple[object, ...]]:
    """Return a file's tables, indexes, views and triggers, and all their columns."""
    connection = sqlite3.connect(path)
    named = connection.execute(
        # A table that was altered is written otherwise: its columns are told below.
        "SELECT type, name, iif(type = 'table', '', sql) FROM sqlite_schema"
    ).fetchall()
    columns = connection.execute(
        "SELECT s.name, c.name, c.type, c.'notnull', c.dflt_value, c.pk"
        " FROM sqlite_schema AS s JOIN pragma_table_info(s.name) AS c"
    ).fetchall()
    connection.close()
    return {*named, *columns}


async def test_a_file_of_version_1_goes_on_with_its_events_and_its_positions(
    tmp_path: Path,
) -> None:
    path = tmp_path / "trunkline.db"
    old = file_of(path, 1)
    old.executemany(INSERT, [row(position, event(position)) for position in (1, 2, 3)])
    old.execute(
        "INSERT INTO sdk_post (account_sid, call_id, at_ms, received_ms, clock_skew, body)"
        " VALUES (?, ?, 1, 1, 0, x'7b7d')",
        (ACCOUNT, CALL),
    )
    old.execute("DELETE FROM event WHERE position = 3")  # pruned: never used again
    old.commit()
    old.close()

    for _ in ("the first start", "any later one"):
        database = Database(path)
        await database.open()
        log = SqliteLog(database, ManualClock())
        await log.open()
        found = await SqliteSearch(database).events(
            Filter(account_sid=ACCOUNT, call_ids=(CALL,)), after=None, offset=0, limit=9
        )
        listed = await SqliteSearch(database).events(
            Filter(account_sid=ACCOUNT), after=None, offset=0, limit=9
        )
        posts = await TimelineStore(database).marks(ACCOUNT, [CALL])
        (position,) = await log.append([event(4)])
        await database.close()

        assert [entry.position for entry in found][-2:] == [2, 1]
        assert listed == found
        assert len(posts) == len(found) + 1
        assert position == 4


async def test_a_file_of_version_2_knows_where_the_events_of_each_account_are(
    tmp_path: Path,
) -> None:
    path = tmp_path / "trunkline.db"
    old = file_of(path, 2)
    of_other = [1, 64, 190, 191]
    accounts = [OTHER if n in of_other else ACCOUNT for n in range(1, 193)]
    events = [event(n, account) for n, account in enumerate(accounts, 1)]
    old.executemany(INSERT, [row(n, kept) for n, kept in enumerate(events, 1)])
    old.execute("DELETE FROM event WHERE position BETWEEN 70 AND 180")
    old.execute("UPDATE log_head SET position = 192")
    old.commit()
    old.close()

    for appended in (193, 194):
        database = Database(path)
        await database.open()
        log = SqliteLog(database, ManualClock())
        await log.open()
        found = await SqliteSearch(database).events(
            Filter(account_sid=OTHER), after=None, offset=0, limit=9
        )
        read = await log.read(ACCOUNT, ["type"], 0, 192, 999)
        (position,) = await log.append([event(appended)])
        blocks = await database.read(
            lambda c: c.execute(
                "SELECT account_sid, block FROM account_block"
            ).fetchall()
        )
        await database.close()

        assert [entry.position for entry in found] == of_other[::-1]
        kept_of_account = set(range(1, 193)) - set(of_other) - set(range(70, 181))
        assert [entry.position for entry in read] == sorted(kept_of_account)
        assert position == appended
        of_account = {(ACCOUNT, block) for block in (0, 1, 2, 3)}
        assert set(blocks) == of_account | {(OTHER, block) for block in (0, 1, 2)}


async def test_a_file_of_version_2_knows_its_ids_and_its_posts(tmp_path: Path) -> None:
    path = tmp_path / "trunkline.db"
    old = file_of(path, 2)
    old.execute(INSERT, row(7, event(1)))
    old.execute("UPDATE log_head SET position = 7")
    old.execute(
        "INSERT INTO sdk_post"
        " (account_sid, call_id, event_id, at_ms, received_ms, clock_skew, body)"
        " VALUES (?, ?, ?, 5, 4, 0, x'7b7d')",
        (ACCOUNT, CALL, event(1).id),
    )
    old.commit()
    old.close()

    database = Database(path)
    await database.open()
    log = SqliteLog(database, ManualClock())
    await log.open()
    again, new = await log.append([event(1), event(2)])
    standing = await SqliteSearch(database).standing(ACCOUNT, event(1).id)
    timelines = TimelineStore(database)
    marks = await timelines.marks(ACCOUNT, [CALL])
    records = await timelines.records(ACCOUNT, [CALL], marks)
    upto = await database.read(
        lambda c: c.execute("SELECT upto FROM posts_dropped").fetchall()
    )
    await database.close()

    assert (again, new) == (7, 9)
    assert standing is not None
    assert standing.entry.position == 7
    [post] = records.posts.values()
    assert post == (ACCOUNT, CALL, event(1).id, 5, 4, 0, b"{}")
    assert [mark.post > 0 for mark in marks] == [True, False]
    assert upto == [(7,)]  # no row of an old file has a post


@pytest.mark.parametrize("version", [1, 2])
async def test_an_upgrade_that_fails_at_its_end_leaves_the_file_as_it_was(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "trunkline.db"
    old = file_of(path, version)
    old.execute(INSERT, row(1, event(1)))
    old.execute("CREATE TABLE posts_dropped (not_ours)")
    old.commit()
    old.close()
    before = schema_of(path)

    with pytest.raises(StorageFailed, match="posts_dropped already exists"):
        await Database(path).open()

    assert schema_of(path) == before
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (version,)
    assert connection.execute("SELECT id FROM event").fetchall() == [(event(1).id,)]
    connection.close()


@pytest.mark.parametrize("version", [1, 2])
async def test_an_old_file_gets_the_schema_of_a_new_one(
    tmp_path: Path, version: int
) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    file_of(old, version).close()
    for path in (old, new):
        database = Database(path)
        await database.open()
        await database.close()

    assert schema_of(old) == schema_of(new)
