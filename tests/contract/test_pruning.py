"""What is dropped when its time is over, and what becomes of deliveries of it."""

import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from trunkline.capture.sdk.ports import KeptPost
from trunkline.capture.timeline import Kind
from trunkline.database.file import Database
from trunkline.errors import StorageFailed
from trunkline.events import catalogue
from trunkline.events.catalogue import SinkType
from trunkline.events.envelope import Event
from trunkline.events.ids import Ids
from trunkline.events.times import iso_ms
from trunkline.log.records import DeadLetter, DeliveryException
from trunkline.log.retention import Retention
from trunkline.log.search import SqliteSearch
from trunkline.log.sqlite import SqliteLog
from trunkline.storage.posts import PostStore, keep
from trunkline.storage.pruning import PruningStore
from trunkline.storage.streams import SqliteStreams
from trunkline.storage.timeline import TimelineStore
from trunkline.streams.sinks import Sink, SinkStatus
from trunkline.streams.subscriptions import Choice, Subscription
from trunkline.testing import ManualClock


ACCOUNT = "AC" + "1" * 32
OTHER = "AC" + "2" * 32
THIRD = "AC" + "3" * 32
SINK = "DG" + "1" * 32
RINGING = catalogue.progress_type("ringing")
ANSWERED = catalogue.progress_type("answered")
DAY = 86_400


@dataclass
class Rig:
    database: Database
    clock: ManualClock
    log: SqliteLog
    store: PruningStore
    lost: list[DeadLetter] = field(default_factory=list)

    def retention(self, *, days: int = 7, max_bytes: int = 0) -> Retention:
        return Retention(
            self.store,
            self.clock,
            days=days,
            call_days=30,
            max_bytes=max_bytes,
            on_lost=self.lost.extend,
        )

    async def prune(self, *, days: int = 7, max_bytes: int = 0) -> None:
        # The pauses between pieces are on a clock that stands still.
        clock, self.clock = self.clock, _Hurried(self.clock.now_ms())
        await self.retention(days=days, max_bytes=max_bytes).prune()
        self.clock = clock

    async def append(
        self,
        *numbers: int,
        type_: str = RINGING,
        size: int = 2,
        account: str = ACCOUNT,
    ) -> None:
        await self.log.append(
            [
                Event(
                    id=f"VW{number:032x}",
                    account_sid=account,
                    type=type_,
                    source="/source",
                    time="2026-01-01T00:00:00.000Z",
                    call_sid="CA1",
                    data=b"{%b}" % (b" " * (size - 2)),
                )
                for number in numbers
            ]
        )

    async def append_with_posts(self, *numbers: int) -> None:
        """Append Voice SDK events, each with the post that it came from."""
        for number in numbers:
            event = Event(
                id="",
                account_sid=ACCOUNT,
                type=catalogue.SDK_EVENT_TYPE,
                source="/source",
                time=iso_ms(self.clock.now_ms() - 500),
                call_sid="CA1",
                data=b"{}",
            )
            self.log.submit([event], lambda _: None, post=b'{"number":%d}' % number)
        await self.log.append([])

    async def posts(self) -> list[int]:
        """Return the numbers of the posts on the call's timeline."""
        timelines = TimelineStore(self.database)
        marks = await timelines.marks(ACCOUNT, ["CA1"])
        records = await timelines.records(ACCOUNT, ["CA1"], marks)
        kept = [recorded.post for recorded in records.events.values()]
        kept += records.posts.values()
        found = [json.loads(post.body)["number"] for post in kept if post]
        return sorted(found)

    async def prune_posts(self, *, days: int) -> None:
        before_ms = self.clock.now_ms() - days * DAY * 1000
        while await PostStore(self.database).prune(
            pairs_before_ms=0, posts_before_ms=before_ms, deliveries_before_ms=0
        ):
            pass

    async def subscribe(self, sink_sid: str = SINK, type_: str = RINGING) -> None:
        streams = SqliteStreams(self.database)
        sink = Sink(
            sid=sink_sid,
            account_sid=ACCOUNT,
            description="",
            sink_type=SinkType.WEBHOOK,
            configuration={},
            status=SinkStatus.ACTIVE,
            live=True,
            created_ms=0,
            updated_ms=0,
        )
        await streams.save_sink(sink, lambda _: None)
        subscription = Subscription(
            sid="DF" + sink_sid[2:],
            account_sid=ACCOUNT,
            sink_sid=sink_sid,
            description="",
            created_ms=0,
            updated_ms=0,
        )
        await streams.save_subscription(
            subscription,
            opened=[Choice(type_, 1)],
            closed=(),
            then=lambda _: None,
        )

    def search(self) -> SqliteSearch:
        return SqliteSearch(self.database)

    async def kept(self) -> list[int]:
        entries = await self.log.read(ACCOUNT, [RINGING, ANSWERED], 0, 10**9, 10**6)
        return [entry.position for entry in entries]

    async def blocks(self) -> list[tuple[str, int]]:
        return await self._rows("SELECT account_sid, block FROM account_block")

    async def blocks_of_events(self) -> list[tuple[str, int]]:
        return await self._rows("SELECT DISTINCT account_sid, position >> 6 FROM event")

    async def _rows(self, query: str) -> list[tuple[str, int]]:
        return sorted(await self.database.read(lambda c: c.execute(query).fetchall()))

    async def dead(self, sink_sid: str = SINK) -> list[int]:
        return [letter.position for letter in await self.log.dead_letters(sink_sid)]


