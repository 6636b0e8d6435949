"""Notices in the database."""

import sqlite3
from collections.abc import Sequence

import msgspec

from trunkline.database import queries
from trunkline.database.file import Database
from trunkline.delivery.notices import Notice


# Notices kept, of all accounts. They are rare by design: months fit.
LIMIT = 10_000

_ABOVE = 2**62

_SQL = queries.load("trunkline.storage", "notices.sql")


class NoticeStore:
    """Reads and writes the table `notice`. A notice is numbered as it is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, notices: Sequence[Notice]) -> None:
        """Keep notices, in their order; the oldest make room."""
        rows = [msgspec.structs.asdict(notice) for notice in notices]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(_SQL["add"], rows)
            connection.execute(_SQL["make_room"], (LIMIT,))

        await self._database.write(work)

    async def find(
        self,
        account_sid: str,
        *,
        sink_sid: str | None = None,
        code: int | None = None,
        after: int | None = None,
        offset: int = 0,
        limit: int,
    ) -> list[tuple[int, Notice]]:
        """Return notices with their numbers, newest first."""
        parameters = {
            "account_sid": account_sid,
            "sink_sid": sink_sid,
            "code": code,
            "key": _ABOVE if after is None else after,
            "offset": offset,
            "limit": limit,
        }
        names = Notice.__struct_fields__
        return await self._database.read(
            lambda connection: [
                (number, Notice(**dict(zip(names, row, strict=True))))
                for number, *row in connection.execute(_SQL["down"], parameters)
            ]
        )

    async def before(
        self,
        account_sid: str,
        *,
        sink_sid: str | None = None,
        code: int | None = None,
        key: int,
        distance: int,
    ) -> int | None:
        """Return the number of the notice `distance` places nearer the newest."""
        parameters = {
            "account_sid": account_sid,
            "sink_sid": sink_sid,
            "code": code,
            "key": key,
            "offset": distance - 1,
        }
        row = await self._database.read(
            lambda connection: connection.execute(_SQL["up"], parameters).fetchone()
        )
        return row[0] if row else None
