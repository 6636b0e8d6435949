"""The disk's limit: appends, some to a group, each group synced.

`python -m bench.disk sqlite|append FOLDER SECONDS GROUP FILE` appends rows to bare
SQLite, or records to a plain file, and writes a `Done` as JSON to the file.
"""

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec


# About what an event takes: its data and its columns.
_ROW_BYTES = 1000

_FILE_BYTES = 16 * 1024 * 1024

_SETTINGS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
CREATE TABLE event (position INTEGER PRIMARY KEY, data BLOB NOT NULL);
"""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """How long each group took, and the CPU time of all."""

    seconds: float
    cpu_seconds: float
    commits_ns: list[int]


@contextmanager
def sqlite(folder: Path, group: int) -> Iterator[Callable[[], None]]:
    """Yield what commits a group of rows."""
    path = folder / "limit.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(_SETTINGS)
    rows = [(bytes(_ROW_BYTES),)] * group

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO event (data) VALUES (?)", rows)
        connection.execute("COMMIT")

    yield commit
    connection.close()


@contextmanager
def append(folder: Path, group: int) -> Iterator[Callable[[], None]]:
    """Yield what writes a group of records, by one write, and syncs them.

    Into a file that has its space already and is begun again when it is full, as a
    write-ahead log is: one that grows has more to sync.
    """
    record = bytes(_ROW_BYTES)
    with (folder / "limit.log").open("wb", buffering=0) as file:
        file.write(bytes(_FILE_BYTES))
        _sync(file.fileno())

        def commit() -> None:
            if file.tell() + group * _ROW_BYTES > _FILE_BYTES:
                file.seek(0)
            file.write(b"".join([record] * group))
            _sync(file.fileno())

        file.seek(0)
        yield commit


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        import fcntl  # noqa: PLC0415 (what syncs there, fsync does not)

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(descriptor)


def measure(commit: Callable[[], None], seconds: float) -> Done:
    commits_ns = []
    cpu_before = time.process_time()
    started_ns = now_ns = time.monotonic_ns()
    while now_ns < started_ns + seconds * 1e9:
        commit()
        before_ns, now_ns = now_ns, time.monotonic_ns()
        commits_ns.append(now_ns - before_ns)
    return Done(
        seconds=(now_ns - started_ns) / 1e9,
        cpu_seconds=time.process_time() - cpu_before,
        commits_ns=commits_ns,
    )


def main() -> None:
    to, folder, seconds, group, file = sys.argv[1:]
    opened = {"sqlite": sqlite, "append": append}[to]
    with opened(Path(folder), int(group)) as commit:
        done = measure(commit, float(seconds))
    Path(file).write_bytes(msgspec.json.encode(done))


if __name__ == "__main__":
    main()
