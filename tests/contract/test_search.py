"""What whoever asks about the log is answered."""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.database.file import Database
from trunkline.events import catalogue
from trunkline.events.catalogue import SinkType
from trunkline.events.envelope import Event
from trunkline.log.filters import Filter, LetterFilter
from trunkline.log.records import DeadLetter, DeliveryException
from trunkline.log.search import SqliteSearch, first_position_at
from trunkline.log.sqlite import SqliteLog
from trunkline.storage.streams import SqliteStreams
from trunkline.streams.sinks import Sink, SinkStatus
from trunkline.testing import ManualClock


ACCOUNT = "AC" + "1" * 32
OTHER = "AC" + "2" * 32
SINK = "DG" + "1" * 32
RINGING = catalogue.progress_type("ringing")
ANSWERED = catalogue.progress_type("answered")


@dataclass
class Rig:
    database: Database
    clock: ManualClock
    log: SqliteLog
    search: SqliteSearch

    async def append(self, *events: Event) -> None:
        await self.log.append(events)

    async def positions(
        self, wanted: Filter, after: int | None = None, offset: int = 0, limit: int = 99
    ) -> list[int]:
        found = await self.search.events(
            wanted, after=after, offset=offset, limit=limit
        )
        return [entry.position for entry in found]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    database = Database(tmp_path / "log.db")
    await database.open()
    clock = ManualClock(1_000_000)
    log = SqliteLog(database, clock)
    await log.open()
    yield Rig(database, clock, log, SqliteSearch(database))
    await database.close()


def event(
    number: int, type_: str = RINGING, call_sid: str = "CA1", account: str = ACCOUNT
) -> Event:
    return Event(
        id=f"VW{number:032x}",
        account_sid=account,
        type=type_,
        source="/source",
        time="2026-01-01T00:00:00.000Z",
        call_sid=call_sid,
        data=b"{}",
    )


def letter(number: int, **changes: object) -> DeadLetter:
    fields: dict[str, object] = {
        "sid": f"DL{number:032x}",
        "sink_sid": SINK,
        "position": number,
        "account_sid": ACCOUNT,
        "event_id": f"VW{number:032x}",
        "event_type": RINGING,
        "call_sid": "CA1",
        "code": 91305,
        "reason": "HTTP 404",
        "attempts": 1,
        "http_status": 404,
        "last_answer": "gone",
        "first_ms": 10,
        "last_ms": number * 1000,
    }
    return DeadLetter(**{**fields, **changes})  # type: ignore[arg-type]


MINE = Filter(account_sid=ACCOUNT)


async def test_events_come_newest_first_and_of_one_account(rig: Rig) -> None:
    await rig.append(event(1), event(2, account=OTHER), event(3))

    assert await rig.positions(MINE) == [3, 1]


async def test_events_are_found_by_types(rig: Rig) -> None:
    await rig.append(event(1), event(2, ANSWERED), event(3))

    wanted = Filter(account_sid=ACCOUNT, types=(ANSWERED,))
    assert await rig.positions(wanted) == [2]
    both = Filter(account_sid=ACCOUNT, types=(ANSWERED, RINGING))
    assert await rig.positions(both) == [3, 2, 1]


async def test_events_are_found_by_any_id_of_their_call(rig: Rig) -> None:
    await rig.append(
        event(1, call_sid="CA1"),
        event(2, call_sid="TJS1"),
        event(3, call_sid="CA2"),
        event(4, call_sid="CA1", account=OTHER),
        event(5, ANSWERED, call_sid="CA1"),
        event(6, call_sid=""),
    )

    calls = ("CA1", "TJS1")
    assert await rig.positions(Filter(account_sid=ACCOUNT, call_ids=calls)) == [5, 2, 1]
    ringing = Filter(account_sid=ACCOUNT, call_ids=calls, types=(RINGING,))
    assert await rig.positions(ringing) == [2, 1]


async def test_from_counts_and_to_does_not(rig: Rig) -> None:
    for number in (1, 2, 3):
        await rig.append(event(number))
        rig.clock.advance(10)

    wanted = Filter(account_sid=ACCOUNT, from_ms=1_010_000, to_ms=1_020_000)
    assert await rig.positions(wanted) == [2]
    nothing = Filter(account_sid=ACCOUNT, from_ms=1_030_001)
    assert await rig.positions(nothing) == []


async def test_pages_go_on_after_a_key_and_back_before_one(rig: Rig) -> None:
    await rig.append(*(event(number) for number in range(1, 10)))

    assert await rig.positions(MINE, after=7, limit=2) == [6, 5]
    assert await rig.positions(MINE, offset=3, limit=2) == [6, 5]
    assert await rig.search.event_before(MINE, key=4, distance=2) == 6
    assert await rig.search.event_before(MINE, key=8, distance=2) is None
    call = Filter(account_sid=ACCOUNT, call_ids=("CA1",))
    assert await rig.search.event_before(call, key=4, distance=2) == 6


