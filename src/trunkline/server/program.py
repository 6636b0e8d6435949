"""The whole program without its listener, started and stopped in order."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from random import Random

from trunkline.accounts import Accounts
from trunkline.accounts.registry import AccountRegistry
from trunkline.api import accounts as accounts_api
from trunkline.api.app import Application, application
from trunkline.api.events_v1.services import Services
from trunkline.api.own import relay
from trunkline.capture.relaying import Relaying
from trunkline.clock import Clock, SystemClock
from trunkline.database import DATABASE_FILE
from trunkline.database.file import Database
from trunkline.database.folder import DataFolder
from trunkline.delivery.dispatcher import Dispatcher
from trunkline.delivery.means import Means
from trunkline.delivery.records import Arrival, Attempt
from trunkline.delivery.redelivery import Redelivery
from trunkline.delivery.replays import Replays
from trunkline.delivery.sink_tests import SinkTests, test_id_of
from trunkline.errors import TrunklineError
from trunkline.events import envelope
from trunkline.events.ids import Ids, pooled
from trunkline.intake import Intake
from trunkline.log.records import DeadLetter
from trunkline.log.sqlite import SqliteLog
from trunkline.outgoing.client import Client
from trunkline.server.calls import Calls
from trunkline.server.sdk import Sdk
from trunkline.server.senders import Senders
from trunkline.server.watch import Watch
from trunkline.settings import Settings
from trunkline.storage.accounts import AccountStore
from trunkline.storage.replays import ReplayStore
from trunkline.storage.streams import SqliteStreams
from trunkline.streams.registry import Registry
from trunkline.streams.routing import Routes


# How long attempts under way may go on after a signal to stop, in seconds.
GRACE = 10.0


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    clock: Clock | None = None,
    random: Random | None = None,
    stopping: asyncio.Event | None = None,
) -> AsyncIterator[Application]:
    """Run everything behind the application that is yielded, and stop it in order.

    Whoever sets `stopping` ends answers that would go on for as long as the client
    likes; whatever serves the application does as it begins to stop.

    Raises DataFolderUnusable, InvalidSetting or StorageFailed before anything starts.
    """
    clock = clock or SystemClock()
    ids = Ids(clock.now_ms, pooled(os.urandom))
    with DataFolder(settings.data_dir) as folder:
        database = Database(folder.path / DATABASE_FILE)
        await database.open()
        try:
            store = AccountStore(database)
            first, _ = await store.ensure_first(settings, ids, clock.now_ms())
            accounts = Accounts(*await store.load())
            with _error_alone():
                async with asyncio.TaskGroup() as tasks:
                    program = _Program(
                        settings,
                        database,
                        accounts=accounts,
                        first_account_sid=first.sid,
                        clock=clock,
                        ids=ids,
                        random=random or Random(),  # noqa: S311 (it spreads retries, no secrets)
                        tasks=tasks,
                    )
                    account_registry = AccountRegistry(store, accounts, clock, ids)
                    yield await program.start(
                        account_registry, stopping or asyncio.Event()
                    )
                    await program.stop()
        finally:
            await database.close()


@contextmanager
def _error_alone() -> Iterator[None]:
    """Take an error of ours out of the task group's group, if it is all there is."""
    try:
        yield
    except ExceptionGroup as group:
        first, *others = group.exceptions
        if isinstance(first, TrunklineError) and not others:
            raise first from None
        raise


