"""Group commit: one transaction, one sync, one order; what failed is nobody's 2xx."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from trunkline.database.groups import TIDY_CHANGES, GroupCommit
from trunkline.database.kernel_sync import Told
from trunkline.errors import StorageFailed


class Disk:
    """A disk that the test fills, holds up and breaks."""

    def __init__(self) -> None:
        self.syncs = 0
        self.tidied = 0
        self.error: OSError | None = None
        self.open = threading.Event()
        self.open.set()

    def sync(self) -> None:
        self.open.wait(10)
        self.syncs += 1
        if self.error is not None:
            raise self.error

    def begin_sync(self, told: Told) -> None:
        """Sync as a kernel does: elsewhere, and the loop is told."""
        loop = asyncio.get_running_loop()

        def sync() -> None:
            error: OSError | None = None
            try:
                self.sync()
            except OSError as raised:
                error = raised
            loop.call_soon_threadsafe(told, error)

        threading.Thread(target=sync).start()

    def fill(self) -> None:
        assert self.open.is_set()

    def tidy(self) -> None:
        self.tidied += 1


class Insert:
    """A job that adds a row, or fails."""

    can_fail = True
    writers = 1

    def __init__(self, value: int, error: Exception | None = None) -> None:
        self.value = value
        self.error = error
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.ended: Callable[[int], None] = lambda _: None

    def run(self, connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO row VALUES (?)", (self.value,))
        if self.error is not None:
            raise self.error

    def finish(self, error: BaseException | None) -> None:
        self.ended(self.value)
        if error is None:
            self.done.set_result(self.value)
        else:
            self.done.set_exception(error)


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        tmp_path / "x.db", isolation_level=None, check_same_thread=False
    )
    connection.execute("CREATE TABLE row (value INTEGER)")
    return connection


@pytest.fixture
def disk() -> Disk:
    return Disk()


def has_no_room(_told: Told) -> None:
    raise OSError(11, "Resource temporarily unavailable")


@pytest.fixture(params=["thread", "kernel", "kernel without room"])
async def commits(
    connection: sqlite3.Connection, disk: Disk, request: pytest.FixtureRequest
) -> AsyncIterator[GroupCommit]:
    ways = {"kernel": disk.begin_sync, "kernel without room": has_no_room}
    commits = GroupCommit(
        connection,
        sync=disk.sync,
        fill=disk.fill,
        checkpoint=disk.tidy,
        begin_sync=ways.get(request.param),
    )
    yield commits
    await commits.close()
    connection.close()


def rows(connection: sqlite3.Connection) -> list[int]:
    return [value for (value,) in connection.execute("SELECT value FROM row")]


async def test_nobody_is_told_before_the_sync(commits: GroupCommit, disk: Disk) -> None:
    disk.open.clear()
    job = Insert(1)
    commits.submit(job)
    await asyncio.sleep(0.02)
    assert not job.done.done()

    disk.open.set()

    assert await job.done == 1


async def test_what_comes_during_a_sync_shares_the_next_one(
    commits: GroupCommit, disk: Disk
) -> None:
    disk.open.clear()
    jobs = [Insert(0)]
    commits.submit(jobs[0])
    await asyncio.sleep(0)
    for value in range(1, 50):
        jobs.append(Insert(value))
        commits.submit(jobs[-1])
    disk.open.set()

    await asyncio.gather(*(job.done for job in jobs))

    assert disk.syncs == 2


async def test_jobs_hear_of_their_end_in_the_order_in_which_they_came(
    commits: GroupCommit,
) -> None:
    heard: list[int] = []
    jobs = [Insert(value) for value in range(20)]
    for job in jobs:
        job.ended = heard.append
        commits.submit(job)
        await asyncio.sleep(0)

    await asyncio.gather(*(job.done for job in jobs))

    assert heard == list(range(20))


async def test_a_failing_job_undoes_its_own_writes_only(
    commits: GroupCommit, connection: sqlite3.Connection
) -> None:
    jobs = [Insert(1), Insert(2, ValueError("no")), Insert(3)]
    for job in jobs:
        commits.submit(job)

    results = await asyncio.gather(*(j.done for j in jobs), return_exceptions=True)

    assert isinstance(results[1], ValueError)
    assert rows(connection) == [1, 3]


async def test_a_failing_job_that_is_alone_leaves_nothing(
    commits: GroupCommit, connection: sqlite3.Connection
) -> None:
    job = Insert(1, ValueError("no"))
    commits.submit(job)

    with pytest.raises(ValueError, match="no"):
        await job.done
    assert rows(connection) == []


async def test_a_group_that_the_disk_refuses_leaves_nothing_and_is_told_of(
    commits: GroupCommit, connection: sqlite3.Connection
) -> None:
    full = sqlite3.OperationalError("database or disk is full")
    jobs = [Insert(1), Insert(2, full), Insert(3)]
    with structlog.testing.capture_logs() as lines:
        for job in jobs:
            commits.submit(job)
        results = await asyncio.gather(*(j.done for j in jobs), return_exceptions=True)

    assert [type(result) for result in results] == [StorageFailed] * 3
    assert rows(connection) == []
    assert [(line["event"], line["error"], line["writers"]) for line in lines] == [
        ("database.commit_failed", "database or disk is full", 3)
    ]


async def test_after_a_sync_that_failed_nothing_is_accepted_any_more(
    commits: GroupCommit, disk: Disk
) -> None:
    """The system may have dropped what it could not write: only a restart can tell."""
    disk.open.clear()
    disk.error = OSError(5, "Input/output error")
    job, waiting = Insert(1), Insert(2)
    commits.submit(job)
    await asyncio.sleep(0)
    commits.submit(waiting)
    disk.open.set()

    for failed in (job, waiting):
        with pytest.raises(StorageFailed):
            await failed.done
    disk.error = None
    refused = []
    for number in range(3):
        with pytest.raises(StorageFailed, match="Input/output error") as caught:
            commits.submit(Insert(number))
        refused.append(caught.value)
    # One that is raised again and again would hold on to whatever raised it.
    assert len({id(error) for error in refused}) == 3


async def test_what_may_not_be_on_the_disk_is_not_carried_over(
    commits: GroupCommit, disk: Disk
) -> None:
    disk.error = OSError(5, "Input/output error")
    jobs = [Insert(value) for value in range(TIDY_CHANGES + 1)]
    for job in jobs:
        commits.submit(job)
    found = await asyncio.gather(*(job.done for job in jobs), return_exceptions=True)
    assert all(isinstance(error, StorageFailed) for error in found)
    disk.error = None
    await commits.close()
    assert disk.tidied == 0


async def test_the_log_is_carried_over_now_and_then(
    commits: GroupCommit, disk: Disk
) -> None:
    jobs = [Insert(value) for value in range(TIDY_CHANGES + 1)]
    for job in jobs:
        commits.submit(job)
    await asyncio.gather(*(job.done for job in jobs))
    last = Insert(0)
    commits.submit(last)
    await last.done

    assert disk.tidied == 1


async def test_closing_finishes_what_is_waiting(
    connection: sqlite3.Connection, disk: Disk
) -> None:
    commits = GroupCommit(
        connection, sync=disk.sync, fill=disk.fill, checkpoint=disk.tidy
    )
    job = Insert(1)
    commits.submit(job)

    await commits.close()

    assert job.done.result() == 1
    with pytest.raises(StorageFailed):
        commits.submit(Insert(2))
    connection.close()


@pytest.mark.parametrize("where", ["sync", "fill", "checkpoint"])
async def test_a_fault_on_the_thread_leaves_nobody_waiting(
    connection: sqlite3.Connection, disk: Disk, where: str
) -> None:
    def fails() -> None:
        raise MemoryError

    working: dict[str, Any] = {
        "sync": disk.sync,
        "fill": disk.fill,
        "checkpoint": disk.tidy,
        where: fails,
    }
    commits = GroupCommit(connection, **working)
    connection.execute("CREATE TABLE many (value)")
    connection.executemany(
        "INSERT INTO many VALUES (?)", [(n,) for n in range(TIDY_CHANGES)]
    )
    job = Insert(1)
    commits.submit(job)
    if where == "sync":
        with pytest.raises(StorageFailed):
            await job.done
    else:
        assert await job.done == 1
        another = Insert(2)
        commits.submit(another)
        assert await another.done == 2
    await commits.close()
    connection.close()