async def test_an_account_with_few_events_is_found_whole_by_pages_down_and_up(
    rig: Rig,
) -> None:
    few = [1, 63, 64, 65, 264, 464, 664]
    for numbers in (range(1, 300), range(300, 700)):
        accounts = {n: ACCOUNT if n in few else OTHER for n in numbers}
        await rig.append(*(event(n, account=accounts[n]) for n in numbers))
        rig.clock.advance(10)
    down = few[::-1]

    for after in (None, 1, 63, 64, 65, 66, 128, 464, 700, 2**62):
        mine = [n for n in down if after is None or n < after]
        for offset, limit in ((0, 99), (0, 3), (2, 3), (9, 3)):
            found = await rig.positions(MINE, after, offset, limit)
            assert found == mine[offset : offset + limit]
    for key in (0, 1, 62, 63, 64, 65, 127, 464, 664, 2**62):
        above = [n for n in few if n > key]
        for distance in range(1, len(few) + 2):
            found_up = await rig.search.event_before(MINE, key=key, distance=distance)
            assert found_up == next(iter(above[distance - 1 :]), None)

    early = Filter(account_sid=ACCOUNT, to_ms=1_000_010)
    late = Filter(account_sid=ACCOUNT, from_ms=1_000_010)
    assert await rig.positions(early) == [264, 65, 64, 63, 1]
    assert await rig.positions(early, after=65) == [64, 63, 1]
    assert await rig.positions(late) == [664, 464]
    assert await rig.search.event_before(early, key=64, distance=2) == 264
    assert await rig.search.event_before(early, key=264, distance=1) is None
    assert await rig.search.event_before(late, key=1, distance=1) == 464


async def test_an_empty_log_has_nothing_at_any_time(rig: Rig) -> None:
    wanted = Filter(account_sid=ACCOUNT, from_ms=0, to_ms=2**50)

    assert await rig.positions(wanted) == []


@given(
    st.lists(st.integers(0, 5), max_size=40),
    st.sets(st.integers(1, 40)),
    st.integers(-1, 250),
)
async def test_a_place_is_found_by_time_without_an_index(
    steps: list[int], pruned: set[int], at_ms: int
) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE event (position INTEGER PRIMARY KEY, accepted_ms)")
    now_ms, kept = 0, {}
    for position, step in enumerate(steps, 1):
        now_ms += step
        if position not in pruned:
            kept[position] = now_ms
    connection.executemany("INSERT INTO event VALUES (?, ?)", kept.items())

    found = first_position_at(connection, at_ms)
    connection.close()

    assert {p for p in kept if p >= found} == {p for p in kept if kept[p] >= at_ms}


async def test_an_event_comes_with_all_that_is_written_about_it(rig: Rig) -> None:
    sink = Sink(
        sid=SINK,
        account_sid=ACCOUNT,
        description="",
        sink_type=SinkType.WEBHOOK,
        configuration={},
        status=SinkStatus.ACTIVE,
        live=True,
        created_ms=0,
        updated_ms=0,
    )
    await SqliteStreams(rig.database).save_sink(sink, lambda _: None)
    await rig.append(event(1), event(2))
    exception = DeliveryException(
        sink_sid=SINK,
        position=2,
        call="CA1",
        attempt=1,
        due_ms=1,
        deadline_ms=2,
        code=91306,
        detail="HTTP 500",
        http_status=500,
        first_ms=0,
        last_ms=0,
    )
    gone = letter(2, sink_sid="DG" + "9" * 32)
    await rig.log.hold([exception])
    await rig.log.bury([gone, letter(1)])
    await rig.log.move_bookmarks({SINK: 2})

    standing = await rig.search.standing(ACCOUNT, f"VW{2:032x}")

    assert standing is not None
    assert standing.entry.position == 2
    assert standing.exceptions == [exception]
    assert standing.letters == [gone]
    assert standing.bookmarks == {SINK: 2}
    assert await rig.search.standing(OTHER, f"VW{2:032x}") is None
    assert await rig.search.waiting() == {SINK: 1}


async def test_dead_letters_are_found_by_each_filter(rig: Rig) -> None:
    second = "DG" + "2" * 32
    await rig.log.bury(
        [
            letter(1),
            letter(2, sink_sid=second),
            letter(3, event_type=ANSWERED),
            letter(4, call_sid="CA2"),
            letter(5, code=91303),
            letter(6, account_sid=OTHER),
        ]
    )

    async def found(**wanted: object) -> list[int]:
        letters = await rig.search.letters(
            LetterFilter(account_sid=ACCOUNT, **wanted),  # type: ignore[arg-type]
            after=None,
            offset=0,
            limit=99,
        )
        return [letter.position for letter in letters]

    assert await found() == [5, 4, 3, 2, 1]
    assert await found(sink_sid=second) == [2]
    assert await found(types=(ANSWERED,)) == [3]
    assert await found(call_ids=("CA2", "TJS2")) == [4]
    assert await found(code=91303) == [5]
    assert await found(from_ms=2000, to_ms=4000) == [3, 2]


async def test_dead_letters_have_pages_and_are_their_accounts_own(rig: Rig) -> None:
    await rig.log.bury([letter(number) for number in range(1, 6)])
    mine = LetterFilter(account_sid=ACCOUNT)

    page = await rig.search.letters(mine, after=f"DL{4:032x}", offset=0, limit=2)

    assert [letter.position for letter in page] == [3, 2]
    before = await rig.search.letter_before(mine, key=f"DL{2:032x}", distance=2)
    assert before == f"DL{4:032x}"
    assert await rig.search.letter(ACCOUNT, f"DL{1:032x}") == letter(1)
    assert await rig.search.letter(OTHER, f"DL{1:032x}") is None


async def test_an_event_is_found_by_the_id_that_the_log_gave_and_by_no_other(
    rig: Rig,
) -> None:
    await rig.append(msgspec.structs.replace(event(1), id=""))
    [entry] = await rig.search.events(MINE, after=None, offset=0, limit=9)
    given = entry.event.id

    standing = await rig.search.standing(ACCOUNT, given)

    assert standing is not None
    assert standing.entry == entry
    assert await rig.search.standing(OTHER, given) is None
    assert await rig.search.standing(ACCOUNT, f"{given[:26]}{'x' * 8}") is None
    assert await rig.search.standing(ACCOUNT, f"{given[:26]}{'0' * 8}") is None