class _Hurried(ManualClock):
    async def sleep(self, seconds: float) -> None:
        return


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    database = Database(tmp_path / "log.db")
    await database.open()
    clock = ManualClock()
    log = SqliteLog(database, clock)
    await log.open()
    ids = Ids(clock.now_ms, os.urandom)
    yield Rig(database, clock, log, PruningStore(database, clock, ids))
    await database.close()


def waiting(position: int, sink_sid: str = SINK) -> DeliveryException:
    return DeliveryException(
        sink_sid=sink_sid,
        position=position,
        call="CA1",
        attempt=2,
        due_ms=1,
        deadline_ms=2,
        code=91306,
        detail="HTTP 500",
        http_status=500,
        first_ms=5,
        last_ms=6,
    )


async def test_events_go_when_they_are_older_than_the_retention(rig: Rig) -> None:
    await rig.append(1, 2)
    rig.clock.advance(4 * DAY)
    await rig.append(3)
    rig.clock.advance(4 * DAY)

    await rig.prune()

    assert await rig.kept() == [3]
    assert rig.lost == []


async def test_many_events_go_in_pieces(rig: Rig) -> None:
    await rig.append(*range(1, 1300))
    rig.clock.advance(8 * DAY)

    await rig.prune()

    assert await rig.kept() == []


async def test_positions_go_on_after_all_was_pruned(rig: Rig) -> None:
    await rig.append(1, 2)
    rig.clock.advance(8 * DAY)
    await rig.prune()

    await rig.append(3)

    assert await rig.kept() == [3]


async def test_a_delivery_that_was_owed_becomes_a_dead_letter(rig: Rig) -> None:
    await rig.subscribe()
    await rig.append(1, 2, 3)
    await rig.log.move_bookmarks({SINK: 1})
    rig.clock.advance(8 * DAY)

    await rig.prune()

    assert await rig.kept() == []
    assert await rig.dead() == [2, 3]
    assert [letter.position for letter in rig.lost] == [2, 3]
    letter = rig.lost[0]
    assert (letter.code, letter.attempts, letter.http_status) == (91303, 0, None)
    assert letter.reason == (
        "Its event was dropped from the log before it could be delivered."
    )


async def test_what_no_sink_wanted_goes_without_a_dead_letter(rig: Rig) -> None:
    await rig.append(1)  # before the subscription
    await rig.subscribe()
    await rig.append(2, type_=ANSWERED)
    rig.clock.advance(8 * DAY)

    await rig.prune()

    assert await rig.kept() == []
    assert rig.lost == []


async def test_a_dead_letter_stays_the_one_it_is(rig: Rig) -> None:
    await rig.subscribe()
    await rig.append(1)
    rig.clock.advance(8 * DAY)
    await rig.prune()
    first = await rig.log.dead_letters(SINK)
    await rig.prune()

    assert await rig.log.dead_letters(SINK) == first


async def test_an_event_stays_while_a_delivery_waits_for_its_next_attempt(
    rig: Rig,
) -> None:
    await rig.subscribe()
    await rig.append(1, 2, 3)
    await rig.log.hold([waiting(2)])
    await rig.log.move_bookmarks({SINK: 3})
    rig.clock.advance(8 * DAY)

    await rig.prune()
    assert await rig.kept() == [2]
    await rig.log.release(SINK, [2])
    await rig.prune()

    assert await rig.kept() == []
    assert rig.lost == []


@pytest.mark.parametrize("waits", [[], [3], [64, 128], [63, 127, 300]])
async def test_an_account_is_known_in_the_blocks_where_its_events_are_kept(
    rig: Rig, waits: list[int]
) -> None:
    await rig.subscribe()
    await rig.append(*range(1, 150))
    await rig.append(*range(150, 301), account=OTHER)
    await rig.append(1, *range(301, 401), 400)  # some are there already
    await rig.append(1, 150, 401, account=THIRD)  # the ids of two are others'
    assert await rig.blocks() == await rig.blocks_of_events()
    await rig.log.hold([waiting(position) for position in waits])
    await rig.log.move_bookmarks({SINK: 500})
    rig.clock.advance(8 * DAY)
    await rig.append(500)

    await rig.prune()

    assert await rig.blocks() == await rig.blocks_of_events()
    assert len(await rig.blocks()) == 1 + len({position >> 6 for position in waits})
    await rig.prune(max_bytes=1)
    assert await rig.blocks() == []


