"""Calls as they run: a real database, real HTTP, a clock turned by hand."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from trunkline.accounts import Account
from trunkline.api.forms import Form
from trunkline.capture.calls.attendant import Attendant
from trunkline.capture.calls.call import Call
from trunkline.capture.calls.call_event import CallEvent
from trunkline.capture.calls.exchange import Means
from trunkline.capture.calls.progress import EndedBy, Report
from trunkline.capture.calls.sender import Sender
from trunkline.capture.calls.simulator import Simulator
from trunkline.capture.calls.switchboard import Policy, Step, Switchboard
from trunkline.capture.calls.turns import Turns
from trunkline.database.file import Database
from trunkline.events.ids import Ids
from trunkline.intake import Intake
from trunkline.log.records import Entry
from trunkline.log.sqlite import SqliteLog
from trunkline.outgoing.client import Client
from trunkline.storage.calls import CallStore
from trunkline.testing import ManualClock


ACCOUNT = Account(
    sid="AC4c1e9a7b02d84f5e8b6a1d3f90c7e258",
    auth_token="0123456789abcdef0123456789abcdef",
)
NETWORKS = (ip_network("127.0.0.0/8"),)

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Received:
    """A request as the callback server got it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class CallbackServer:
    """A customer's server. `answer` returns the raw answer; None says nothing, ever."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.answer: Callable[[Received], bytes | None] = lambda _request: OK
        self.under_way = 0
        self.most_under_way = 0
        self.url = ""
        self._news = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def received(self, count: int) -> list[Received]:
        """Wait for that many requests."""
        async with self._news, asyncio.timeout(10):
            await self._news.wait_for(lambda: len(self.requests) >= count)
        return self.requests

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.add(writer)
        try:
            while (request := await _read(reader)) is not None:
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
                async with self._news:
                    self.requests.append(request)
                    self._news.notify_all()
                answer = self.answer(request)
                if answer is None:
                    await reader.read()
                    break
                # In the meantime others may come: whoever does not wait is seen.
                await asyncio.sleep(0)
                self.under_way -= 1
                writer.write(answer)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, target, headers, body)


@dataclass(slots=True)
class World:
    """Everything that calls need, running."""

    clock: ManualClock
    store: CallStore
    log: SqliteLog
    sender: Sender
    switchboard: Switchboard
    client: Client
    busy: int = 0
    entries: list[Entry] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def call(self, *events: str, dial: bool = True, **fields: str) -> Call:
        """Create a call over REST, and dial it."""
        pairs = {"To": "+14155550142", "From": "+12025550123", "Twiml": "<Response/>"}
        form = Form(
            [
                *(pairs | fields).items(),
                *(("StatusCallbackEvent", event) for event in events),
            ]
        )
        call = await self.switchboard.create(
            ACCOUNT.sid,
            form,
            lambda _call: CallEvent(method="POST", url="/Calls.json", parameters=()),
        )
        if dial:
            await self.switchboard.dial(call)
        return call

    async def accepted(self, count: int) -> list[Entry]:
        """Wait for that many events in the log."""
        async with asyncio.timeout(10):
            while len(self.entries) < count:
                await self.news.wait()
        return self.entries

    async def until(self, call: Call, status: str) -> Call:
        """Wait for a call's status."""
        async with asyncio.timeout(10):
            while True:
                news = self.news
                found = await self.store.call(call.sid)
                if found is not None and found.status == status:
                    return found
                await news.wait()

    async def report(self, reports: Sequence[Report]) -> None:
        """Report to the switchboard, and wake who waits for what comes of it."""
        self.busy += 1
        await self.switchboard.report(reports)
        self.busy -= 1
        self.wake()

    def step(self, report: Report) -> Step:
        """Return what a report does to its call."""
        return self.switchboard.step(report)

    async def change(
        self, steps: Sequence[tuple[str, Step]]
    ) -> list[tuple[Call, Call] | None]:
        """Take steps at the switchboard, and wake who waits for what comes of it."""
        self.busy += 1
        changes = await self.switchboard.change(steps)
        self.busy -= 1
        self.wake()
        return changes

    async def dial(self, call: Call) -> None:
        """Have a leg dialled."""
        await self.switchboard.dial(call)

    async def end(self, call_sid: str, ended_by: EndedBy) -> Call | None:
        """End a live call, and wake who waits for that."""
        call = await self.switchboard.end(call_sid, ended_by)
        self.wake()
        return call

    def appended(self, entries: Sequence[Entry]) -> None:
        """Hear of the log's new entries."""
        self.entries.extend(entries)
        self.wake()

    async def settled(self) -> None:
        """Wait until nothing goes on any more without the clock."""
        quiet = 0
        while quiet < 5:  # one after another, each behind all writes that wait
            await self.store._database.write(lambda _: None)
            await self.store.live("", 1)
            at_rest = not self.busy and not self.client._under_way
            quiet = quiet + 1 if at_rest else 0

    async def passing(self, call: Call, status: str, step: float = 0.5) -> Call:
        """Let time pass, step by step, until a call has that status."""
        found = call
        for _ in range(200):
            await self.settled()
            found = await self.store.call(call.sid) or call
            if found.status == status:
                return found
            self.clock.advance(step)
        raise AssertionError(f"{call.sid} is {found.status}")

    def wake(self) -> None:
        """Wake everyone who waits."""
        self.news.set()
        self.news = asyncio.Event()

    async def events_of(self, call: Call) -> list[CallEvent]:
        """Return the call events, after the request that created the call."""
        return (await self.store.events(call.sid, offset=0, limit=100))[1:]


Running = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def running(tmp_path: Path) -> Running:
    """Start the world on the test's folder; leaving it is as good as a crash."""

    @asynccontextmanager
    async def start(
        *,
        clock: ManualClock | None = None,
        pace_ms: int = 0,
        seed: int | None = None,
        **policy: Any,
    ) -> AsyncIterator[World]:
        clock = clock or ManualClock(1_789_378_200_000)
        ids = Ids(clock.now_ms, os.urandom)
        database = Database(tmp_path / "trunkline.db")
        await database.open()
        log = SqliteLog(database, clock)
        await log.open()
        store = CallStore(database)
        client = Client(NETWORKS)
        means = Means(
            http=client, clock=clock, auth_token={ACCOUNT.sid: ACCOUNT.auth_token}.get
        )
        sender = Sender(queue=store, intake=Intake(log), means=means)
        switchboard = Switchboard(
            calls=store,
            enqueue=sender.enqueue,
            clock=clock,
            ids=ids,
            policy=Policy(networks=NETWORKS, **policy),
        )
        world = World(clock, store, log, sender, switchboard, client)
        simulator = Simulator(
            report=world.report, clock=clock, pace_ms=pace_ms, seed=seed
        )
        attendant = Attendant(
            board=world,
            calls=store,
            means=means,
            ids=ids,
            networks=NETWORKS,
            pace_ms=pace_ms,
            turns=Turns(100, 20),
        )
        switchboard.connect(simulator, attendant)
        log.on_append(world.appended)
        await sender.load()
        await switchboard.resume()
        async with asyncio.TaskGroup() as tasks:
            parts = [
                tasks.create_task(part.run())
                for part in (sender, switchboard, simulator, attendant)
            ]
            try:
                yield world
            finally:
                for part in parts:
                    part.cancel()
        await client.close()
        await database.close()

    return start


@pytest.fixture
async def other_server() -> AsyncIterator[CallbackServer]:
    server = CallbackServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def server() -> AsyncIterator[CallbackServer]:
    server = CallbackServer()
    await server.start()
    yield server
    await server.stop()
