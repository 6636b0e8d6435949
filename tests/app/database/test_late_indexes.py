"""Indexes over calls: filled late, and nobody can tell."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trunkline.capture.sdk.ports import KeptPost
from trunkline.database import groups, queries
from trunkline.database.file import Database
from trunkline.events.envelope import Event
from trunkline.events.ids import Ids
from trunkline.log.filters import Filter
from trunkline.log.search import SqliteSearch
from trunkline.log.sqlite import SqliteLog
from trunkline.storage.posts import PostStore
from trunkline.storage.pruning import PruningStore
from trunkline.storage.timeline import TimelineStore
from trunkline.testing import ManualClock


ACCOUNT = "AC" + "1" * 32


@pytest.fixture
async def database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Database]:
    monkeypatch.setattr(groups, "TIDY_CHANGES", 20)
    database = Database(tmp_path / "trunkline.db")
    await database.open()
    yield database
    await database.close()


def call(number: int) -> str:
    return f"CA{number:032d}"


def event(number: int, of_call: int) -> Event:
    sid = call(of_call)
    time, source = "2026-11-20T09:13:16.860Z", f"/v1/Voice/{sid}/Events"
    return Event(f"EZ{number:032d}", ACCOUNT, "type", source, time, sid, b"{}")


async def fill(database: Database, count: int) -> SqliteLog:
    """Write events and posts of seven calls in turn, each in a commit of its own."""
    log, store = SqliteLog(database, ManualClock()), PostStore(database)
    await log.open()
    for number in range(count):
        kept = KeptPost(ACCOUNT, call(number % 7), None, number, number, False, b"{}")
        await log.append([event(number, number % 7)], rows=[store.keep(kept)])
    return log


async def rows(database: Database, query: str) -> list[int]:
    found = await database.read(lambda c: c.execute(query).fetchall())
    return [row[0] for row in found]


@pytest.mark.parametrize("count", [1, 6, 7, 8, 100])
async def test_what_is_of_a_call_is_found_indexed_or_not(
    database: Database, count: int
) -> None:
    await fill(database, count)
    search, timelines = SqliteSearch(database), TimelineStore(database)
    for number in range(7):
        mine = range(number, count, 7)
        wanted = Filter(account_sid=ACCOUNT, call_ids=(call(number),))
        found = await search.events(wanted, after=None, offset=0, limit=100)
        assert [entry.position for entry in found] == [n + 1 for n in reversed(mine)]
        marks = await timelines.marks(ACCOUNT, [call(number)])
        assert len(marks) == 2 * len(mine)
        assert await timelines.is_known(ACCOUNT, [call(number)]) is bool(mine)

    # An event, a post and the head of the log are three changes.
    indexed = await rows(database, "SELECT count(*) FROM event_of_call")
    assert (indexed[0] > 0) is (count >= 20 / 3)


async def test_what_is_pruned_leaves_the_indexes(database: Database) -> None:
    await fill(database, 100)
    clock = ManualClock(10**15)
    ids = Ids(clock.now_ms, lambda size: b"a" * size)

    await PruningStore(database, clock, ids).prune_oldest(95)
    await PostStore(database).prune(
        pairs_before_ms=0, posts_before_ms=95, deliveries_before_ms=0
    )

    left = list(range(96, 101))
    for kind, key in (("event", "position"), ("sdk_post", "number")):
        seen = f"SELECT {key} FROM {kind}_by_call ORDER BY {key}"
        assert await rows(database, seen) == left
        indexed = f"SELECT {key} FROM {kind}_of_call"
        assert set(await rows(database, indexed)) <= set(left)


async def test_posts_that_come_once_all_are_pruned_are_found(
    database: Database,
) -> None:
    await fill(database, 100)
    store = PostStore(database)
    await store.prune(pairs_before_ms=0, posts_before_ms=1000, deliveries_before_ms=0)
    assert await rows(database, "SELECT count(*) FROM sdk_post") == [0]

    log = SqliteLog(database, ManualClock())
    await log.open()
    kept = KeptPost(ACCOUNT, call(1), None, 1, 1, False, b"{}")
    await log.append([], rows=[store.keep(kept)])

    assert await rows(database, "SELECT number FROM sdk_post_by_call") == [1]


async def test_positions_go_on_once_all_events_are_pruned(database: Database) -> None:
    log = await fill(database, 30)
    clock = ManualClock(10**15)
    ids = Ids(clock.now_ms, lambda size: b"a" * size)
    await PruningStore(database, clock, ids).prune_oldest(30)

    again = SqliteLog(database, ManualClock())
    await again.open()

    assert again.head == log.head == 30
    assert await again.append([event(31, 1)]) == [31]


async def test_an_index_that_cannot_be_filled_holds_nobody_up(
    database: Database,
) -> None:
    await database.write(
        lambda c: c.execute("ALTER TABLE event_of_call RENAME TO gone").close()
    )
    log = await fill(database, 50)
    assert log.head == 50


async def test_posts_that_come_once_the_highest_numbers_are_pruned_are_found(
    database: Database,
) -> None:
    """A post that outlives its event is old, and has a high number."""
    log, store = SqliteLog(database, ManualClock()), PostStore(database)
    await log.open()
    new, old = (KeptPost(ACCOUNT, call(1), None, at, at, False, b"{}") for at in (9, 1))
    await log.append([], rows=[store.keep(new), store.keep(old)])
    late = queries.load("trunkline.database", "late.sql").values()
    await database.write(lambda c: [c.execute(step) for step in late])
    await store.prune(pairs_before_ms=0, posts_before_ms=5, deliveries_before_ms=0)

    await log.append([], rows=[store.keep(new)])

    assert await rows(database, "SELECT number FROM sdk_post_by_call") == [1, 2]
