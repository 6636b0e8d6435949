"""What happens to a server in some days of its life, as a seed decides it."""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from random import Random
from typing import Any
from uuid import UUID

from tiers.simulation.ledger import SINKS, STRICT, Ledger
from tiers.simulation.network import MODES, OK, Receiver
from tiers.simulation.world import ACCOUNT_SID, World

from trunkline.database import DATABASE_FILE
from trunkline.delivery import lane, replays, retries
from trunkline.events.times import iso_ms


RINGING = "com.twilio.voice.status-callback.call.ringing"
ENDINGS = ("0100", "0001", "0002", "0003", "0004")
CALLBACKS = 9100
PROGRESS = ("initiated", "ringing", "answered", "completed")

# What a sink may have in memory: its queue, a page read while catching up, a page of
# retries, and the room of a replay with a page.
MOST_IN_MEMORY = lane.QUEUE_LIMIT + lane.READ_LIMIT + retries.PAGE + replays.ROOM + 100


class Life:
    """Makes it happen. `hours` is how long the troubles last."""

    def __init__(self, world: World, hours: float) -> None:
        self.world = world
        self.hours = hours
        self.random = Random(world.random.random())
        self.ledger = Ledger()
        self.sinks: dict[str, str] = {}  # name -> SID
        self.receivers: dict[str, Receiver] = {}
        self.subscription: str | None = None
        self._number = 0
        self._calls: list[str] = []
        self._clients: set[asyncio.Task[None]] = set()

    # --- from beginning to end ---------------------------------------------------------

    async def run(self) -> None:
        """Set it all up, let it happen, and let the dust settle."""
        await self._set_up()
        loop, random = self.world.loop, self.random
        end = loop.time() + self.hours * 3600
        ways: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (25, self._posts),
            (60, self._call),
            (1200, self._post_burst),
            (9000, self._big_burst),
            (2000, self._crash),
            (5000, self._restart),
            (4000, self._fill_disk),
            (15000, self._fail_sync),
            (6000, self._jump),
            (3000, self._replay),
            (4000, self._redeliver),
            (1500, self._change_subscription),
        ]
        due = [loop.time() + random.expovariate(1 / every) for every, _ in ways]
        while min(due) < end:
            which = due.index(min(due))
            await asyncio.sleep(max(0.0, due[which] - loop.time()))
            every, happen = ways[which]
            await happen()
            due[which] = loop.time() + random.expovariate(1 / every)
        await self._settle()

    async def _set_up(self) -> None:
        world, random = self.world, self.random
        await world.start()
        status, types = await world.get("/v1/Types?PageSize=100")
        assert status == 200, types
        wanted = [json.dumps({"type": row["type"]}) for row in types["types"]]
        for index, (name, _, batched) in enumerate((*SINKS, ("changing", {}, False))):
            port = 9001 + index
            receiver = Receiver(name, Random(random.random()), self._troubles(index))
            receiver.poisonous = name in {"batched", "stubborn"}
            self.receivers[name] = world.network.receivers[port] = receiver
            destination: dict[str, Any] = {"destination": f"http://127.0.0.1:{port}/"}
            if batched:
                destination["batch_events"] = True
            status, sink = await world.form(
                "/v1/Sinks",
                Description=name,
                SinkType="webhook",
                SinkConfiguration=json.dumps(destination),
            )
            assert status == 201, sink
            self.sinks[name] = sink["sid"]
            self.ledger.again[sink["sid"]] = []
            if name != "changing":
                status, made = await world.form(
                    "/v1/Subscriptions",
                    Description=name,
                    SinkSid=sink["sid"],
                    Types=wanted,
                )
                assert status == 201, made
        callbacks = Receiver("callbacks", Random(random.random()), self._troubles(1))
        self.receivers["callbacks"] = world.network.receivers[CALLBACKS] = callbacks
        await world.stop()
        self._set_policies()
        await world.start()

    def _set_policies(self) -> None:
        database = self.world.disk.folder / DATABASE_FILE
        with closing(sqlite3.connect(database)) as connection:
            for name, policy, _ in SINKS:
                connection.execute(
                    "UPDATE sink SET policy = json_patch(policy, ?) WHERE sid = ?",
                    (json.dumps(policy), self.sinks[name]),
                )
            connection.commit()

    def _troubles(self, index: int) -> list[tuple[float, str]]:
        """Return the ways of a receiver: the first hardly has any troubles."""
        random, at, schedule = self.random, 0.0, [(0.0, OK)]
        while at < self.hours * 3600:
            at += random.expovariate(1 / (8 * 3600 if index == 0 else 2400))
            schedule.append((at, random.choice(MODES[1:])))
            # Mostly minutes, now and then longer than a retry window.
            at += random.choice((60, 300, 900, 1800, 1800, 5 * 3600))
            schedule.append((at, OK))
        heal = self.hours * 3600
        return [*(turn for turn in schedule if turn[0] < heal), (heal, OK)]

    async def _settle(self) -> None:
        """Have all go well, and wait until nothing is owed any more."""
        world = self.world
        world.disk.full = False
        for receiver in self.receivers.values():
            receiver.schedule.append((world.loop.time(), OK))
        back = sum(-ms for _, ms in world.clock.jumps if ms < 0) / 1000
        deadline = world.loop.time() + 6 * 3600 + back
        while await self._owed():
            if world.loop.time() > deadline:
                world.faults.append(f"never settled: {await self._owed()}")
                break
            await asyncio.sleep(60)
        for task in list(self._clients):
            await task
        await world.stop()

    async def _owed(self) -> str:
        """Say what is still owed, as the database and the API tell it."""
        database = self.world.disk.folder / DATABASE_FILE
        with closing(sqlite3.connect(database)) as connection:
            owed = {
                "exceptions": "SELECT count(*) FROM exception",
                "callbacks": "SELECT count(*) FROM callback",
                "calls": "SELECT count(*) FROM call WHERE over = 0",
                "held": "SELECT count(*) FROM held_event",
                # 10,000: an idle sink's bookmark is stored late.
                "behind": "SELECT count(*) FROM bookmark WHERE position < (SELECT "
                "max(position) FROM event) AND sink_sid IN (SELECT sink_sid FROM "
                "subscribed_type WHERE until_position IS NULL) AND sink_sid <> ?",
            }
            counts = {
                what: connection.execute(
                    sql, (self.sinks["changing"],) if "?" in sql else ()
                ).fetchone()[0]
                for what, sql in owed.items()
            }
        _, listed = await self.world.get("/trunkline/v1/Replays?PageSize=100")
        counts["replays"] = sum(
            replay["status"] not in {"completed", "failed", "cancelled"}
            for replay in (listed or {"replays": []})["replays"]
        )
        return ", ".join(f"{what} {n}" for what, n in counts.items() if n)

    # --- what users do -----------------------------------------------------------------

    def _go(self, work: Awaitable[None]) -> None:
        async def client() -> None:
            await work

        task = self.world.loop.create_task(client())
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    def _call_sid(self) -> str:
        if not self._calls or self.random.random() < 0.3:
            self._calls = [f"CA{self.random.randbytes(16).hex()}", *self._calls[:5]]
        return self.random.choice(self._calls)

    async def _post(self, call: str | None, temporary: str | None) -> None:
        """Post an event; now and then twice, for want of an answer."""
        self._number += 1
        name = f"event-{self._number}"
        payload = {"sdk_version": "2.18.5"}
        payload |= {"call_sid": call} if call else {}
        payload |= {"temp_call_sid": temporary} if temporary else {}
        event = {
            "group": "connection",
            "name": name,
            "level": "INFO",
            "payload": payload,
            "timestamp": "2026-03-01T00:00:00.000Z",
        }
        delivery = str(UUID(bytes=self.random.randbytes(16), version=4))
        for _ in range(2 if self.random.random() < 0.1 else 1):
            if await self.world.post_sdk_event(event, delivery) == 200:
                self.ledger.posts.add(name)
            else:
                self.ledger.refused += 1

    async def _hang_up(self, call: str | None, temporary: str) -> None:
        """Post the last event of a browser's call: it ends the wait of others."""
        payload = {"temp_call_sid": temporary} | ({"call_sid": call} if call else {})
        event = {
            "group": "connection",
            "name": "disconnected-by-local",
            "level": "INFO",
            "payload": payload,
            "timestamp": "2026-03-01T00:00:00.000Z",
        }
        await self.world.post_sdk_event(event)

    async def _posts(self) -> None:
        """A browser's call: first under its own id, then with its SID."""
        random = self.random
        if random.random() < 0.6:
            self._go(self._post(self._call_sid(), None))
            return
        temporary = f"TJS{UUID(bytes=random.randbytes(16), version=4)}"
        call = self._call_sid() if random.random() < 0.8 else None

        async def browser() -> None:
            for _ in range(random.randint(1, 4)):
                await self._post(None, temporary)
                await asyncio.sleep(random.uniform(0, 2))
            if call is not None:
                await self._post(call, temporary)
                await self._post(call, temporary)
            await self._hang_up(call, temporary)

        self._go(browser())

    async def _post_burst(self) -> None:
        for _ in range(self.random.randint(20, 100)):
            self._go(self._post(self._call_sid(), None))

    async def _big_burst(self) -> None:
        """More than any queue takes."""
        for _ in range(3):
            for _ in range(500):
                self._go(self._post(self._call_sid(), None))
            await asyncio.sleep(self.random.uniform(0, 0.5))
            self._look_at_memory()

    async def _call(self) -> None:
        random = self.random

        async def call() -> None:
            status, made = await self.world.form(
                f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json",
                To=f"+1415555{random.choice(ENDINGS)}",
                From="+14155550199",
                Twiml="<Response/>",
                StatusCallback=f"http://127.0.0.1:{CALLBACKS}/callback",
                StatusCallbackEvent=PROGRESS,
            )
            if status == 201:
                self.ledger.calls.add(made["sid"])
            else:
                self.ledger.refused += 1

        self._go(call())

    async def _replay(self) -> None:
        sid = self.random.choice(self._lenient)
        since = iso_ms(self.world.clock.now_ms() - 1_800_000)
        path = "/trunkline/v1/Replays"
        if (await self._again(sid, path, From=since))[0] == 201:
            self.ledger.replays += 1

    async def _redeliver(self) -> None:
        sid = self.random.choice(self._lenient)
        await self._again(sid, "/trunkline/v1/DeadLetters/Redeliver")

    @property
    def _lenient(self) -> list[str]:
        return [sid for name, sid in self.sinks.items() if name not in STRICT]

    async def _again(self, sid: str, path: str, **fields: str) -> tuple[int, Any]:
        again = self.ledger.again[sid]
        again.append((self.world.loop.time(), self.world.clock.now_ms()))
        answer: list[tuple[int, Any]] = []

        async def ask() -> None:
            answer.append(await self.world.form(path, SinkSid=sid, **fields))

        task = self.world.loop.create_task(ask())
        await asyncio.wait([task])
        again.append((self.world.loop.time(), self.world.clock.now_ms()))
        return answer[0] if answer else (0, None)

    async def _change_subscription(self) -> None:
        """The changing sink is subscribed, or not any more."""
        self.ledger.changes += 1
        if self.subscription is None:
            status, made = await self.world.form(
                "/v1/Subscriptions",
                Description="changing",
                SinkSid=self.sinks["changing"],
                Types=json.dumps({"type": RINGING}),
            )
            if status == 201:
                self.subscription = made["sid"]
        else:
            status, _ = await self.world.delete(
                f"/v1/Subscriptions/{self.subscription}"
            )
            if status == 204:
                self.subscription = None

    def _look_at_memory(self) -> None:
        """See that no lane holds more than it may, whatever is owed."""
        for each in self.world.lanes():
            held = each._settlement.owed + each._retries.open + len(each._replayed)
            if held > MOST_IN_MEMORY:
                self.world.faults.append(f"{each.sink_sid} has {held} in memory")
            self.ledger.most_in_memory = max(self.ledger.most_in_memory, held)

    # --- what goes wrong ---------------------------------------------------------------

    async def _crash(self) -> None:
        power = self.random.random() < 0.5
        self._look_at_memory()
        self.ledger.power_cuts += power
        self.ledger.kills += not power
        if self.random.random() < 0.7:  # while it is busy
            await self._post_burst()
            await self._call()
            await asyncio.sleep(self.random.uniform(0, 0.05))
        await self.world.crash(power=power)
        await self._away()

    async def _restart(self) -> None:
        self.ledger.stops += 1
        await self.world.stop()
        await self._away()

    async def _away(self) -> None:
        await asyncio.sleep(self.random.choice((0.1, 1, 30, 600)))
        await self.world.start()

    async def _fill_disk(self) -> None:
        self.ledger.disk_faults += 1
        self.world.disk.full = True
        for _ in range(5):
            await self._posts()
            await self._call()
            await asyncio.sleep(self.random.choice((0.01, 2, 60)))
        self.world.disk.full = False

    async def _fail_sync(self) -> None:
        """After a sync that failed nothing is accepted until the operator restarts."""
        self.ledger.disk_faults += 1
        self.world.disk.failing = True
        await self._post_burst()
        await asyncio.sleep(self.random.choice((0.01, 2, 60)))
        await self.world.crash(power=True)
        await self._away()

    async def _jump(self) -> None:
        self.ledger.jumps += 1
        self.world.clock.jump(self.random.choice((-3600, -60, -2, 2, 60, 3600)))
