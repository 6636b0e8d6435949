"""What a store of notices must do."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from trunkline.database.file import Database
from trunkline.delivery.notices import Notice
from trunkline.storage import notices
from trunkline.storage.notices import NoticeStore


ACCOUNT = "AC" + "1" * 32
SINK = "DG" + "1" * 32

NOTICE = Notice(
    account_sid=ACCOUNT,
    sink_sid=SINK,
    code=91306,
    level="WARNING",
    message="HTTP 500",
    count=1,
    first_ms=1,
    last_ms=2,
    event_type="type",
    event_id="VW1",
    http_status=None,
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[NoticeStore]:
    database = Database(tmp_path / "notices.db")
    await database.open()
    yield NoticeStore(database)
    await database.close()


def counted(*counts: int) -> list[Notice]:
    return [replace(NOTICE, count=count) for count in counts]


async def found(store: NoticeStore, **wanted: int | str) -> list[int]:
    rows = await store.find(ACCOUNT, limit=99, **wanted)  # type: ignore[arg-type]
    return [notice.count for _, notice in rows]


async def test_notices_come_newest_first_as_they_were_kept(store: NoticeStore) -> None:
    await store.add(counted(1, 10))
    await store.add(counted(100))

    assert await found(store) == [100, 10, 1]
    [(_, newest), *_] = await store.find(ACCOUNT, limit=1)
    assert newest == replace(NOTICE, count=100)


async def test_notices_are_found_by_sink_and_code(store: NoticeStore) -> None:
    await store.add([NOTICE, replace(NOTICE, code=91302, count=2)])
    await store.add([replace(NOTICE, sink_sid="DG2", count=3)])
    await store.add([replace(NOTICE, account_sid="AC2", count=4)])

    assert await found(store, code=91302) == [2]
    assert await found(store, sink_sid="DG2") == [3]
    assert await found(store) == [3, 2, 1]


async def test_pages_go_on_after_a_number_and_back_before_one(
    store: NoticeStore,
) -> None:
    await store.add(counted(1, 2, 3, 4, 5))
    numbers = [number for number, _ in await store.find(ACCOUNT, limit=99)]

    assert await found(store, after=numbers[1]) == [3, 2, 1]
    assert await found(store, offset=2) == [3, 2, 1]
    before = await store.before(ACCOUNT, key=numbers[3], distance=2)
    assert before == numbers[1]
    assert await store.before(ACCOUNT, key=numbers[0], distance=1) is None


async def test_the_oldest_make_room(
    store: NoticeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "LIMIT", 3)

    await store.add(counted(1, 2, 3, 4, 5))

    assert await found(store) == [5, 4, 3]