class _Program:
    """Every part, put together. What goes in comes first, what goes out last."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        accounts: Accounts,
        first_account_sid: str,
        clock: Clock,
        ids: Ids,
        random: Random,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._tasks = tasks
        self._log = SqliteLog(database, clock)
        intake = Intake(self._log)
        self._calls = Calls(
            settings,
            database,
            accounts=accounts,
            first_account_sid=first_account_sid,
            intake=intake,
            clock=clock,
            ids=ids,
        )
        self._sdk = Sdk(
            settings, database, accounts=accounts, intake=intake, clock=clock, ids=ids
        )
        self._relaying = Relaying(intake)
        # Each sink bounds its own: this client's limit is for none to notice.
        self._to_sinks = Client(
            settings.networks,
            settings.ca_bundle,
            max_connections=100_000,
            proxy_url=settings.proxy_url,
        )
        self._watch = Watch(settings, database, self._log, clock=clock, ids=ids)
        self._routes = Routes()
        self._dispatcher = Dispatcher(
            Means(
                log=self._log,
                routes=self._routes,
                clock=clock,
                ids=ids,
                random=random,
                tasks=tasks,
                schema_host=settings.schema_base_url or envelope.SCHEMA_HOST,
                observers=[self, *self._watch.observers],
                queue_limit=settings.queue_max_events,
            ),
            Senders(settings, accounts, self._to_sinks, clock).make,
        )
        self._log.on_append(self._dispatcher.appended)
        self._watch.listen()
        self._replays = Replays(
            store=ReplayStore(database),
            log=self._log,
            lane_of=self._dispatcher.lane,
            clock=clock,
            ids=ids,
            tasks=tasks,
        )
        self._redelivery = Redelivery(self._log, self._dispatcher.lane, clock)
        self._sink_tests = SinkTests(intake, self._log, self._dispatcher, clock)
        self._registry = Registry(
            SqliteStreams(database),
            self._dispatcher,
            clock,
            ids,
            self._sink_tests.submit,
            one_subscription_per_sink=settings.one_subscription_per_sink,
        )
        self._watch.registry = self._registry

    async def start(
        self, account_registry: AccountRegistry, stopping: asyncio.Event
    ) -> Application:
        """Start from the way out to the ways in; return the application."""
        settings = self._settings
        await self._log.open()
        await self._registry.open()
        await self._sink_tests.resume(
            self._registry.directory.all_sinks(), self._registry.test_failed
        )
        await self._dispatcher.start()
        await self._replays.open()
        await self._calls.open()
        gateway = await self._sdk.open()
        self._ways_in = [
            self._tasks.create_task(work)
            for work in (
                *self._calls.work(),
                *self._sdk.work(),
                *self._watch.work(stopping),
            )
        ]
        callbacks = self._calls.callbacks
        self._calling_back = self._tasks.create_task(callbacks.run())
        return application(
            Services(
                accounts=self._accounts,
                registry=self._registry,
                public_url=settings.public_url,
                schema_base_url=settings.schema_base_url,
            ),
            gateway=gateway,
            calls=self._calls.routes(),
            accounts=accounts_api.routes(account_registry, settings.public_url),
            call_timeline=self._sdk.routes(),
            own_api=[
                *relay.routes(self._relaying, self._accounts, settings.public_url),
                *self._watch.routes(
                    accounts=self._accounts,
                    routes=self._routes,
                    redelivery=self._redelivery,
                    replays=self._replays,
                    calls=self._sdk.posts,
                    sdk_posts=gateway.counts,
                    sdk_events=self._sdk.joiner.counts,
                    callbacks=callbacks.counts,
                    relayed=self._relaying.counts,
                ),
            ],
            cors_origins=settings.cors_origins,
        )

    async def stop(self) -> None:
        """Stop the ways in, then delivery."""
        for task in self._ways_in:
            task.cancel()
        self._replays.stop()
        # Together: both have what is left of the time that a stop may take.
        async with asyncio.TaskGroup() as last:
            last.create_task(self._calls.callbacks.come_to_rest(GRACE))
            last.create_task(self._dispatcher.stop(GRACE))
        self._calling_back.cancel()
        await self._watch.stop()
        await self._calls.close()
        await self._to_sinks.close()

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        """Hear of deliveries that arrived."""

    def attempted(self, attempts: Sequence[Attempt]) -> None:
        """Hear of other attempts."""

    def buried(self, letter: DeadLetter) -> None:
        """Hear of a dead letter: a test event that is one has failed."""
        test_id = test_id_of(letter)
        if test_id is not None:
            failed = self._registry.test_failed(letter.sink_sid, test_id)
            self._tasks.create_task(failed)
