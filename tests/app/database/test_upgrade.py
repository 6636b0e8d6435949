"""Files that an earlier version has written."""

import sqlite3
from pathlib import Path

from trunkline.database.file import Database
from trunkline.events.envelope import Event
from trunkline.log.filters import Filter
from trunkline.log.search import SqliteSearch
from trunkline.log.sqlite import SqliteLog
from trunkline.storage.timeline import TimelineStore
from trunkline.testing import ManualClock


VERSION_1 = Path(__file__).parents[2] / "data" / "database" / "version-1.sql"
ACCOUNT, CALL = "AC" + "1" * 32, "CA" + "2" * 32


def event(number: int) -> Event:
    time, source = "2026-11-20T09:13:16.860Z", f"/v1/Voice/{CALL}/Events"
    return Event(f"EZ{number:032d}", ACCOUNT, "type", source, time, CALL, b"{}")


async def test_a_file_of_version_1_goes_on_with_its_events_and_its_positions(
    tmp_path: Path,
) -> None:
    path = tmp_path / "trunkline.db"
    old = sqlite3.connect(path)
    old.executescript(VERSION_1.read_text("utf-8") + "PRAGMA user_version = 1;")
    insert = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    for position in (1, 2, 3):
        kept = event(position)
        row = (position, kept.id, ACCOUNT, "type", kept.source, kept.time, CALL, 1, b"")
        old.execute(insert, row)
    old.execute(
        "INSERT INTO sdk_post (account_sid, call_id, at_ms, received_ms, clock_skew, body)"
        " VALUES (?, ?, 1, 1, 0, x'7b7d')",
        (ACCOUNT, CALL),
    )
    old.execute("DELETE FROM event WHERE position = 3")  # pruned: never used again
    old.commit()
    old.close()

    for _ in ("the first start", "any later one"):
        database = Database(path)
        await database.open()
        log = SqliteLog(database, ManualClock())
        await log.open()
        found = await SqliteSearch(database).events(
            Filter(account_sid=ACCOUNT, call_ids=(CALL,)), after=None, offset=0, limit=9
        )
        posts = await TimelineStore(database).marks(ACCOUNT, [CALL])
        (position,) = await log.append([event(4)])
        await database.close()

        assert [entry.position for entry in found][-2:] == [2, 1]
        assert len(posts) == len(found) + 1
        assert position == 4
