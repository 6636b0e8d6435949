"""Replays in the database."""

import sqlite3

import msgspec

from trunkline.database import queries
from trunkline.database.file import Database
from trunkline.delivery.replays import Replay


_SQL = queries.load("trunkline.storage", "replays.sql")

_decode = msgspec.json.Decoder(Replay).decode


class ReplayStore:
    """Reads and writes the table `replay`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, replay: Replay) -> None:
        """Add a replay, or put it in the place of its former self."""
        row = (replay.sid, msgspec.json.encode(replay).decode())

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SQL["save"], row)

        await self._database.write(work)

    async def drop(self, sid: str) -> None:
        """Drop a replay that is over."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SQL["drop"], (sid,))

        await self._database.write(work)

    async def load(self) -> list[Replay]:
        """Return all replays, oldest first."""
        return await self._database.read(
            lambda connection: [
                _decode(body) for (body,) in connection.execute(_SQL["all"])
            ]
        )
