"""A short life with a bit of everything, for a disk that fails at a chosen place.

It runs in the simulation's world: two sinks, one of them flaky, posts that are held and
joined, calls with callbacks, a retry, a dead letter, checkpoints.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tiers.simulation.loop import VirtualLoop
from tiers.simulation.network import OK, Receiver
from tiers.simulation.world import ACCOUNT_SID, World

from trunkline.database import groups


TYPES = 9
POSTS = 24
CALLS = 5
CALLBACK_PORT = 9100
SINK_PORTS = {"steady": 9001, "flaky": 9002}

# So few that a short life has some checkpoints.
CHANGES_BETWEEN_CHECKPOINTS = 120

SHARED_MEMORY = Path("/dev/shm")


@dataclass(slots=True)
class Outside:
    """What the world outside has seen; it outlives any crash."""

    posts: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    arrivals: dict[str, set[str]] = field(default_factory=dict)
    callbacks: list[tuple[str, int]] = field(default_factory=list)


@contextmanager
def world_in(folder: Path, seed: int) -> Iterator[World]:
    """A world of its own loop, with receivers; checkpoints come often."""
    before = groups.TIDY_CHANGES
    groups.TIDY_CHANGES = CHANGES_BETWEEN_CHECKPOINTS
    loop = VirtualLoop(Random(f"loop {seed}"))
    world = World(loop, seed, folder)
    for name, port in {**SINK_PORTS, "callbacks": CALLBACK_PORT}.items():
        troubles = [(0.0, "lossy"), (12.0, OK)] if name == "flaky" else [(0.0, OK)]
        world.network.receivers[port] = Receiver(name, Random(port), troubles)
    world.network.receivers[SINK_PORTS["flaky"]].poisonous = True
    try:
        yield world
    finally:
        groups.TIDY_CHANGES = before
        loop.close()


@contextmanager
def workshop() -> Iterator[Path]:
    """A folder in memory."""
    base = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="trunkline-crash-", dir=base) as folder:
        yield Path(folder)


def run(world: World, work: Callable[[], Any]) -> Any:
    """Run a coroutine function in a world to its end."""

    async def main() -> Any:
        task = asyncio.current_task()
        assert task is not None
        world.keep(task)
        return await work()

    return world.loop.run_until_complete(world.loop.create_task(main(), name="main"))


async def subscribe(world: World) -> None:
    """Make the sinks."""
    _, types = await world.get("/v1/Types?PageSize=100")
    wanted = [json.dumps({"type": row["type"]}) for row in types["types"]]
    for name, port in SINK_PORTS.items():
        _, sink = await world.form(
            "/v1/Sinks",
            Description=name,
            SinkType="webhook",
            SinkConfiguration=json.dumps({"destination": f"http://127.0.0.1:{port}/"}),
        )
        status, made = await world.form(
            "/v1/Subscriptions", Description=name, SinkSid=sink["sid"], Types=wanted
        )
        assert status == 201, made


async def load(world: World, outside: Outside) -> None:
    """Post and call; whatever is answered well is written down."""
    random = Random(1)

    async def post(number: int) -> None:
        await asyncio.sleep(random.uniform(0, 4))
        call, temporary = (
            f"CA{number % 4:032x}",
            f"TJS{number % 4:08x}-0000-4000-8000-000000000000",
        )
        kinds = (
            {"call_sid": call},
            {"temp_call_sid": temporary},
            {"call_sid": call, "temp_call_sid": temporary},
        )
        event = {
            "group": "connection",
            "name": f"event-{number}",
            "level": "INFO",
            "payload": {"sdk_version": "2.18.5", **kinds[number % 3]},
            "timestamp": "2026-03-01T00:00:00.000Z",
        }
        if await world.post_sdk_event(event) == 200:
            outside.posts.add(f"event-{number}")

    async def call(number: int) -> None:
        await asyncio.sleep(random.uniform(0, 4))
        status, made = await world.form(
            f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json",
            To="+14155550100" if number else "+14155550001",
            From="+14155550199",
            Twiml="<Response/>",
            StatusCallback=f"http://127.0.0.1:{CALLBACK_PORT}/callback",
            StatusCallbackEvent=["initiated", "ringing", "answered", "completed"],
        )
        if status == 201:
            outside.calls.add(made["sid"])

    tasks = [world.loop.create_task(post(number)) for number in range(POSTS)]
    tasks += [world.loop.create_task(call(number)) for number in range(CALLS)]
    await asyncio.gather(*tasks, return_exceptions=True)


def seen(world: World, outside: Outside) -> Outside:
    """Return what was seen by now, before and in this world."""
    receivers = world.network.receivers
    return Outside(
        set(outside.posts),
        set(outside.calls),
        {
            name: outside.arrivals.get(name, set())
            | {arrival.event for arrival in receivers[port].arrivals if arrival.taken}
            for name, port in SINK_PORTS.items()
        },
        outside.callbacks
        + [
            (callback["CallSid"], int(callback["SequenceNumber"]))
            for callback in receivers[CALLBACK_PORT].callbacks
        ],
    )
