"""Group commit: whoever writes at the same time shares one transaction and one sync.

Jobs are run on the event loop: they only copy into the operating system's memory, and
handing each row to another thread costs several times that. What takes time, the sync,
is the kernel's or a thread's; while it lasts the next group gathers. A job is told of
its end after the sync that covers it, never before, in the order in which jobs were
submitted.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Protocol

import structlog

from trunkline.clock import stopwatch
from trunkline.database.kernel_sync import Told
from trunkline.errors import StorageFailed


# Changes after which the database is tidied: its write-ahead log stays a few megabytes,
# and a reader never has to look through more rows that are in no late index yet.
TIDY_CHANGES = 2_500

# From a sync to the next commit under load, in seconds: those who were just answered
# come again meanwhile, and share it.
GAP = 0.001

_logger = structlog.get_logger("database")

Watcher = Callable[[int, float], None]
"""Hears of each group: for how many it wrote, and how many seconds it took."""


class Job(Protocol):
    """A piece of work for a group.

    One that cannot fail but with the disk says so by `can_fail`: it needs no savepoint.
    """

    can_fail: bool

    @property
    def writers(self) -> int:
        """For how many it writes."""
        ...

    def run(self, connection: sqlite3.Connection) -> None:
        """Write, inside the group's transaction. Must be quick: the event loop waits."""
        ...

    def finish(self, error: BaseException | None) -> None:
        """Hear, on the event loop, that the group is on disk, or why it is not."""
        ...


Errors = list[BaseException | None]


