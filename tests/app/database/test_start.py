"""What a start does with what an earlier one has left."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from trunkline.database import file
from trunkline.database.file import Database
from trunkline.errors import StorageFailed


async def test_what_the_log_has_is_written_anew_before_anything_is_accepted(
    tmp_path: Path,
) -> None:
    """It may be no more than remembered, after a sync that failed."""
    database = Database(tmp_path / "first.db")
    await database.open()
    await database.write(
        lambda c: c.execute("INSERT INTO salt VALUES ('a', x'01')").close()
    )
    for end in ("", "-wal"):  # as a kill leaves it
        shutil.copy(tmp_path / f"first.db{end}", tmp_path / f"second.db{end}")
    await database.close()

    again = Database(tmp_path / "second.db")
    await again.open()
    shutil.copy(tmp_path / "second.db", tmp_path / "alone.db")
    await again.close()

    with closing(sqlite3.connect(tmp_path / "alone.db")) as alone:
        assert alone.execute("SELECT name FROM salt").fetchall() == [("a",)]


async def test_a_start_does_not_go_on_beside_a_reader_that_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(tmp_path / "x.db")
    await database.open()
    await database.write(lambda c: c.execute("DELETE FROM salt").close())
    for end in ("", "-wal"):
        shutil.copy(tmp_path / f"x.db{end}", tmp_path / f"y.db{end}")
    await database.close()
    reader = sqlite3.connect(tmp_path / "y.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM salt").fetchone()
    quick = "PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 50;"
    monkeypatch.setitem(file._SCHEMA, "settings", quick)

    with pytest.raises(StorageFailed, match=r"y\.db: another process reads it"):
        await Database(tmp_path / "y.db").open()

    reader.close()
