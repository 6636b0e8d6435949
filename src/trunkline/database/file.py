"""The one database file of a data folder: SQLite with a write-ahead log."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any, Generic, TypeVar

from trunkline.database import disk, queries
from trunkline.database.groups import GroupCommit, Job, Watcher
from trunkline.database.kernel_sync import kernel_sync
from trunkline.errors import StorageFailed


T = TypeVar("T")

_SCHEMA = queries.load("trunkline.database", "schema.sql")
_LATE = queries.load("trunkline.database", "late.sql")
_SCHEMA_VERSION = 3
_NEW_FILE = [_SCHEMA[part] for part in ("tables", "late_indexes", "account_blocks")]
# By the version of a file: what makes one of the next version of it.
_UPGRADES = {
    1: [
        *(_SCHEMA[part] for part in ("from_1", "late_indexes", "after_1")),
        *_LATE.values(),
    ],
    2: [_SCHEMA[part] for part in ("account_blocks", "after_2")],
}

# Readers beside the writer: one for catching up, one for whoever asks.
_READERS = 2


class Database:
    """The database. Lives as long as the server.

    `open` must be called on the event loop that will use it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []

    async def open(self) -> None:
        """Create or open the file, and start the threads.

        Raises StorageFailed where the file is not a database of ours.
        """
        self._loop = asyncio.get_running_loop()
        self._readers = ThreadPoolExecutor(_READERS, "trunkline-reader")
        try:
            # Made first, for nobody else to read: SQLite's other files follow it.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            writer = self._writer = self._connect()
            _prepare(writer)
            if not _is_carried_over(writer):
                raise StorageFailed(
                    f"{self._path}: another process reads it, and does not stop."
                )
            wal = self._path.with_name(self._path.name + "-wal")
            self._wal = os.open(wal, os.O_RDWR | os.O_CLOEXEC)
            disk.sync(self._wal)
            disk.sync_folder(self._path.parent)
        except (sqlite3.Error, OSError) as error:
            raise StorageFailed(f"{self._path}: {error}") from error
        checkpointer = self._connect()
        self._looker = self._connect()
        self._looker.execute("PRAGMA query_only = ON")

        def checkpoint() -> None:
            checkpointer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

        self._kernel_sync = await kernel_sync(self._wal, self._loop)
        begin_sync = None if self._kernel_sync is None else self._kernel_sync.begin
        self.commits = GroupCommit(
            writer,
            sync=lambda: disk.sync(self._wal),
            # By the writer: what another writes costs it all the pages it remembers.
            fill=lambda: _fill_late_indexes(writer),
            checkpoint=checkpoint,
            begin_sync=begin_sync,
        )

    async def close(self) -> None:
        """Finish what is waiting, then close the file."""
        await self.commits.close()
        if self._kernel_sync is not None:
            self._kernel_sync.close()
        await asyncio.to_thread(self._readers.shutdown)
        for connection in reversed(self._connections):
            connection.close()
        os.close(self._wal)

    def on_commit(self, watcher: Watcher) -> None:
        """Tell `watcher` of each group's number of jobs, and seconds to its sync."""
        self.commits.on_commit(watcher)

    def submit(self, job: Job) -> None:
        """Put a job in the group that is committed next. Raises StorageFailed."""
        self.commits.submit(job)

    async def write(
        self,
        work: Callable[[sqlite3.Connection], T],
        then: Callable[[T], None] | None = None,
    ) -> T:
        """Run `work` in the next group and return its result once it is on disk.

        `work` must be quick: it runs on the event loop. `then` is called with the
        result, in the order of commits: before any job of a later group is told of
        its end.
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

    def look(self, query: str, parameters: Mapping[str, Any]) -> Any:
        """Return the first row of a quick query, or None; the event loop waits for it.

        For look-ups of a few microseconds, where a hop to a reader costs ten times
        that. It sees what is committed. Raises StorageFailed.
        """
        # The writer has the pages at hand; a thread has it while all is tidied.
        connection = self._looker if self.commits.tidying else self._writer
        try:
            return connection.execute(query, parameters).fetchone()
        except sqlite3.Error as error:
            raise StorageFailed(str(error)) from error

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
        return work(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False
        )
        self._connections.append(connection)
        connection.executescript(_SCHEMA["settings"])
        return connection


class _Work(Generic[T]):
    """A function to run, and the future that waits for it."""

    can_fail = True
    writers = 1

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
            try:
                self._then(self._result)
            except Exception as raised:  # noqa: BLE001 (it is whoever waits who must hear)
                error = raised
        if self._future.done():
            return  # whoever waited has gone; the write stands
        if error is None:
            self._future.set_result(self._result)
        else:
            self._future.set_exception(error)


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables of a new file, renew an old one, make the write-ahead log of any.

    An old file goes through each version after its own, in one transaction.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _SCHEMA_VERSION:
        raise StorageFailed(
            f"The database was written by a newer Trunkline (its schema is {version})."
        )
    upgrades = [
        _UPGRADES[at] for at in range(version or _SCHEMA_VERSION, _SCHEMA_VERSION)
    ]
    changes = "\n".join(chain(_NEW_FILE if version == 0 else (), *upgrades))
    # Writing the version, even the same, is a write: now the log's file exists.
    connection.executescript(
        f"BEGIN IMMEDIATE; {changes} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;"
    )


def _is_carried_over(connection: sqlite3.Connection) -> bool:
    """Write what is in the write-ahead log to the database file, and sync that.

    False where somebody reads the file meanwhile, for longer than we wait.

    After a sync that failed, the system may remember what is not on the disk, and take
    it for written: it would be found here, and be gone after a power cut. What is
    written anew is written.
    """
    busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _fill_late_indexes(connection: sqlite3.Connection) -> None:
    """Bring the indexes over calls up to date, all rows at once and in their order."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _LATE.values():
            connection.execute(statement)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
