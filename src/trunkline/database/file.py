"""SQLite with group commit: whoever writes at the same time shares one sync.

One thread writes. While it commits one group of jobs, the next group gathers; each
job is answered after the commit and sync that it is part of, never before. Jobs are
run, and told of their end, in the order in which they were submitted.
"""

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from trunkline.database import queries
from trunkline.errors import StorageFailed


T = TypeVar("T")

_SCHEMA = queries.load("trunkline.database", "schema.sql")
_SCHEMA_VERSION = 1

# Readers beside the writer: one for catching up, one for whoever asks.
_READERS = 2


class Job(Protocol):
    """A piece of work for the writer."""

    def run(self, connection: sqlite3.Connection) -> None:
        """Write, on the writer's thread, inside the group's transaction."""
        ...

    def finish(self, error: BaseException | None) -> None:
        """Hear, on the event loop, that the group is on disk, or why it is not."""
        ...


class Database:
    """The one database file of a data folder. Lives as long as the server.

    `open` must be called on the event loop that will use it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[Job] = []
        self._writing = False
        self._closed = False
        self._groups: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        self._local = threading.local()
        self._reader_connections: list[sqlite3.Connection] = []

    async def open(self) -> None:
        """Create or open the file, and start the threads.

        Raises StorageFailed where the file is not a database of ours.
        """
        self._loop = asyncio.get_running_loop()
        self._idle = asyncio.Event()
        self._idle.set()
        self._readers = ThreadPoolExecutor(_READERS, "trunkline-reader")
        try:
            # Made first, for nobody else to read: SQLite's other files follow it.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._writer_connection = self._connect()
            _prepare(self._writer_connection)
        except (sqlite3.Error, OSError) as error:
            raise StorageFailed(f"{self._path}: {error}") from error
        self._writer = threading.Thread(
            target=self._write_groups, name="trunkline-writer", daemon=True
        )
        self._writer.start()

    async def close(self) -> None:
        """Finish what is waiting, then close the file."""
        self._closed = True
        await self._idle.wait()
        self._groups.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._reader_connections:
            connection.close()
        self._writer_connection.close()

    def last_waiting(self) -> Job | None:
        """Return the newest job that the writer has not taken yet: it may still grow."""
        return self._waiting[-1] if self._waiting else None

    def submit(self, job: Job) -> None:
        """Put a job in the group that is committed next."""
        if self._closed:
            raise StorageFailed("The database is closed.")
        self._waiting.append(job)
        if not self._writing:
            self._hand_over()

    async def write(
        self,
        work: Callable[[sqlite3.Connection], T],
        then: Callable[[T], None] | None = None,
    ) -> T:
        """Run `work` in the next group and return its result once it is on disk.

        `then` is called with the result on the event loop, in the order of commits:
        before any job of a later group is told of its end.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        self.submit(_Work(work, then, future))
        return await future

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on a reader's thread and connection; it sees what is committed."""
        try:
            read: T = await self._loop.run_in_executor(self._readers, self._read, work)
        except sqlite3.Error as error:
            raise StorageFailed(str(error)) from error
        return read

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
            self._local.connection = connection
            self._reader_connections.append(connection)
        return work(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False
        )
        connection.executescript(_SCHEMA["settings"])
        return connection

    def _hand_over(self) -> None:
        self._writing = True
        self._idle.clear()
        group, self._waiting = self._waiting, []
        self._groups.put(group)

    def _write_groups(self) -> None:
        while (group := self._groups.get()) is not None:
            errors = self._commit(group)
            self._loop.call_soon_threadsafe(self._finish, group, errors)

    def _commit(self, group: list[Job]) -> list[BaseException | None]:
        """Run a group in one transaction; return each job's error, None where kept."""
        errors: list[BaseException | None] = []
        connection = self._writer_connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            errors += [_run_alone(connection, job) for job in group]
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            # Nothing of this group is kept: no job of it may be told otherwise.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            failure = StorageFailed(str(error))
            failure.__cause__ = error
            return [failure] * len(group)
        return errors

    def _finish(self, group: list[Job], errors: list[BaseException | None]) -> None:
        for job, error in zip(group, errors, strict=True):
            job.finish(error)
        if self._waiting:
            self._hand_over()
        else:
            self._writing = False
            self._idle.set()


def _run_alone(connection: sqlite3.Connection, job: Job) -> BaseException | None:
    """Run one job so that its failure undoes its own writes and nobody else's."""
    connection.execute("SAVEPOINT job")
    try:
        job.run(connection)
    except Exception as error:
        if not connection.in_transaction:
            raise  # SQLite gave up the whole transaction: a full disk, say
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        if isinstance(error, sqlite3.OperationalError):
            raise
        return error
    connection.execute("RELEASE job")
    return None


class _Work(Generic[T]):
    """A function to run, and the future that waits for it."""

    def __init__(
        self,
        work: Callable[[sqlite3.Connection], T],
        then: Callable[[T], None] | None,
        future: asyncio.Future[T],
    ) -> None:
        self._work = work
        self._then = then
        self._future = future

    def run(self, connection: sqlite3.Connection) -> None:
        self._result = self._work(connection)

    def finish(self, error: BaseException | None) -> None:
        if error is None and self._then is not None:
            self._then(self._result)
        if self._future.done():
            return  # whoever waited has gone; the write stands
        if error is None:
            self._future.set_result(self._result)
        else:
            self._future.set_exception(error)


def _prepare(connection: sqlite3.Connection) -> None:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _SCHEMA_VERSION:
        raise StorageFailed(
            f"The database was written by a newer Trunkline (its schema is {version})."
        )
    if version == 0:
        connection.executescript(
            f"BEGIN; {_SCHEMA['tables']} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;"
        )
