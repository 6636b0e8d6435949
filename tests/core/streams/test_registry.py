"""Changes of sinks and subscriptions, and what delivery hears of them."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from trunkline.errors import Refused
from trunkline.events.catalogue import EVENT_TYPES, Status, progress_type
from trunkline.events.ids import Ids
from trunkline.streams.directory import NotFound
from trunkline.streams.memory import MemoryStreams
from trunkline.streams.registry import Registry
from trunkline.streams.routing import Route
from trunkline.streams.sinks import Sink, SinkStatus
from trunkline.streams.subscriptions import Wish
from trunkline.testing import ManualClock


ACCOUNT = "AC" + "1" * 32
OTHER = "AC" + "2" * 32
RINGING = progress_type("ringing")
ANSWERED = progress_type("answered")


class Recorder:
    """Plays delivery: writes down what it is told."""

    def __init__(self) -> None:
        self.sinks: dict[str, Sink] = {}
        self.routes: dict[str, Sequence[Route]] = {}
        self.tests: list[tuple[str, str]] = []

    def open_sink(self, sink: Sink) -> None:
        self.sinks[sink.sid] = sink

    def set_routes(self, sink_sid: str, routes: Sequence[Route]) -> None:
        self.routes[sink_sid] = routes

    def close_sink(self, sink_sid: str) -> None:
        del self.sinks[sink_sid]

    async def send_test(self, sink: Sink, test_id: str) -> None:
        self.tests.append((sink.sid, test_id))


class World:
    """A registry with the fake of its store and a recorder for delivery."""

    def __init__(self, store: MemoryStreams | None = None, **options: object) -> None:
        self.clock = ManualClock()
        self.store = store or MemoryStreams()
        self.delivery = Recorder()
        count = iter(range(1, 1_000_000))
        ids = Ids(self.clock.now_ms, lambda n: next(count).to_bytes(n, "big"))
        self.registry = Registry(
            self.store,
            self.delivery,
            self.clock,
            ids,
            self.delivery.send_test,
            **options,  # type: ignore[arg-type]
        )

    async def sink(self, account: str = ACCOUNT) -> Sink:
        return await self.registry.create_sink(
            account,
            description="A sink",
            sink_type="webhook",
            configuration='{"destination":"http://example.org/"}',
        )

    async def subscribe(self, sink: Sink, *wishes: Wish) -> str:
        subscription = await self.registry.create_subscription(
            sink.account_sid, sink.sid, "d", wishes or [Wish(RINGING, None)]
        )
        return subscription.sid

    def counted(self, sink: Sink) -> list[tuple[str, int, int, int | None]]:
        return [
            (route.type, route.version, route.from_position, route.until_position)
            for route in self.delivery.routes[sink.sid]
        ]


async def test_a_subscription_counts_from_where_it_was_made() -> None:
    world = World()
    sink = await world.sink()
    world.store.position = 7
    await world.subscribe(sink)
    assert world.counted(sink) == [(RINGING, 2, 7, None)]


async def test_a_change_of_version_leaves_no_gap() -> None:
    world = World()
    sink = await world.sink()
    sid = await world.subscribe(sink)
    world.store.position = 5
    await world.registry.set_version(ACCOUNT, sid, Wish(RINGING, 1))
    assert world.counted(sink) == [(RINGING, 2, 0, 5), (RINGING, 1, 5, None)]
    await world.registry.set_version(ACCOUNT, sid, Wish(RINGING, 1))
    assert len(world.counted(sink)) == 2
    await world.registry.set_version(ACCOUNT, sid, Wish(RINGING, None))
    assert world.counted(sink) == [(RINGING, 2, 0, 5), (RINGING, 2, 5, None)]


async def test_queued_events_of_a_deleted_subscription_still_count() -> None:
    world = World()
    sink = await world.sink()
    sid = await world.subscribe(sink, Wish(RINGING, 1), Wish(ANSWERED, 2))
    world.store.position = 3
    await world.registry.remove_event(ACCOUNT, sid, ANSWERED)
    world.store.position = 9
    await world.registry.delete_subscription(ACCOUNT, sid)
    assert world.counted(sink) == [(ANSWERED, 2, 0, 3), (RINGING, 1, 0, 9)]
    with pytest.raises(NotFound):
        world.registry.directory.subscription(ACCOUNT, sid)


async def test_a_deleted_sink_is_closed_with_all_its_routes() -> None:
    world = World()
    sink = await world.sink()
    sid = await world.subscribe(sink)
    with pytest.raises(Refused) as refusal:
        await world.registry.delete_sink(ACCOUNT, sink.sid)
    assert refusal.value.code == 91007
    await world.registry.delete_subscription(ACCOUNT, sid)
    await world.registry.delete_sink(ACCOUNT, sink.sid)
    assert world.delivery.sinks == {}
    assert world.counted(sink) == []


async def test_what_is_stored_is_told_to_delivery_at_the_start() -> None:
    world = World()
    sink = await world.sink()
    sid = await world.subscribe(sink)
    world.store.position = 5
    await world.registry.set_version(ACCOUNT, sid, Wish(RINGING, 1))
    again = World(world.store)
    await again.registry.open()
    assert again.delivery.sinks == {sink.sid: sink}
    assert again.counted(sink) == world.counted(sink)
    assert again.registry.directory.subscription(ACCOUNT, sid).events[0].version == 1


async def test_an_existing_type_is_put_without_change() -> None:
    world = World()
    sink = await world.sink()
    sid = await world.subscribe(sink, Wish(RINGING, 1))
    assert await world.registry.put_event(ACCOUNT, sid, Wish(RINGING, None)) is False
    assert world.counted(sink) == [(RINGING, 1, 0, None)]
    assert await world.registry.put_event(ACCOUNT, sid, Wish(ANSWERED, None)) is True
    assert world.counted(sink)[1:] == [(ANSWERED, 2, 0, None)]


async def test_a_restricted_type_still_flows_and_a_discontinued_one_does_not() -> None:
    store = MemoryStreams()
    world = World(store)
    sink = await world.sink()
    sid = await world.subscribe(sink, Wish(RINGING, 2), Wish(ANSWERED, 2))
    later = {
        RINGING: replace(EVENT_TYPES[RINGING], status=Status.RESTRICTED),
        ANSWERED: replace(EVENT_TYPES[ANSWERED], status=Status.DISCONTINUED),
    }
    world = World(store, event_types=later)
    await world.registry.open()
    assert world.counted(sink) == [(RINGING, 2, 0, None)]
    assert len(world.registry.directory.subscription(ACCOUNT, sid).events) == 2
    await world.registry.remove_event(ACCOUNT, sid, RINGING)
    with pytest.raises(Refused, match="is restricted"):
        await world.registry.put_event(ACCOUNT, sid, Wish(RINGING, None))


async def test_a_test_id_is_stored_before_the_test_is_sent() -> None:
    world = World()
    sink = await world.sink()
    await world.registry.test_sink(ACCOUNT, sink.sid)
    ((sid, test_id),) = world.delivery.tests
    stored = (await world.store.load()).sinks[0]
    assert (sid, stored.test_id) == (sink.sid, test_id)
    assert world.delivery.sinks[sid].status is SinkStatus.VALIDATING
    await world.registry.test_failed(sid, "older")
    assert world.delivery.sinks[sid].status is SinkStatus.VALIDATING
    await world.registry.test_failed(sid, test_id)
    assert world.delivery.sinks[sid].status is SinkStatus.ACTIVE
    await world.registry.test_failed("DG" + "0" * 32, test_id)


async def test_accounts_have_their_own_limits_and_objects() -> None:
    world = World()
    sink = await world.sink()
    for _ in range(99):
        await world.sink()
    with pytest.raises(Refused, match=r"^Maximum number of sinks"):
        await world.sink()
    assert (await world.sink(OTHER)).account_sid == OTHER
    with pytest.raises(NotFound):
        world.registry.directory.sink(OTHER, sink.sid)
    with pytest.raises(NotFound):
        await world.registry.delete_sink(OTHER, sink.sid)


async def test_one_subscription_a_sink_if_the_operator_says_so() -> None:
    world = World(one_subscription_per_sink=True)
    sink = await world.sink()
    await world.subscribe(sink)
    with pytest.raises(Refused, match=f"^Sink with SID {sink.sid} is in use$"):
        await world.subscribe(sink)
