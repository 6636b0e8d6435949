"""Sinks and subscriptions in the database. Contract: tests/contract/test_stream_store.py."""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import msgspec

from trunkline.database import queries
from trunkline.database.file import Database
from trunkline.events.catalogue import SinkType
from trunkline.streams import subscriptions
from trunkline.streams.policy import DeliveryPolicy
from trunkline.streams.routing import Route
from trunkline.streams.sinks import Sink, SinkStatus
from trunkline.streams.store import Stored
from trunkline.streams.subscriptions import Choice, SubscribedEvent, Subscription


_SQL = queries.load("trunkline.storage", "streams.sql")


class SqliteStreams:
    """Reads and writes the tables `sink`, `subscription` and `subscribed_type`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> Stored:
        """Return what is stored; drop closed types that no delivery can need."""
        return await self._database.write(_load)

    async def save_sink(self, sink: Sink, then: Callable[[None], None]) -> None:
        """Add a sink, or put it in the place of its former self."""
        row = {
            "sid": sink.sid,
            "account_sid": sink.account_sid,
            "description": sink.description,
            "sink_type": sink.sink_type,
            "configuration": msgspec.json.encode(sink.configuration).decode(),
            "status": sink.status,
            "live": sink.live,
            "created_ms": sink.created_ms,
            "updated_ms": sink.updated_ms,
            "test_id": sink.test_id,
            "policy": msgspec.json.encode(sink.policy).decode(),
        }

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SQL["save_sink"], row)

        await self._database.write(work, then)

    async def delete_sink(self, sid: str, then: Callable[[None], None]) -> None:
        """Drop a sink and its closed types."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SQL["delete_sink"], (sid,))
            connection.execute(_SQL["delete_types_of_sink"], (sid,))

        await self._database.write(work, then)

    async def save_subscription(
        self,
        subscription: Subscription,
        *,
        opened: Sequence[Choice],
        closed: Collection[str],
        then: Callable[[int], None],
    ) -> int:
        """Save what `subscriptions.change` makes of it at the log's newest position."""

        def work(connection: sqlite3.Connection) -> int:
            position = _head(connection)
            connection.execute(_SQL["save_subscription"], _row(subscription))
            _close_types(connection, subscription.sid, closed, position)
            changed = subscriptions.change(
                subscription, opened=opened, closed=closed, position=position
            )
            fresh = {choice.type for choice in opened}
            connection.executemany(
                _SQL["open_type"],
                [
                    _type_row(changed, row)
                    for row in changed.events
                    if row.type in fresh
                ],
            )
            return position

        return await self._database.write(work, then)

    async def delete_subscription(self, sid: str, then: Callable[[int], None]) -> int:
        """Drop a subscription; close its types at the log's newest position."""

        def work(connection: sqlite3.Connection) -> int:
            position = _head(connection)
            connection.execute(_SQL["delete_subscription"], (sid,))
            connection.execute(
                _SQL["close_types"], {"subscription_sid": sid, "position": position}
            )
            connection.execute(_SQL["drop_empty"], (sid,))
            return position

        return await self._database.write(work, then)


def _load(connection: sqlite3.Connection) -> Stored:
    connection.execute(_SQL["drop_settled"])
    events: dict[str, list[SubscribedEvent]] = {}
    for row in _rows(connection, "open_types"):
        sid = row.pop("subscription_sid")
        events.setdefault(sid, []).append(SubscribedEvent(**row))
    return Stored(
        sinks=[_sink(row) for row in _rows(connection, "sinks")],
        subscriptions=[
            Subscription(**row, events=tuple(events.get(row["sid"], ())))
            for row in _rows(connection, "subscriptions")
        ],
        closed=[Route(**row) for row in _rows(connection, "closed_types")],
    )


def _rows(connection: sqlite3.Connection, query: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a query by the names of its columns."""
    cursor = connection.execute(_SQL[query])
    names = [column[0] for column in cursor.description]
    for row in cursor:
        yield dict(zip(names, row, strict=True))


def _sink(row: dict[str, Any]) -> Sink:
    row["sink_type"] = SinkType(row["sink_type"])
    row["configuration"] = msgspec.json.decode(row["configuration"])
    row["status"] = SinkStatus(row["status"])
    row["live"] = bool(row["live"])
    row["policy"] = msgspec.json.decode(row["policy"], type=DeliveryPolicy)
    return Sink(**row)


def _close_types(
    connection: sqlite3.Connection, sid: str, closed: Collection[str], position: int
) -> None:
    connection.executemany(
        _SQL["close_type"],
        [
            {"subscription_sid": sid, "type": type_, "position": position}
            for type_ in closed
        ],
    )
    connection.execute(_SQL["drop_empty"], (sid,))


def _head(connection: sqlite3.Connection) -> int:
    position: int = connection.execute(_SQL["head"]).fetchone()[0]
    return position


def _row(subscription: Subscription) -> dict[str, object]:
    return {
        "sid": subscription.sid,
        "account_sid": subscription.account_sid,
        "sink_sid": subscription.sink_sid,
        "description": subscription.description,
        "created_ms": subscription.created_ms,
        "updated_ms": subscription.updated_ms,
    }


def _type_row(subscription: Subscription, event: SubscribedEvent) -> dict[str, object]:
    return {
        "account_sid": subscription.account_sid,
        "sink_sid": subscription.sink_sid,
        "subscription_sid": subscription.sid,
        "type": event.type,
        "version": event.version,
        "rank": event.rank,
        "from_position": event.from_position,
    }
