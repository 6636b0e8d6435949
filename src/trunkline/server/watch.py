"""What looks on beside the road, put together: for `server`, the composition root.

Metrics, notices, retention, and our own API over them. None of it holds up an event.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from starlette.routing import BaseRoute

from trunkline.accounts import Accounts
from trunkline.api import metrics as metrics_api
from trunkline.api.own import OwnServices, own_routes
from trunkline.api.own.tails import Tails
from trunkline.clock import Clock
from trunkline.database.file import Database
from trunkline.delivery.noticing import Noticing
from trunkline.delivery.ports import Observer
from trunkline.delivery.recent import Recent
from trunkline.delivery.redelivery import Redelivery
from trunkline.delivery.replays import Replays
from trunkline.events import envelope
from trunkline.events.ids import Ids
from trunkline.log.records import DeadLetter
from trunkline.log.retention import Retention
from trunkline.log.search import SqliteSearch
from trunkline.log.sqlite import SqliteLog
from trunkline.metrics import Metrics, Sources
from trunkline.settings import Settings
from trunkline.storage.notices import NoticeStore
from trunkline.storage.posts import PostStore
from trunkline.storage.pruning import PruningStore
from trunkline.streams.registry import Registry
from trunkline.streams.routing import Routes


class Watch:
    """Lives as long as the server. `observers` are told of deliveries."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        log: SqliteLog,
        *,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._settings = settings
        self._database = database
        self._log = log
        self._clock = clock
        self._search = SqliteSearch(database)
        self._recent = Recent()
        self._notices = NoticeStore(database)
        self._noticing = Noticing(self._notices, clock)
        self._metrics = Metrics(self._sink_type)
        self._tails = Tails()
        self._retention = Retention(
            PruningStore(database, clock, ids),
            clock,
            days=settings.retention_days,
            call_days=settings.call_retention_days,
            max_bytes=settings.retention_bytes,
            on_lost=self._lost,
        )
        # Known once the sinks are: those are made after what observes them.
        self.registry: Registry | None = None
        self.observers: Sequence[Observer] = (
            self._metrics,
            self._noticing,
            self._recent,
        )

    def listen(self) -> None:
        """Hear of events that are appended, after delivery has."""
        self._database.on_commit(self._metrics.committed)
        self._log.on_append(self._metrics.appended)
        self._log.on_append(self._tails.appended)

    def work(self, stopping: asyncio.Event) -> list[Coroutine[Any, Any, None]]:
        """Return what runs for as long as the server does."""
        return [
            self._noticing.run(),
            self._retention.run(),
            self._close_tails(stopping),
        ]

    def routes(
        self,
        *,
        accounts: Accounts,
        routes: Routes,
        redelivery: Redelivery,
        replays: Replays,
        calls: PostStore,
        sdk_posts: Mapping[str, int],
        sdk_events: Mapping[str, int],
        callbacks: Mapping[int, int],
        relayed: Mapping[str, int],
    ) -> list[BaseRoute]:
        """Return the routes of our own API and of `/metrics`.

        The last four are what the gateway, the joiner, callbacks and the relay count.
        """
        assert self.registry is not None
        settings = self._settings
        services = OwnServices(
            accounts=accounts,
            directory=self.registry.directory,
            registry=self.registry,
            search=self._search,
            calls=calls,
            routes=routes,
            recent=self._recent,
            redelivery=redelivery,
            replays=replays,
            notices=self._notices,
            tails=self._tails,
            kept_seconds=settings.retention_days * 86_400,
            public_url=settings.public_url,
            schema_host=settings.schema_base_url or envelope.SCHEMA_HOST,
        )
        sources = Sources(
            log=self._log,
            search=self._search,
            sdk_posts=sdk_posts,
            sdk_events=sdk_events,
            callbacks=callbacks,
            relayed=relayed,
            pruned=lambda: self._retention.pruned,
            watching=lambda: len(self._tails),
        )
        shown = metrics_api.routes(lambda: self._metrics.exposition(sources))
        return [
            *own_routes(services, self._clock),
            *(shown if settings.metrics else ()),
        ]

    async def stop(self) -> None:
        """Write down what was told last."""
        await self._noticing.write_down()

    async def _close_tails(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._tails.close()

    def _lost(self, letters: Sequence[DeadLetter]) -> None:
        self._metrics.lost(letters)
        self._noticing.lost(letters)

    def _sink_type(self, sink_sid: str) -> str:
        if self.registry is None:
            return ""
        sink = self.registry.directory.find_sink(sink_sid)
        return sink.sink_type if sink else ""