class GroupCommit:
    """The one writer of a database.

    `sync` brings what was committed to the disk; `fill` fills the late indexes, and
    `checkpoint` carries all over into the database file. They are called on a thread,
    while nothing else is committed. `begin_sync` does as `sync` without a thread, and
    tells its caller later; where it raises OSError, the thread syncs.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        sync: Callable[[], None],
        fill: Callable[[], None],
        checkpoint: Callable[[], None],
        begin_sync: Callable[[Told], None] | None = None,
    ) -> None:
        self._connection = connection
        self._sync = sync
        self._fill = fill
        self._checkpoint = checkpoint
        self._begin_sync = begin_sync
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Job] = []
        self.newest: Job | None = None
        """The newest job that is not run yet: it may still grow."""
        self._busy = False
        # What is committed and not synced yet: its jobs, what became of them, since when.
        self._group: list[Job] = []
        self._errors: Errors = []
        self._seconds = stopwatch()
        self._writers = 0
        self.tidying = False
        """Whether a thread has the connection."""
        self._closed = False
        self._lost: StorageFailed | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._changes = connection.total_changes
        self._watchers: list[Watcher] = []
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._work, name="trunkline-sync", daemon=True
        )
        self._thread.start()

    def on_commit(self, watcher: Watcher) -> None:
        """Have `watcher` told of each group."""
        self._watchers.append(watcher)

    def submit(self, job: Job) -> None:
        """Put a job in the group that is committed next. Raises StorageFailed."""
        if self._closed:
            raise StorageFailed("The database is closed.")
        if self._lost is not None:
            # A new one each time: what is raised holds on to all that raised it.
            raise StorageFailed(str(self._lost)) from self._lost.__cause__
        self._waiting.append(job)
        self.newest = job
        if not self._busy:
            self._busy = True
            self._idle.clear()
            # Not at once: what else happens in this turn of the loop comes along.
            self._loop.call_soon(self._commit_waiting)

    async def close(self) -> None:
        """Finish what is waiting and end the thread."""
        self._closed = True
        await self._idle.wait()
        self._tasks.put(None)
        await asyncio.to_thread(self._thread.join)

    # --- on the event loop -----------------------------------------------------------

    def _commit_waiting(self) -> None:
        self._seconds = stopwatch()
        self._group, self._waiting = self._waiting, []
        self.newest = None
        self._writers = sum(job.writers for job in self._group)
        self._errors = self._commit(self._group)
        if self._begin_sync is not None:
            try:
                self._begin_sync(self._heard)
            except OSError:
                pass  # the thread can
            else:
                return
        self._tasks.put(self._sync_group)

    def _commit(self, group: list[Job]) -> Errors:
        """Run a group in one transaction; return each job's error, None where kept."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            run = _run if len(group) == 1 else _run_apart
            errors = [run(connection, job) for job in group]
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 (each job is told)
            # Nothing of this group is kept: no job of it may be told otherwise.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                _logger.error(
                    "database.commit_failed",
                    error=str(error),
                    code=getattr(error, "sqlite_errorname", None),
                    writers=self._writers,
                )
            return [_failure(error)] * len(group)
        return errors

    def _heard(self, error: OSError | None) -> None:
        failure = None if error is None else _not_synced(error)
        self._synced(failure, self._seconds())

    def _synced(self, failure: StorageFailed | None, seconds: float) -> None:
        if failure is not None:
            # What the system held may be gone without a trace: nothing that comes
            # after can be trusted to be kept either, until a new start has looked.
            self._lost = failure
        for watcher in self._watchers:
            watcher(self._writers, seconds)
        group, self._group = self._group, []
        for job, error in zip(group, self._errors, strict=True):
            # What a job refused it may have seen in this very group, which is not kept.
            _tell(job, failure or error)
        changes = self._connection.total_changes - self._changes
        # What may not be on the disk must not be carried over either.
        if self._lost is None and changes >= TIDY_CHANGES:
            self.tidying = True
            self._tasks.put(self._tidy_up)
        else:
            self._go_on()

    def _tidied(self, failure: StorageFailed | None) -> None:
        self.tidying = False
        if failure is not None:
            self._lost = failure
        self._go_on()

    def _go_on(self) -> None:
        if self._lost is not None:
            self.newest = None
            for job in self._waiting:
                _tell(job, self._lost)
            self._waiting.clear()
        # Those who were answered together come again together: see GAP.
        if self._waiting or self._writers > 1:
            self._loop.call_later(GAP, self._after_gap)
        else:
            self._rest()

    def _after_gap(self) -> None:
        if self._waiting:
            self._commit_waiting()
        else:
            self._rest()

    def _rest(self) -> None:
        self._busy = False
        self._idle.set()

    # --- on the thread ---------------------------------------------------------------

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()

    def _sync_group(self) -> None:
        # The thread gets no hold of the group: what it lets go of last it would have to
        # take apart, with the loop waiting for Python's lock.
        failure = self._failure_to_sync()
        self._call(self._synced, failure, self._seconds())

    def _failure_to_sync(self) -> StorageFailed | None:
        """Sync; return why that failed, None where it did not."""
        try:
            self._sync()
        except Exception as error:  # noqa: BLE001 (nobody may wait for good)
            return _not_synced(error)
        return None

    def _tidy_up(self) -> None:
        # What was filled is synced before it is carried over: where the power fails in
        # between, the log must not lack what the file has already.
        self._try(self._fill)
        failure = self._failure_to_sync()
        if failure is None:
            self._try(self._checkpoint)
        self._changes = self._connection.total_changes
        self._call(self._tidied, failure)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 (the thread must go on)
            # Nothing depends on it but time; the next round tries again.
            _logger.warning("database.tidy_failed", error=str(error))

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(function, *arguments)


def _run(connection: sqlite3.Connection, job: Job) -> BaseException | None:
    """Run a job as part of its group: what undoes it undoes the group."""
    job.run(connection)
    return None


def _run_apart(connection: sqlite3.Connection, job: Job) -> BaseException | None:
    """Run one of several jobs: its failure undoes its own writes and nobody else's."""
    if not job.can_fail:
        return _run(connection, job)
    connection.execute("SAVEPOINT job")
    try:
        job.run(connection)
    except Exception as error:
        if isinstance(error, sqlite3.OperationalError) or not connection.in_transaction:
            raise  # a full disk, say: not this job's trouble alone
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        return error
    connection.execute("RELEASE job")
    return None


def _tell(job: Job, error: BaseException | None) -> None:
    """Tell a job of its end; what it makes of that is no other job's trouble."""
    try:
        job.finish(error)
    except Exception:
        _logger.exception("database.finish_failed")


def _not_synced(error: Exception) -> StorageFailed:
    why = error.strerror if isinstance(error, OSError) and error.strerror else error
    failure = StorageFailed(f"The disk did not sync: {why}.")
    failure.__cause__ = error
    return failure


def _failure(error: Exception) -> Exception:
    """Return what jobs are told: the disk's failures are StorageFailed."""
    if not isinstance(error, sqlite3.Error):
        return error
    failure = StorageFailed(str(error))
    failure.__cause__ = error
    return failure
