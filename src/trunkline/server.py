"""The composition root: picks every implementation, starts and stops them in order.

No other module does. `running` is the whole program without its listener; `run` puts
it behind one, until a signal says stop.
"""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from random import Random, SystemRandom

import structlog
import uvicorn
from starlette.types import ASGIApp

from trunkline.accounts import Accounts
from trunkline.api import calls_2010
from trunkline.api.app import application
from trunkline.api.events_v1.services import Services
from trunkline.capture.calls import exchange, switchboard
from trunkline.capture.calls.sender import Sender as CallbackSender
from trunkline.capture.calls.simulator import Simulator
from trunkline.capture.calls.switchboard import Switchboard
from trunkline.capture.sdk.gateway import Gateway
from trunkline.capture.sdk.joiner import Joiner
from trunkline.capture.sdk.token import Tokens
from trunkline.clock import Clock, SystemClock
from trunkline.database import DATABASE_FILE
from trunkline.database.file import Database
from trunkline.database.folder import DataFolder
from trunkline.delivery.dispatcher import Dispatcher
from trunkline.delivery.lane import Means, Policy
from trunkline.delivery.ports import Sender as SinkSender
from trunkline.delivery.sink_tests import SinkTests, test_id_of
from trunkline.errors import AddressUnusable
from trunkline.events import envelope
from trunkline.events.ids import Ids
from trunkline.intake import Intake
from trunkline.log.records import DeadLetter
from trunkline.log.sqlite import SqliteLog
from trunkline.outgoing.client import Client
from trunkline.settings import Settings
from trunkline.sinks.webhook import WebhookSink
from trunkline.storage.accounts import AccountStore
from trunkline.storage.calls import CallStore
from trunkline.storage.posts import PostStore
from trunkline.storage.streams import SqliteStreams
from trunkline.streams import configuration
from trunkline.streams.registry import Registry
from trunkline.streams.routing import Routes
from trunkline.streams.sinks import Sink


# How long attempts under way may go on after a signal to stop, in seconds.
GRACE = 10.0

# Requests served at a time; further ones are answered 503 at once.
MAX_REQUESTS = 10_000

_logger = structlog.get_logger("server")


@asynccontextmanager
async def running(
    settings: Settings, *, clock: Clock | None = None, random: Random | None = None
) -> AsyncIterator[ASGIApp]:
    """Run everything behind the application that is yielded, and stop it in order.

    Raises DataFolderUnusable, InvalidSetting or StorageFailed before anything starts.
    """
    with DataFolder(settings.data_dir) as folder:
        database = Database(folder.path / DATABASE_FILE)
        await database.open()
        try:
            async with asyncio.TaskGroup() as tasks:
                program = _Program(
                    settings,
                    database,
                    clock=clock or SystemClock(),
                    random=random or SystemRandom(),
                    tasks=tasks,
                )
                yield await program.start()
                await program.stop()
        finally:
            await database.close()


