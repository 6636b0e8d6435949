"""A disk that fills, fails, and forgets at a power cut what was not synced.

SQLite writes to real files (in memory). What a power cut leaves is put together from the
write-ahead log as it was at the last sync, and perhaps a torn piece of what came after.
"""

import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from tiers.simulation.loop import VirtualLoop

from trunkline.database import DATABASE_FILE, disk, groups, kernel_sync


# The write-ahead log (SQLite's file format 4.1) and its index (its WAL-mode 2.3).
WAL_HEADER = 32
_FRAME_HEADER = 24
_PAGE_SIZE_AT = 8
_FRAMES_AT = 16

# For so long in every hour the disk is busy with something else.
SLOW_SECONDS = 30

_connect = sqlite3.connect


def frame_bytes(log: bytes) -> int:
    """Return how long a frame of a write-ahead log is: a page and its header."""
    size = log[_PAGE_SIZE_AT : _PAGE_SIZE_AT + 4]
    return _FRAME_HEADER + int.from_bytes(size, "big")


class SimulatedDisk:
    """The data folder's disk in one life of the server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.full = False
        self.failing = False
        self.dead = False
        # Told of each sync before it counts: where the log ended at the last one, and
        # where it ends now. May raise.
        self.on_sync: Callable[[SimulatedDisk, int, int], None] = lambda *_: None
        # Told of each commit before it is made. May raise.
        self.on_commit: Callable[[], None] = lambda: None
        self.syncs = 0
        self.refused = 0
        self._wal = folder / f"{DATABASE_FILE}-wal"
        self._shm = folder / f"{DATABASE_FILE}-shm"
        self._synced = bytearray()

    def sync(self) -> None:
        """Keep what is in the write-ahead log now, or fail."""
        if self.failing or self.dead:
            raise OSError(5, "Input/output error")
        end = self._end()
        with self._wal.open("rb") as file:
            header = file.read(WAL_HEADER)
            if header != self._synced[:WAL_HEADER]:  # it was begun anew
                self._synced = bytearray(header)
            self.on_sync(self, len(self._synced), end)
            self.syncs += 1
            file.seek(len(self._synced))
            self._synced += file.read(end - len(self._synced))

    def check(self, statement: str) -> None:
        """Raise where a statement cannot be carried out."""
        if self.dead:
            raise sqlite3.OperationalError("disk I/O error")
        if statement.startswith("COMMIT"):
            self.on_commit()
        if self.full and statement.startswith("COMMIT"):
            self.refused += 1
            raise sqlite3.OperationalError("database or disk is full")

    def left(self, folder: Path, *, power: bool, random: Random) -> None:
        """Write to a new folder what a crash leaves; this disk is dead from now on.

        After a kill that is all that was written; after a power cut, what was synced,
        and more only by luck.
        """
        self.dead = True
        folder.mkdir()
        for file in self.folder.iterdir():
            if file.suffix not in {".db-wal", ".db-shm"}:
                shutil.copyfile(file, folder / file.name)
        wal = self._wal.read_bytes()[: self._end()]
        if power:
            kept = bytes(self._synced)
            if wal[:WAL_HEADER] == kept[:WAL_HEADER] and random.random() < 0.7:
                tail = bytearray(wal[len(kept) :])
                del tail[random.randint(0, len(tail)) :]
                if len(tail) > 1 and random.random() < 0.5:
                    tail[random.randrange(len(tail))] ^= 0xFF
                kept += bytes(tail)
            wal = kept
        (folder / self._wal.name).write_bytes(wal)

    def _end(self) -> int:
        """Return where the log ends: SQLite counts its frames in the -shm file.

        What comes after is of an earlier round.
        """
        with self._shm.open("rb") as file:
            file.seek(_FRAMES_AT)
            frames = int.from_bytes(file.read(4), sys.byteorder)
        with self._wal.open("rb") as file:
            return WAL_HEADER + frames * frame_bytes(file.read(WAL_HEADER))


class Disks:
    """Puts the simulated disk, and threads that the loop runs, under the program."""

    def __init__(self, loop: VirtualLoop, folder: Path) -> None:
        self.current = SimulatedDisk(folder)
        sqlite3.connect = self._connect  # type: ignore[assignment]
        vars(kernel_sync)["linux_aio"] = None  # what syncs is told below
        vars(disk)["sync"] = lambda _descriptor: self.current.sync()
        vars(groups)["threading"] = SimpleNamespace(Thread=_Thread)
        vars(groups)["queue"] = SimpleNamespace(SimpleQueue=lambda: _Tasks(loop))

    def _connect(self, *args: Any, **options: Any) -> sqlite3.Connection:
        connection: _Connection = _connect(*args, factory=_Connection, **options)
        connection.disk = self.current
        return connection


class _Connection(sqlite3.Connection):
    """A connection that fails where its disk does."""

    disk: SimulatedDisk

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        self.disk.check(sql)
        return super().execute(sql, *args)

    def executemany(self, sql: str, *args: Any) -> sqlite3.Cursor:
        self.disk.check(sql)
        return super().executemany(sql, *args)


class _Thread:
    """A thread that does nothing: the loop does its tasks, see `_Tasks`."""

    def __init__(self, **_: Any) -> None:
        pass

    def start(self) -> None:
        pass

    def join(self) -> None:
        pass


class _Tasks:
    """The queue of the sync thread: tasks take as long as a disk may."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def put(self, task: Callable[[], None] | None) -> None:
        if task is not None:
            slow = self._loop.time() % 3600 < SLOW_SECONDS
            self._loop.later(0.0005, 0.5 if slow else 0.01, task)