async def test_above_the_size_the_oldest_events_go_whatever_waits(rig: Rig) -> None:
    await rig.subscribe()
    await rig.append(*range(1, 1501), size=4000)
    await rig.log.hold([waiting(1), waiting(1500)])
    await rig.log.move_bookmarks({SINK: 2})
    size = await rig.store.used_bytes()

    await rig.prune(max_bytes=size // 2)

    kept = await rig.kept()
    assert await rig.store.used_bytes() <= size // 2
    assert kept == list(range(kept[0], 1501))
    # Position 2 was settled; 1 was waiting, those from 3 on were queued.
    lost = [1, *range(3, kept[0])]
    assert sorted(letter.position for letter in rig.lost) == lost
    assert rig.lost[0].attempts == 2
    due = await rig.log.due(SINK, 10, (0, 0), 10)
    assert [exception.position for exception, _ in due] == [1500]


async def test_what_fails_after_its_event_is_gone_does_not_wait_for_ever(
    rig: Rig,
) -> None:
    await rig.subscribe()
    await rig.append(1)
    await rig.prune(max_bytes=1)
    await rig.append(2)
    await rig.log.hold([waiting(1), waiting(2)])

    await rig.prune(max_bytes=10**9)

    due = await rig.log.due(SINK, 10, (0, 0), 10)
    assert [exception.position for exception, _ in due] == [2]
    assert await rig.search().waiting() == {SINK: 1}
    assert await rig.dead() == [1]


async def test_what_was_lost_to_the_size_can_be_seen_for_a_day(rig: Rig) -> None:
    await rig.subscribe()
    await rig.append(1)
    await rig.prune(max_bytes=1)
    rig.clock.advance(DAY - 1)
    await rig.prune(max_bytes=1)
    assert await rig.dead() == [1]
    rig.clock.advance(2)

    await rig.prune(max_bytes=1)

    assert await rig.dead() == []


async def test_within_the_size_nothing_goes(rig: Rig) -> None:
    await rig.append(1, 2)

    await rig.prune(max_bytes=10**9)

    assert await rig.kept() == [1, 2]


async def test_a_size_that_events_do_not_fill_ends_the_pruning(rig: Rig) -> None:
    await rig.append(1, 2)

    await rig.prune(max_bytes=1)

    assert await rig.kept() == []


async def test_posts_stay_when_their_events_go(rig: Rig) -> None:
    start_ms = rig.clock.now_ms()
    await rig.append_with_posts(1, 2)
    timelines = TimelineStore(rig.database)
    [first, _] = await timelines.marks(ACCOUNT, ["CA1"])
    rig.clock.advance(8 * DAY)

    await rig.prune()

    assert [mark.kind for mark in await timelines.marks(ACCOUNT, ["CA1"])] == [
        Kind.POST,
        Kind.POST,
    ]
    assert await rig.posts() == [1, 2]
    marks = await timelines.marks(ACCOUNT, ["CA1"])
    records = await timelines.records(ACCOUNT, ["CA1"], marks)
    assert records.posts[marks[0].post] == KeptPost(
        account_sid=ACCOUNT,
        call_id="CA1",
        event_id=first.id,
        at_ms=start_ms - 500,
        received_ms=start_ms,
        clock_skew=False,
        body=b'{"number":1}',
    )


async def test_a_post_stays_with_an_event_that_stays(rig: Rig) -> None:
    await rig.subscribe(type_=catalogue.SDK_EVENT_TYPE)
    await rig.append_with_posts(1, 2, 3)
    await rig.log.hold([waiting(2)])
    await rig.log.move_bookmarks({SINK: 3})
    rig.clock.advance(8 * DAY)

    await rig.prune()

    assert await rig.posts() == [1, 2, 3]
    kinds = [m.kind for m in await TimelineStore(rig.database).marks(ACCOUNT, ["CA1"])]
    assert kinds == [Kind.EVENT, Kind.POST, Kind.POST]


async def test_a_piece_that_fails_at_its_end_has_moved_and_dropped_nothing(
    rig: Rig,
) -> None:
    await rig.append_with_posts(1, 2)
    refuse = (
        "CREATE TRIGGER refuse BEFORE DELETE ON account_block"
        " BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )
    await rig.database.write(lambda c: c.execute(refuse).close())
    rig.clock.advance(8 * DAY)

    with pytest.raises(StorageFailed, match="refused"):
        await rig.store.prune_by_age(0, rig.clock.now_ms(), 100)

    assert await rig.posts() == [1, 2]
    kinds = [m.kind for m in await TimelineStore(rig.database).marks(ACCOUNT, ["CA1"])]
    assert kinds == [Kind.EVENT, Kind.EVENT]


async def test_above_the_size_posts_go_with_their_events(rig: Rig) -> None:
    await rig.append_with_posts(1, 2)

    await rig.prune(max_bytes=1)

    assert await rig.posts() == []


async def test_of_posts_apart_from_events_the_old_go_and_the_new_stay(rig: Rig) -> None:
    await rig.append_with_posts(1)
    rig.clock.advance(7.5 * DAY)
    now_ms = rig.clock.now_ms()
    apart = KeptPost(
        ACCOUNT, "CA1", None, now_ms, now_ms, clock_skew=False, body=b'{"number":2}'
    )
    await rig.log.append([], rows=[keep(apart)])
    rig.clock.advance(1 * DAY)
    await rig.prune()
    assert await rig.posts() == [1, 2]

    rig.clock.advance(21.5 * DAY)
    await rig.prune_posts(days=30)
    assert await rig.posts() == [1, 2]
    rig.clock.advance(1)
    await rig.prune_posts(days=30)
    assert await rig.posts() == [2]
    rig.clock.advance(7.5 * DAY)
    await rig.prune_posts(days=30)
    assert await rig.posts() == []


async def test_posts_may_go_long_before_their_events(rig: Rig) -> None:
    await rig.append_with_posts(*range(1, 1503))
    await rig.append(*range(1, 1503))
    await rig.append_with_posts(1503)
    rig.clock.advance(1 * DAY)
    await rig.append_with_posts(1504)
    rig.clock.advance(0.5 * DAY)

    for _ in range(2):
        await rig.prune_posts(days=1)
        await rig.prune()

    assert await rig.posts() == [1504]
    assert await rig.log.count(ACCOUNT, [catalogue.SDK_EVENT_TYPE], 0, 10**6) == 1504


async def test_dead_letters_go_when_they_are_older_than_the_retention(
    rig: Rig,
) -> None:
    await rig.subscribe()
    await rig.append(1)
    rig.clock.advance(8 * DAY)
    await rig.prune()
    rig.clock.advance(6 * DAY)
    await rig.prune()
    assert await rig.dead() == [1]
    rig.clock.advance(2 * DAY)

    await rig.prune()

    assert await rig.dead() == []


async def test_calls_go_thirty_days_after_their_end(rig: Rig) -> None:
    def add(sid: str, over: int, ended_day: int | None) -> None:
        ended = "null" if ended_day is None else str(ended_day * DAY * 1000)
        bodies.append((sid, ACCOUNT, 0, over, None, f'{{"ended_ms":{ended}}}'))

    bodies: list[tuple[object, ...]] = []
    add("CA1", 1, 10)
    add("CA2", 1, 20)
    add("CA3", 0, None)
    await rig.database.write(
        lambda connection: [
            connection.executemany(
                "INSERT INTO call VALUES (?, ?, ?, ?, ?, ?)", bodies
            ),
            connection.executemany(
                "INSERT INTO call_event (call_sid, body) VALUES (?, '')",
                [("CA1",), ("CA2",), ("CA1",)],
            ),
        ]
    )

    assert await rig.store.prune_calls(15 * DAY * 1000, 100) == 1

    left = await rig.database.read(
        lambda connection: (
            connection.execute("SELECT sid FROM call ORDER BY sid").fetchall(),
            connection.execute("SELECT call_sid FROM call_event").fetchall(),
        )
    )
    assert left == ([("CA2",), ("CA3",)], [("CA2",)])


async def test_an_old_post_goes_whatever_its_number(rig: Rig) -> None:
    now_ms = rig.clock.now_ms()
    old_ms = now_ms - 2 * DAY * 1000
    new = KeptPost(ACCOUNT, "CA1", None, now_ms, now_ms, False, b'{"number":1}')
    old = KeptPost(ACCOUNT, "CA1", None, old_ms, old_ms, False, b'{"number":2}')
    await rig.log.append([], rows=[keep(*[new] * 1001), keep(old)])

    await rig.prune_posts(days=1)

    assert await rig.posts() == [1] * 1001


async def test_posts_of_events_go_a_bounded_number_at_a_time(rig: Rig) -> None:
    await rig.append_with_posts(*range(1, 1502))
    rig.clock.advance(2 * DAY)

    more = await PostStore(rig.database).prune(
        pairs_before_ms=0,
        posts_before_ms=rig.clock.now_ms() - DAY * 1000,
        deliveries_before_ms=0,
    )

    assert more
    assert 0 < len(await rig.posts()) < 1501
