"""The systematic sweep: stop at every write, sync and commit, and fail at each.

`cuts` records one life, sync by sync. Every frame that went to the write-ahead log is
then taken as the last one that reached the disk, whole or torn, and every checkpoint as
broken off on any page; what such a cut leaves is looked at, and a server is started on it.

`failures` lives the life again and again; each time another commit or sync fails.
"""

import asyncio
import errno
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tiers.crash import law, scenario
from tiers.crash.scenario import Outside
from tiers.simulation.disk import WAL_HEADER, SimulatedDisk, frame_bytes
from tiers.simulation.world import World

from trunkline.database import DATABASE_FILE


# What a disk writes whole.
SECTOR = 512

# Virtual seconds in which all is delivered: the flaky sink is well by then, held posts
# are released after 60, and two failed attempts wait for a few seconds.
LONG_ENOUGH = 90


@dataclass(frozen=True, slots=True)
class Write:
    """What one sync brought to the disk, and what had been promised before it."""

    database: bytes
    log: bytes
    synced: int
    outside: Outside


@dataclass(frozen=True, slots=True)
class Cut:
    """What a crash at one place leaves on the disk."""

    place: str
    database: bytes
    log: bytes
    outside: Outside
    start: bool


def record(seed: int) -> list[Write]:
    """Live once, and return every sync of that life."""
    writes: list[Write] = []
    outside = Outside()
    with scenario.workshop() as folder, scenario.world_in(folder, seed) as world:

        def on_sync(disk: SimulatedDisk, synced: int, end: int) -> None:
            log = (disk.folder / f"{DATABASE_FILE}-wal").read_bytes()[:end]
            database = (disk.folder / DATABASE_FILE).read_bytes()
            if writes and writes[-1].database == database:
                database = writes[-1].database
            writes.append(Write(database, log, synced, scenario.seen(world, outside)))

        async def live() -> None:
            await world.start()
            await scenario.subscribe(world)
            world.disk.on_sync = on_sync
            await scenario.load(world, outside)
            await asyncio.sleep(LONG_ENOUGH)
            await world.stop()

        scenario.run(world, live)
        assert not world.faults, world.faults
        lost, _ = law.delivered(world.disk.folder, scenario.seen(world, outside))
        assert not lost, lost
        assert len(outside.posts) == scenario.POSTS
        assert len(outside.calls) == scenario.CALLS
    return writes


def cuts(writes: list[Write], random: Random) -> Iterator[Cut]:
    """Return every place at which the recorded life can be cut."""
    for number, write in enumerate(writes):
        frame = frame_bytes(write.log)
        at = max(write.synced, WAL_HEADER)
        while at <= len(write.log):
            whole = write.log[:at]
            # The worst of them: all since the last sync is gone.
            start = at == write.synced
            place = f"sync {number}, byte {at}"
            yield Cut(place, write.database, whole, write.outside, start)
            torn = bytearray(write.log[: at + random.randrange(1, frame)])
            torn[-1] ^= 0x5A
            if at < len(write.log):
                place = f"sync {number}, torn after byte {at}"
                yield Cut(place, write.database, bytes(torn), write.outside, False)
            at += frame
        following = writes[number + 1] if number + 1 < len(writes) else write
        if following.database is not write.database:
            mixed = _half_checkpointed(write.database, following.database, random)
            place = f"the checkpoint after sync {number}"
            yield Cut(place, mixed, write.log, write.outside, True)


def _half_checkpointed(before: bytes, after: bytes, random: Random) -> bytes:
    """Return a database of which some pages were carried over, one of them in part."""
    mixed = bytearray(after[: max(len(before), random.randint(0, len(after)))])
    page = page_bytes(before)
    for at in range(0, len(before), page):
        if random.random() < 0.5:
            mixed[at : at + page] = before[at : at + page]
    torn = random.randrange(0, max(len(before) - page, 1), SECTOR)
    mixed[torn : torn + SECTOR] = before[torn : torn + SECTOR]
    return bytes(mixed)


def page_bytes(database: bytes | bytearray) -> int:
    """Return how long a page of a database is (SQLite's file format 1.3)."""
    size = int.from_bytes(database[16:18], "big")
    return 65_536 if size == 1 else size


def check(cut: Cut, seed: int, *, start: bool) -> tuple[list[str], int]:
    """Return what is wrong with what a cut leaves, and how many repeats it costs."""
    with scenario.workshop() as folder, scenario.world_in(folder, seed) as world:
        _lay_out(cut, world.disk.folder)
        if not start:
            return law.kept(world.disk.folder, cut.outside), 0
        return _start_on(world, cut.outside)


def _lay_out(cut: Cut, folder: Path) -> None:
    (folder / DATABASE_FILE).write_bytes(cut.database)
    (folder / f"{DATABASE_FILE}-wal").write_bytes(cut.log)


def _start_on(world: World, outside: Outside) -> tuple[list[str], int]:
    async def live() -> None:
        await world.start()
        await asyncio.sleep(LONG_ENOUGH)
        await world.stop()

    scenario.run(world, live)
    lost, repeats = law.delivered(world.disk.folder, scenario.seen(world, outside))
    return world.faults + lost, repeats


def fail_at(kind: str, number: int, seed: int) -> tuple[list[str], bool]:
    """Live once while the `number`-th commit or sync fails.

    Returns what was lost, and whether the life was long enough for that to happen.
    After a sync that failed the server is started again, as its operator would.
    """
    outside = Outside()
    done: Counter[str] = Counter()
    with scenario.workshop() as folder, scenario.world_in(folder, seed) as world:

        def on_commit() -> None:
            done["commit"] += 1
            if kind == "commit" and done["commit"] == number:
                raise sqlite3.OperationalError("database or disk is full")

        def on_sync(disk: SimulatedDisk, synced: int, end: int) -> None:
            done["sync"] += 1
            if kind == "sync" and done["sync"] == number:
                raise OSError(errno.EIO, "Input/output error")

        async def live() -> None:
            await world.start()
            await scenario.subscribe(world)
            world.disk.on_sync = on_sync
            world.disk.on_commit = on_commit
            await scenario.load(world, outside)
            if kind == "sync":
                await world.crash(power=True)
                await world.start()
            await asyncio.sleep(LONG_ENOUGH)
            await world.stop()

        scenario.run(world, live)
        lost, _ = law.delivered(world.disk.folder, scenario.seen(world, outside))
        return world.faults + lost, done[kind] >= number
