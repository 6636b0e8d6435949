"""The disk's limit: bare SQLite appends, a hundred to a commit, each commit synced.

`python -m bench.disk FOLDER SECONDS FILE` writes a `Disk` as JSON to the file.
"""

import sqlite3
import sys
import time
from pathlib import Path

import msgspec


GROUP = 100

_ROW_BYTES = 1000

_SETTINGS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
CREATE TABLE event (position INTEGER PRIMARY KEY, data BLOB NOT NULL);
"""


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """Commits made, how long each took, and the CPU time of all."""

    seconds: float
    cpu_seconds: float
    commits_ns: list[int]


def measure(folder: Path, seconds: float) -> Disk:
    connection = sqlite3.connect(folder / "limit.db", isolation_level=None)
    connection.executescript(_SETTINGS)
    rows = [(bytes(_ROW_BYTES),)] * GROUP
    commits_ns = []
    cpu_before = time.process_time()
    started_ns = now_ns = time.monotonic_ns()
    while now_ns < started_ns + seconds * 1e9:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO event (data) VALUES (?)", rows)
        connection.execute("COMMIT")
        before_ns, now_ns = now_ns, time.monotonic_ns()
        commits_ns.append(now_ns - before_ns)
    connection.close()
    return Disk(
        seconds=(now_ns - started_ns) / 1e9,
        cpu_seconds=time.process_time() - cpu_before,
        commits_ns=commits_ns,
    )


if __name__ == "__main__":
    _disk = measure(Path(sys.argv[1]), float(sys.argv[2]))
    Path(sys.argv[3]).write_bytes(msgspec.json.encode(_disk))
