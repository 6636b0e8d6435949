"""Delivery on a stage: log, routes, lanes; sinks are doubles of the `Sender` port."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec

from trunkline.delivery.dispatcher import Dispatcher
from trunkline.delivery.means import Means
from trunkline.delivery.ports import Work
from trunkline.delivery.records import Arrival, Attempt
from trunkline.events import catalogue
from trunkline.events.envelope import Event
from trunkline.events.ids import Ids
from trunkline.log.memory import MemoryLog
from trunkline.log.records import DeadLetter
from trunkline.sinks.answer import DELIVERED, Answer, Outcome, Parcel
from trunkline.streams.policy import DeliveryPolicy
from trunkline.streams.routing import Route, Routes
from trunkline.streams.sinks import Sink, SinkStatus
from trunkline.testing import ManualClock


ACCOUNT = "AC" + "1" * 32
SINK = "DG" + "1" * 32
OTHER_SINK = "DG" + "2" * 32
CALL = "CA" + "1" * 32
OTHER_CALL = "CA" + "2" * 32
RINGING = catalogue.progress_type("ringing")
HOUR = 3600
USUAL = DeliveryPolicy(concurrency=4)
ORDERED = DeliveryPolicy(concurrency=4, ordered=True)

DOWN = Answer(outcome=Outcome.RETRY, code=91306, detail="HTTP 500", http_status=500)
GONE = Answer(
    outcome=Outcome.DISCARD,
    code=91305,
    detail="HTTP 404",
    http_status=404,
    excerpt=b"Nobody here",
)


class SinkDouble:
    """Notes what it is sent, and answers as the test says."""

    def __init__(self) -> None:
        self.max_events = 1
        self.max_bytes = 65_536
        self.expired_code = 91303
        self.answer: Callable[[str], Answer] = lambda _: DELIVERED
        self.got: list[str] = []
        self.bodies: list[bytes] = []
        self.calls = 0
        self.under_way = 0
        self.most_under_way = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, parcels: Sequence[Parcel]) -> Sequence[Answer]:
        self.calls += 1
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        self.got += [parcel.event.id for parcel in parcels]
        self.bodies += [parcel.body for parcel in parcels]
        return [self.answer(parcel.event.id) for parcel in parcels]

    async def close(self) -> None:
        pass

    def got_of(self, call: str, among: Sequence[Event]) -> list[str]:
        """What it got of one call, in order."""
        of_call = {event.id for event in among if event.call_sid == call}
        return [id_ for id_ in self.got if id_ in of_call]


class DirectDouble(SinkDouble):
    """The same, as a client that sends at once whatever it is given."""

    def begin(
        self,
        bodies: Sequence[bytes],
        hear: Callable[[Answer | None, Any], None],
        about: object,
    ) -> Work:
        parcels = [Parcel(_event_of(body), body) for body in bodies]
        sending = asyncio.ensure_future(self.send(parcels))

        def tell(ended: asyncio.Future[Sequence[Answer]]) -> None:
            if ended.cancelled():
                return
            # Where it raised, nothing was sent; all share the worst answer.
            answers = [] if ended.exception() else ended.result()
            worst = min(answers, key=lambda a: a == DELIVERED) if answers else None
            hear(worst, about)

        sending.add_done_callback(tell)
        return sending


def _event_of(body: bytes) -> Event:
    """Return an event that has the id of the one in a body."""
    told = msgspec.json.decode(body)
    if told["type"] == catalogue.TEST_EVENT_TYPE:
        number = int(told["data"]["test_id"].removeprefix("test-"))
        return msgspec.structs.replace(event(number), id=f"TE{number:032x}")
    return msgspec.structs.replace(event(0), id=told["id"])


class Stage:
    """Everything from the log down, with sinks that the test plays."""

    def __init__(
        self,
        log: MemoryLog,
        clock: ManualClock,
        tasks: asyncio.TaskGroup,
        queue_limit: int = 0,
        double: type[SinkDouble] = SinkDouble,
    ) -> None:
        self.log = log
        self.clock = clock
        self.tasks = tasks
        self.ids = Ids(clock.now_ms, os.urandom)
        self.letters: list[DeadLetter] = []
        # The id, the number and the decision of each attempt that was told.
        self.told: list[tuple[str, int, str]] = []
        asyncio.get_running_loop().set_exception_handler(self._fail)
        self.faults: list[dict[str, object]] = []
        self.sinks = {SINK: double(), OTHER_SINK: double()}
        means = Means(
            log=log,
            routes=Routes(),
            clock=clock,
            ids=self.ids,
            random=Random(1),
            tasks=tasks,
            schema_host="https://events-schemas.twilio.com",
            observers=[self],
            queue_limit=queue_limit,
        )
        self.dispatcher = Dispatcher(means, lambda sink: self.sinks[sink.sid])
        log.on_append(self.dispatcher.appended)

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        assert all(arrival.deliveries for arrival in arrivals)
        self.told += [
            (each.entry.event.id, each.attempts + 1, "settle")
            for arrival in arrivals
            for each in arrival.deliveries
        ]

    def attempted(self, attempts: Sequence[Attempt]) -> None:
        self.told += [
            (each.event.id, each.number, type(each.decision).__name__.lower())
            for each in attempts
        ]

    def buried(self, letter: DeadLetter) -> None:
        self.letters.append(letter)

    def _fail(self, _loop: object, context: dict[str, object]) -> None:
        self.faults.append(context)

    def open(self, sid: str = SINK, policy: DeliveryPolicy = USUAL) -> SinkDouble:
        self.dispatcher.open_sink(sink(sid, policy))
        return self.sinks[sid]

    def subscribe(self, sid: str = SINK, version: int = 2, after: int = 0) -> None:
        self.dispatcher.set_routes(sid, [route(sid, version, after)])

    async def settled(self) -> None:
        """Wait until nothing is under way; time stands still meanwhile."""
        for _ in range(20_000):
            await asyncio.sleep(0)
            if self.dispatcher.idle:
                return
        raise AssertionError("not settled")

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            await breathe()


@asynccontextmanager
async def staged(
    log: MemoryLog,
    clock: ManualClock,
    queue_limit: int = 0,
    double: type[SinkDouble] = SinkDouble,
) -> AsyncIterator[Stage]:
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(log, clock, tasks, queue_limit, double)
        yield stage
        await stage.dispatcher.stop(0)
        assert stage.faults == []


def sink(sid: str, policy: DeliveryPolicy = USUAL) -> Sink:
    return Sink(
        sid=sid,
        account_sid=ACCOUNT,
        description="test",
        sink_type=catalogue.SinkType.WEBHOOK,
        configuration={"destination": "http://127.0.0.1/"},
        status=SinkStatus.ACTIVE,
        live=True,
        created_ms=0,
        updated_ms=0,
        policy=policy,
    )


def route(
    sid: str, version: int = 2, after: int = 0, until: int | None = None
) -> Route:
    return Route(
        account_sid=ACCOUNT,
        type=RINGING,
        sink_sid=sid,
        version=version,
        from_position=after,
        until_position=until,
    )


def event(number: int, call: str = CALL) -> Event:
    return Event(
        id=f"VW{number:032x}",
        account_sid=ACCOUNT,
        type=RINGING,
        source="/source",
        time="2026-01-01T00:00:00.000Z",
        call_sid=call,
        data=b"{}",
    )


def ids(numbers: Sequence[int]) -> list[str]:
    return [event(number).id for number in numbers]


async def breathe() -> None:
    for _ in range(50):
        await asyncio.sleep(0)
