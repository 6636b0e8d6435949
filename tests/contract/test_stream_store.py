"""What every store of sinks and subscriptions must do."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from trunkline.clock import Clock
from trunkline.database.file import Database
from trunkline.events.catalogue import SinkType, progress_type
from trunkline.events.envelope import Event
from trunkline.log.records import DeadLetter, DeliveryException
from trunkline.log.sqlite import SqliteLog
from trunkline.storage.streams import SqliteStreams
from trunkline.streams import subscriptions
from trunkline.streams.memory import MemoryStreams
from trunkline.streams.sinks import Sink, SinkStatus
from trunkline.streams.store import StreamStore
from trunkline.streams.subscriptions import Choice, Subscription
from trunkline.testing import ManualClock


RINGING = progress_type("ringing")
ANSWERED = progress_type("answered")
ACCOUNT = "AC" + "1" * 32

SINK = Sink(
    sid="DG" + "1" * 32,
    account_sid=ACCOUNT,
    description="Überall",
    sink_type=SinkType.WEBHOOK,
    configuration={"destination": "http://example.org/", "batch_events": "true"},
    status=SinkStatus.VALIDATING,
    live=True,
    created_ms=1,
    updated_ms=2,
    test_id="a-test",
)
SUBSCRIPTION = Subscription(
    sid="DF" + "1" * 32,
    account_sid=ACCOUNT,
    sink_sid=SINK.sid,
    description="d",
    created_ms=3,
    updated_ms=4,
)


class Streams(NamedTuple):
    """A store, and a log that can grow by a number of events."""

    store: StreamStore
    grow: Callable[[int], Awaitable[None]]


def event(number: int) -> Event:
    return Event(
        id=f"VW{number:032x}",
        account_sid=ACCOUNT,
        type=RINGING,
        source="/",
        time="2026-01-01T00:00:00.000Z",
        call_sid="",
        data=b"{}",
    )


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "trunkline.db")
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def log(database: Database) -> SqliteLog:
    clock: Clock = ManualClock()
    log = SqliteLog(database, clock)
    await log.open()
    return log


@pytest.fixture(params=["sqlite", "memory"])
def streams(
    request: pytest.FixtureRequest, database: Database, log: SqliteLog
) -> Streams:
    if request.param == "sqlite":

        async def append(events: int) -> None:
            first = log.head
            await log.append([event(first + n) for n in range(events)])

        return Streams(SqliteStreams(database), append)
    memory = MemoryStreams()

    async def grow(events: int) -> None:
        memory.position += events

    return Streams(memory, grow)


async def save(
    store: StreamStore,
    subscription: Subscription,
    *opened: Choice,
    closed: frozenset[str] = frozenset(),
) -> Subscription:
    """Save a change and return what it makes of the subscription."""
    told: list[int] = []
    position = await store.save_subscription(
        subscription, opened=opened, closed=closed, then=told.append
    )
    assert told == [position]
    return subscriptions.change(
        subscription, opened=opened, closed=closed, position=position
    )


def ignore(_: object) -> None:
    pass


async def test_a_sink_comes_back_as_it_was_saved(streams: Streams) -> None:
    told: list[None] = []
    await streams.store.save_sink(SINK, told.append)
    assert told == [None]
    stored = await streams.store.load()
    assert stored.sinks == [SINK]
    assert list(stored.sinks[0].configuration) == ["destination", "batch_events"]


async def test_a_saved_sink_takes_the_place_of_its_former_self(
    streams: Streams,
) -> None:
    await streams.store.save_sink(SINK, ignore)
    changed = replace(
        SINK, description="new", status=SinkStatus.ACTIVE, test_id=None, updated_ms=9
    )
    await streams.store.save_sink(changed, ignore)
    assert (await streams.store.load()).sinks == [changed]


async def test_a_subscription_comes_back_with_its_types_in_order(
    streams: Streams,
) -> None:
    await streams.grow(3)
    saved = await save(
        streams.store, SUBSCRIPTION, Choice(RINGING, 2), Choice(ANSWERED, 1)
    )
    assert [event.from_position for event in saved.events] == [3, 3]
    stored = await streams.store.load()
    assert stored.subscriptions == [saved]
    assert stored.closed == []


async def test_what_is_closed_counts_up_to_the_newest_event(streams: Streams) -> None:
    saved = await save(streams.store, SUBSCRIPTION, Choice(RINGING, 2))
    await streams.grow(4)
    saved = await save(
        streams.store, saved, Choice(RINGING, 1), closed=frozenset({RINGING})
    )
    stored = await streams.store.load()
    assert stored.subscriptions == [saved]
    (route,) = stored.closed
    assert (route.version, route.from_position, route.until_position) == (2, 0, 4)
    assert (route.account_sid, route.sink_sid) == (ACCOUNT, SINK.sid)
    await streams.grow(2)
    assert await streams.store.delete_subscription(saved.sid, ignore) == 6
    stored = await streams.store.load()
    assert stored.subscriptions == []
    assert [route.until_position for route in stored.closed] == [4, 6]


async def test_what_counted_no_event_is_not_kept(streams: Streams) -> None:
    saved = await save(
        streams.store, SUBSCRIPTION, Choice(RINGING, 2), Choice(ANSWERED, 2)
    )
    await save(streams.store, saved, closed=frozenset({RINGING}))
    await streams.store.delete_subscription(saved.sid, ignore)
    assert (await streams.store.load()).closed == []


async def test_a_deleted_sink_takes_its_closed_types_along(streams: Streams) -> None:
    await streams.store.save_sink(SINK, ignore)
    saved = await save(streams.store, SUBSCRIPTION, Choice(RINGING, 2))
    await streams.grow(1)
    await streams.store.delete_subscription(saved.sid, ignore)
    await streams.store.delete_sink(SINK.sid, ignore)
    stored = await streams.store.load()
    assert (stored.sinks, stored.closed) == ([], [])


async def closed_after_ten_events(database: Database, log: SqliteLog) -> SqliteStreams:
    store = SqliteStreams(database)
    saved = await save(store, SUBSCRIPTION, Choice(RINGING, 2))
    await log.append([event(n) for n in range(10)])
    await store.delete_subscription(saved.sid, ignore)
    return store


async def test_what_is_closed_is_dropped_once_its_events_are_settled(
    database: Database, log: SqliteLog
) -> None:
    store = await closed_after_ten_events(database, log)
    assert len((await store.load()).closed) == 1
    await log.move_bookmarks({SINK.sid: 9})
    assert len((await store.load()).closed) == 1
    await log.move_bookmarks({SINK.sid: 10})
    assert len((await store.load()).closed) == 0


async def test_what_is_closed_stays_while_a_failed_delivery_needs_it(
    database: Database, log: SqliteLog
) -> None:
    store = await closed_after_ten_events(database, log)
    failed = DeliveryException(
        sink_sid=SINK.sid,
        position=5,
        call="CA" + "1" * 32,
        attempt=1,
        due_ms=0,
        deadline_ms=0,
        code=91306,
        detail="",
        http_status=500,
        first_ms=0,
        last_ms=0,
    )
    await log.hold([failed])
    await log.move_bookmarks({SINK.sid: 10})
    assert len((await store.load()).closed) == 1
    letter = DeadLetter(
        sid="DL" + "1" * 32,
        sink_sid=SINK.sid,
        position=5,
        account_sid=ACCOUNT,
        event_id=event(5).id,
        event_type=RINGING,
        call_sid="",
        code=91303,
        reason="",
        attempts=1,
        http_status=500,
        last_answer="",
        first_ms=0,
        last_ms=0,
    )
    await log.bury([letter])
    assert len((await store.load()).closed) == 1
