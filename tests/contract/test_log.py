"""What every implementation of the event log must do."""

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from trunkline.database.file import Database
from trunkline.errors import StorageFailed
from trunkline.events import catalogue
from trunkline.events.envelope import Event
from trunkline.events.ids import is_sid
from trunkline.log.memory import MemoryLog
from trunkline.log.naming import position_told
from trunkline.log.records import Again, DeadLetter, DeliveryException, Entry
from trunkline.log.sqlite import SqliteLog
from trunkline.testing import ManualClock


ACCOUNT = "AC" + "1" * 32
OTHER = "AC" + "2" * 32
RINGING = catalogue.progress_type("ringing")
ANSWERED = catalogue.progress_type("answered")
SINK = "DG" + "1" * 32


@asynccontextmanager
async def sqlite_log(folder: Path) -> AsyncIterator[SqliteLog]:
    database = Database(folder / "log.db")
    await database.open()
    log = SqliteLog(database, ManualClock())
    await log.open()
    try:
        yield log
    finally:
        await database.close()


@pytest.fixture(params=["sqlite", "memory"])
async def log(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[SqliteLog | MemoryLog]:
    if request.param == "memory":
        yield MemoryLog(ManualClock())
        return
    async with sqlite_log(tmp_path) as log:
        yield log


def event(number: int, account: str = ACCOUNT, type_: str = RINGING) -> Event:
    return Event(
        id=f"VW{number:032x}",
        account_sid=account,
        type=type_,
        source="/source",
        time="2026-01-01T00:00:00.000Z",
        call_sid="CA" + "1" * 32,
        data=b'{"number":%d}' % number,
    )


def failed(position: int, attempt: int = 1, due_ms: int = 1000) -> DeliveryException:
    return DeliveryException(
        sink_sid=SINK,
        position=position,
        call="CA" + "1" * 32,
        attempt=attempt,
        due_ms=due_ms,
        deadline_ms=99_000,
        code=91306,
        detail="HTTP 500",
        http_status=500,
        first_ms=10,
        last_ms=20,
    )


def dead(position: int, sid: str = "DL1") -> DeadLetter:
    return DeadLetter(
        sid=sid,
        sink_sid=SINK,
        position=position,
        account_sid=ACCOUNT,
        event_id=f"VW{position:032x}",
        event_type=RINGING,
        call_sid="CA" + "1" * 32,
        code=91305,
        reason="HTTP 404",
        attempts=1,
        http_status=404,
        last_answer="Not here",
        first_ms=10,
        last_ms=10,
    )


async def everything(log: SqliteLog | MemoryLog, after: int = 0) -> list[Entry]:
    return await log.read(ACCOUNT, [RINGING, ANSWERED], after, log.head, 1000)


async def test_positions_only_grow(log: SqliteLog | MemoryLog) -> None:
    first = await log.append([event(1), event(2)])
    second = await log.append([event(3)])

    assert first[0] < first[1] < second[0] == log.head


async def test_the_same_id_is_added_once_and_keeps_its_position(
    log: SqliteLog | MemoryLog,
) -> None:
    [position] = await log.append([event(1)])

    assert await log.append([event(1)]) == [position]
    assert [entry.position for entry in await everything(log)] == [position]


async def test_the_same_id_twice_in_one_append_is_added_once(
    log: SqliteLog | MemoryLog,
) -> None:
    first, second, third = await log.append([event(1), event(1), event(2)])

    assert first == second < third
    assert [e.event.id for e in await everything(log)] == [event(1).id, event(2).id]


async def test_events_without_an_id_are_named(log: SqliteLog | MemoryLog) -> None:
    events = [replace(event(n), id=event(n).id if n == 2 else "") for n in (1, 2, 3)]

    positions = await log.append(events)

    first, given, third = (entry.event.id for entry in await everything(log))
    assert given == event(2).id
    assert is_sid(first, "EZ")
    assert is_sid(third, "EZ")
    assert first != third
    assert [position_told(first), position_told(third)] == positions[::2]


async def test_an_event_that_was_named_and_comes_back_is_not_added_again(
    log: SqliteLog | MemoryLog,
) -> None:
    [position] = await log.append([replace(event(1), id="")])
    [entry] = await everything(log)
    come_back = replace(entry.event, call_sid="CA9")

    heard: list[Entry] = []
    log.on_append(heard.extend)
    again, new = await log.append([come_back, event(2)])
    [another_accounts] = await log.append([replace(entry.event, account_sid=OTHER)])

    assert (again, another_accounts) == (position, 0)
    assert [e.position for e in heard] == [new]
    assert [e.position for e in await everything(log)] == [position, new]


async def test_a_named_event_is_added_beside_one_that_is_there(
    log: SqliteLog | MemoryLog,
) -> None:
    [there] = await log.append([event(1)])
    heard: list[Entry] = []
    log.on_append(heard.extend)

    again, new = await log.append([event(1), replace(event(2), id="")])

    assert again == there
    assert [entry.position for entry in heard] == [new]
    assert log.head == new


async def test_an_id_from_elsewhere_that_tells_a_position_here_is_like_any_other(
    log: SqliteLog | MemoryLog,
) -> None:
    [position] = await log.append([replace(event(1), id="")])
    [entry] = await everything(log)
    alike = replace(event(2), id=f"{entry.event.id[:26]}{'0' * 8}")

    [new] = await log.append([alike])

    assert new > position
    assert await log.append([alike]) == [new]
    assert [e.event.id for e in await everything(log)] == [entry.event.id, alike.id]


@pytest.mark.parametrize(
    "another",
    [{"account_sid": OTHER}, {"source": "/another"}],
    ids=["account", "source"],
)
async def test_an_id_that_is_another_events_has_no_position_and_adds_nothing(
    log: SqliteLog | MemoryLog, another: dict[str, str]
) -> None:
    known = await log.append([event(1)])
    taken = replace(event(1), **another)

    [none, new] = await log.append([taken, event(2)])

    assert none == 0 < known[0] < new == log.head
    kept = await log.read(ACCOUNT, [RINGING], 0, log.head, 9)
    assert [entry.event for entry in kept] == [event(1), event(2)]
    assert await log.read(OTHER, [RINGING], 0, log.head, 9) == []


async def test_of_two_events_with_an_id_that_come_at_once_one_has_a_position(
    log: SqliteLog | MemoryLog,
) -> None:
    heard: list[Event] = []
    log.on_append(lambda entries: heard.extend(entry.event for entry in entries))
    rivals = [event(1), event(1, account=OTHER)]

    positions = await asyncio.gather(*(log.append([rival]) for rival in rivals))

    assert positions == [[1], [0]]
    assert heard == rivals[:1]


async def test_many_appends_at_once_all_get_their_own_positions(
    log: SqliteLog | MemoryLog,
) -> None:
    positions = await asyncio.gather(*(log.append([event(n)]) for n in range(100)))

    assert len({position for [position] in positions}) == 100
    assert len(await everything(log)) == 100


async def test_what_is_read_is_what_was_appended(log: SqliteLog | MemoryLog) -> None:
    await log.append([event(1)])

    [entry] = await everything(log)

    assert entry.event == event(1)
    assert entry.accepted_ms == ManualClock().now_ms()


async def test_reading_starts_after_a_position_and_ends_at_one(
    log: SqliteLog | MemoryLog,
) -> None:
    a, b, c, _ = await log.append([event(n) for n in range(4)])

    assert [e.position for e in await log.read(ACCOUNT, [RINGING], a, c, 9)] == [b, c]
    assert [e.position for e in await log.read(ACCOUNT, [RINGING], a, c, 1)] == [b]


async def test_reading_sees_one_account_and_the_types_asked_for(
    log: SqliteLog | MemoryLog,
) -> None:
    await log.append([event(1), event(2, type_=ANSWERED), event(3, account=OTHER)])

    found = await log.read(ACCOUNT, [ANSWERED], 0, log.head, 9)

    assert [entry.event.id for entry in found] == [event(2).id]


async def test_an_account_with_few_events_is_read_whole_from_anywhere_to_anywhere(
    log: SqliteLog | MemoryLog,
) -> None:
    few = [1, 63, 64, 65, 264, 464, 664]
    numbers = range(1, 700)
    await log.append([event(n, ACCOUNT if n in few else OTHER) for n in numbers])
    ends = [0, 1, 62, 63, 64, 65, 127, 128, 264, 500, 663, 664, 699, 2**62]

    for after, upto in itertools.product(ends, ends):
        mine = [n for n in few if after < n <= upto]
        wanted = Again(
            account_sid=ACCOUNT,
            types=(RINGING,),
            call_sid=None,
            from_ms=0,
            to_ms=2**62,
            upto=upto,
        )
        for limit in (2, 99):
            read = await log.read(ACCOUNT, [RINGING], after, upto, limit)
            assert [entry.position for entry in read] == mine[:limit]
            assert await log.read_again(wanted, after, limit) == read
        assert await log.count(ACCOUNT, [RINGING], after, upto) == len(mine)


async def test_listeners_hear_of_new_entries_in_order_and_of_repeats_never(
    log: SqliteLog | MemoryLog,
) -> None:
    heard: list[int] = []
    log.on_append(lambda entries: heard.extend(e.position for e in entries))

    await asyncio.gather(*(log.append([event(n)]) for n in (1, 2, 1, 3)))

    assert heard == sorted(set(heard))
    assert len(heard) == 3


async def test_a_write_beside_an_append_that_fails_takes_the_append_with_it(
    log: SqliteLog | MemoryLog,
) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await log.append([event(1)], also=fails)

    assert await everything(log) == []


async def test_one_failing_append_does_not_fail_the_others_of_its_group(
    log: SqliteLog | MemoryLog,
) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        raise RuntimeError("no")

    results = await asyncio.gather(
        log.append([event(1)]),
        log.append([event(2)], also=fails),
        log.append([event(3)]),
        return_exceptions=True,
    )

    assert isinstance(results[1], RuntimeError)
    assert [e.event.id for e in await everything(log)] == [event(1).id, event(3).id]


async def test_bookmarks_only_move_forward(log: SqliteLog | MemoryLog) -> None:
    await log.move_bookmarks({SINK: 7})
    await log.move_bookmarks({SINK: 3})

    assert await log.bookmarks() == {SINK: 7}


async def test_an_exception_is_due_from_its_time_on(log: SqliteLog | MemoryLog) -> None:
    [position] = await log.append([event(1)])
    await log.hold([failed(position, due_ms=1000)])

    assert await log.next_due(SINK) == 1000
    assert await log.due(SINK, 999, (0, 0), 9) == []
    [(exception, entry)] = await log.due(SINK, 1000, (0, 0), 9)
    assert exception == failed(position)
    assert entry.event == event(1)


async def test_due_exceptions_come_by_due_time_and_can_be_paged(
    log: SqliteLog | MemoryLog,
) -> None:
    a, b, c = await log.append([event(n) for n in range(3)])
    await log.hold([failed(a, due_ms=30), failed(b, due_ms=10), failed(c, due_ms=10)])

    first = await log.due(SINK, 99, (0, 0), 2)
    rest = await log.due(SINK, 99, (first[-1][0].due_ms, first[-1][0].position), 2)

    assert [e.position for e, _ in first] == [b, c]
    assert [e.position for e, _ in rest] == [a]


async def test_an_exception_never_goes_back_to_an_earlier_attempt(
    log: SqliteLog | MemoryLog,
) -> None:
    [position] = await log.append([event(1)])
    await log.hold([failed(position, attempt=2, due_ms=2000)])
    await log.hold([failed(position, attempt=1, due_ms=1000)])

    assert await log.next_due(SINK) == 2000


async def test_a_released_exception_is_gone(log: SqliteLog | MemoryLog) -> None:
    [position] = await log.append([event(1)])
    await log.hold([failed(position)])
    await log.release(SINK, [position])

    assert await log.next_due(SINK) is None


async def test_a_burial_ends_the_exception_and_happens_once(
    log: SqliteLog | MemoryLog,
) -> None:
    [position] = await log.append([event(1)])
    await log.hold([failed(position)])
    await log.bury([dead(position, "DL1")])
    await log.bury([dead(position, "DL2")])

    assert await log.next_due(SINK) is None
    assert await log.dead_letters(SINK) == [dead(position, "DL1")]


async def test_positions_with_a_row_of_their_own_are_known(
    log: SqliteLog | MemoryLog,
) -> None:
    a, b, c, d = await log.append([event(n) for n in range(4)])
    await log.hold([failed(a), failed(b)])
    await log.bury([dead(c)])

    assert await log.with_own_row(SINK, a) == {b, c}
    assert d not in await log.with_own_row(SINK, 0)


async def test_a_forgotten_sink_has_no_bookmark_and_no_exceptions(
    log: SqliteLog | MemoryLog,
) -> None:
    [position] = await log.append([event(1)])
    await log.hold([failed(position)])
    await log.move_bookmarks({SINK: position})

    await log.forget(SINK)

    assert await log.bookmarks() == {}
    assert await log.next_due(SINK) is None


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    async with sqlite_log(tmp_path) as log:
        a, b = await log.append([event(1), event(2)])
        await log.hold([failed(a)])
        await log.bury([dead(b)])
        await log.move_bookmarks({SINK: b})

    async with sqlite_log(tmp_path) as log:
        assert log.head == b
        assert [e.position for e in await everything(log)] == [a, b]
        assert await log.bookmarks() == {SINK: b}
        assert await log.next_due(SINK) == failed(a).due_ms
        assert await log.dead_letters(SINK) == [dead(b)]
        [c] = await log.append([event(3)])
        assert c > b


async def test_an_append_is_answered_after_its_commit_and_not_before(
    tmp_path: Path,
) -> None:
    async with sqlite_log(tmp_path) as log:
        await log.append([event(1)])
        other_process = sqlite3.connect(tmp_path / "log.db")

        count = other_process.execute("SELECT count(*) FROM event").fetchone()

        other_process.close()
        assert count == (1,)


async def test_what_the_disk_refused_was_not_appended(tmp_path: Path) -> None:
    """A full disk fails the group as a whole, and the log goes on afterwards."""
    async with sqlite_log(tmp_path) as log:
        await log.append([event(1)])
        pages = "PRAGMA max_page_count = "
        await log._database.write(lambda c: c.execute(pages + "1").fetchone())

        big = [event(n) for n in range(2, 5000)]
        with pytest.raises(StorageFailed):
            await log.append(big)

        await log._database.write(lambda c: c.execute(pages + "1000000").fetchone())
        assert len(await everything(log)) == 1
        await log.append([event(2)])
        assert len(await everything(log)) == 2


async def test_an_append_needs_no_reader_to_be_told_of_its_failure(
    tmp_path: Path,
) -> None:
    """Whoever gave up waiting does not disturb the others of the group."""
    async with sqlite_log(tmp_path) as log:
        gone = asyncio.ensure_future(log.append([event(1)]))
        stays = asyncio.ensure_future(log.append([event(2)]))
        await asyncio.sleep(0)
        gone.cancel()

        assert await stays == [2]
        assert len(await everything(log)) == 2


async def test_rows_are_inserted_with_the_events_that_bring_them(
    tmp_path: Path,
) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        raise RuntimeError("no")

    insert = "INSERT INTO salt (name, value) VALUES (?, x'')"
    async with sqlite_log(tmp_path) as log:
        results = await asyncio.gather(
            log.append([event(1)], rows=[(insert, [("a",), ("b",)])]),
            log.append([event(2)], also=fails, rows=[(insert, [("c",)])]),
            log.append([], rows=[(insert, [("d",)])]),
            return_exceptions=True,
        )

        kept = await log._database.read(
            lambda c: c.execute("SELECT name FROM salt ORDER BY name").fetchall()
        )
        assert [isinstance(result, RuntimeError) for result in results] == [
            False,
            True,
            False,
        ]
        assert kept == [("a",), ("b",), ("d",)]
        assert len(await everything(log)) == 1


async def test_who_submits_hears_once_the_event_is_there(
    log: SqliteLog | MemoryLog,
) -> None:
    told: list[BaseException | None] = []
    heard: list[int] = []
    log.on_append(lambda entries: heard.extend(e.position for e in entries))

    log.submit([event(1)], told.append)
    log.submit([event(2), event(3)], told.append)
    await log.append([event(4)])

    assert told == [None, None]
    assert heard == [1, 2, 3, 4]
    assert [entry.position for entry in await everything(log)] == [1, 2, 3, 4]


async def test_who_submits_hears_of_a_failure_and_others_are_kept(
    tmp_path: Path,
) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        raise RuntimeError("no")

    def breaks(error: BaseException | None) -> None:
        raise RuntimeError("whoever is told is at fault")

    told: list[BaseException | None] = []
    async with sqlite_log(tmp_path) as log:
        log.submit([event(1)], told.append, also=fails)
        log.submit([event(2)], breaks)
        log.submit([event(3)], told.append)
        await log.append([event(4)])

        assert [type(error) for error in told] == [RuntimeError, type(None)]
        assert [entry.event.id for entry in await everything(log)] == [
            event(number).id for number in (2, 3, 4)
        ]
    with pytest.raises(StorageFailed):
        log.submit([event(5)], told.append)


async def test_rows_are_written_in_the_order_in_which_they_came(
    tmp_path: Path,
) -> None:
    insert = "INSERT INTO salt (name, value) VALUES (?, x'')"
    delete = "DELETE FROM salt WHERE name = ?"
    async with sqlite_log(tmp_path) as log:
        log.submit([], lambda _: None, rows=[(delete, [("other",)])])
        log.submit([], lambda _: None, rows=[(insert, [("a",)])])
        log.submit([], lambda _: None, rows=[(delete, [("a",)]), (insert, [("b",)])])
        await log.append([])

        kept = await log._database.read(
            lambda c: c.execute("SELECT name FROM salt").fetchall()
        )
    assert kept == [("b",)]


async def test_an_id_that_the_log_gave_is_in_no_index(tmp_path: Path) -> None:
    async with sqlite_log(tmp_path) as log:
        await log.append([event(1), replace(event(2), id="")])
        indexed = "SELECT id FROM event INDEXED BY event_by_id WHERE is_named = 0"
        rows = await log._database.read(lambda c: c.execute(indexed).fetchall())
        assert rows == [(event(1).id,)]