class _Program:
    """Every part, put together. What goes in comes first, what goes out last."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        clock: Clock,
        random: Random,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._tasks = tasks
        self._ids = Ids(clock.now_ms, os.urandom)
        self._log = SqliteLog(database, clock)
        self._intake = Intake(self._log)
        # One client each: sinks that hang must not use up the callbacks' connections.
        self._to_sinks = Client(
            settings.networks, settings.ca_bundle, max_connections=100_000
        )
        self._to_callbacks = Client(settings.networks, settings.ca_bundle)
        self._dispatcher = Dispatcher(
            Means(
                log=self._log,
                routes=Routes(),
                clock=clock,
                ids=self._ids,
                random=random,
                tasks=tasks,
                schema_host=settings.schema_base_url or envelope.SCHEMA_HOST,
                on_buried=self._buried,
            ),
            self._make_sender,
            Policy(),
        )
        self._log.on_append(self._dispatcher.appended)
        self._sink_tests = SinkTests(self._intake, self._log, self._dispatcher, clock)
        self._registry = Registry(
            SqliteStreams(database),
            self._dispatcher,
            clock,
            self._ids,
            self._sink_tests.submit,
            one_subscription_per_sink=settings.one_subscription_per_sink,
        )
        self._ways_in: list[asyncio.Task[None]] = []

    async def start(self) -> ASGIApp:
        """Start from the way out to the ways in; return the application."""
        settings, clock = self._settings, self._clock
        accounts = AccountStore(self._database)
        await accounts.ensure_first(settings, self._ids, clock.now_ms())
        self._accounts = Accounts(*await accounts.load())
        await self._log.open()
        await self._registry.open()
        await self._sink_tests.resume(
            self._registry.directory.all_sinks(), self._registry.test_failed
        )
        await self._dispatcher.start()
        calls = CallStore(self._database)
        board = await self._start_calls(calls)
        joiner = Joiner(
            intake=self._intake,
            store=PostStore(self._database),
            clock=clock,
            ids=self._ids,
            hold_seconds=settings.sdk_hold_seconds,
        )
        await joiner.open()
        self._ways_in.append(self._tasks.create_task(joiner.run()))
        return application(
            Services(
                accounts=self._accounts,
                registry=self._registry,
                public_url=settings.public_url,
                schema_base_url=settings.schema_base_url,
            ),
            gateway=Gateway(
                tokens=Tokens(self._accounts),
                joiner=joiner,
                settings=settings,
                clock=clock,
            ),
            calls=calls_2010.routes(
                accounts=self._accounts,
                switchboard=board,
                calls=calls,
                clock=clock,
                public_url=settings.public_url,
            ),
            cors_origins=settings.cors_origins,
        )

    async def stop(self) -> None:
        """Stop the ways in, then delivery."""
        for task in self._ways_in:
            task.cancel()
        await self._dispatcher.stop(GRACE)
        await self._to_callbacks.close()
        await self._to_sinks.close()

    async def _start_calls(self, calls: CallStore) -> Switchboard:
        settings, clock = self._settings, self._clock
        sender = CallbackSender(
            queue=calls,
            intake=self._intake,
            means=exchange.Means(http=self._to_callbacks, clock=clock),
            auth_token=self._auth_token,
        )
        board = Switchboard(
            calls=calls,
            enqueue=sender.enqueue,
            clock=clock,
            ids=self._ids,
            policy=switchboard.Policy(
                networks=settings.networks, calls_per_second=settings.calls_per_second
            ),
        )
        engine = Simulator(
            report=board.report, clock=clock, pace_ms=settings.simulator_pace
        )
        board.connect(engine)
        await sender.load()
        await board.resume()
        for part in (sender, board, engine):
            self._ways_in.append(self._tasks.create_task(part.run()))
        return board

    def _make_sender(self, sink: Sink) -> SinkSender:
        account = self._accounts.account(sink.account_sid)
        assert account is not None
        return WebhookSink(
            sink_sid=sink.sid,
            destination=str(sink.configuration["destination"]),
            method=configuration.method(sink.configuration),
            batch_events=configuration.batches(sink.configuration),
            auth_token=account.auth_token,
            client=self._to_sinks,
            clock=self._clock,
        )

    def _buried(self, letter: DeadLetter) -> None:
        test_id = test_id_of(letter)
        if test_id is not None:
            failed = self._registry.test_failed(letter.sink_sid, test_id)
            self._tasks.create_task(failed)

    def _auth_token(self, account_sid: str) -> str | None:
        account = self._accounts.account(account_sid)
        return account.auth_token if account else None


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises TrunklineError where the server cannot start; then nothing was touched.
    """
    with _listening(settings.host, settings.port) as listener:
        async with running(settings) as app:
            config = uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=MAX_REQUESTS,
                timeout_graceful_shutdown=int(GRACE),
            )
            server = _Server(config, lambda: _announce(settings, listener))
            # What is there now stays: the collector need not look at it again.
            gc.freeze()
            await server.serve([listener])
            _logger.info("server.stopping")
    _logger.info("server.stopped")


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to the event loop and an end of exit code 0."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGTERM or SIGINT; a second one does not wait for requests."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and say so."""
        await super().startup(sockets)
        self._on_ready()


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Hold the address before anything else is touched."""
    try:
        found = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)
        family, kind, protocol, _, address = found[0]
        # The protocol is named, or asyncio would leave Nagle's delays on.
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise AddressUnusable(
            f"Cannot listen on {host}:{port}: {error.strerror}."
        ) from error
    with listener:
        yield listener


def _announce(settings: Settings, listener: socket.socket) -> None:
    host, port, *_ = listener.getsockname()
    shown = f"[{host}]" if ":" in host else host
    _logger.info(
        "server.ready", url=f"http://{shown}:{port}", data_dir=str(settings.data_dir)
    )
