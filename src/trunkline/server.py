"""The composition root: picks every implementation, starts and stops them in order.

No other module does. `running` is the whole program without its listener; `run` puts
it behind one, until a signal says stop.
"""

import asyncio
import gc
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from random import Random, SystemRandom
from typing import Protocol

import structlog
import uvicorn
from starlette.types import ASGIApp

from trunkline.accounts import Accounts
from trunkline.accounts.registry import AccountRegistry
from trunkline.api import accounts as accounts_api
from trunkline.api import call_reports, call_timeline, calls_2010
from trunkline.api.app import application
from trunkline.api.events_v1.services import Services
from trunkline.capture.calls import exchange, overrides, switchboard
from trunkline.capture.calls.attendant import Attendant
from trunkline.capture.calls.progress import State
from trunkline.capture.calls.sender import Sender as CallbackSender
from trunkline.capture.calls.simulator import Simulator
from trunkline.capture.calls.switchboard import Switchboard
from trunkline.capture.calls.turns import Turns
from trunkline.capture.sdk.failures import TokenFailures
from trunkline.capture.sdk.gateway import Gateway
from trunkline.capture.sdk.geo import GeoFile
from trunkline.capture.sdk.joiner import Joiner
from trunkline.capture.sdk.mapping import NOWHERE, Place
from trunkline.capture.sdk.metrics import Metrics
from trunkline.capture.sdk.privacy import Privacy
from trunkline.capture.sdk.token import Tokens
from trunkline.clock import Clock, SystemClock
from trunkline.database import DATABASE_FILE
from trunkline.database.file import Database
from trunkline.database.folder import DataFolder, announce
from trunkline.delivery.dispatcher import Dispatcher
from trunkline.delivery.means import Means
from trunkline.delivery.ports import Sender as SinkSender
from trunkline.delivery.records import Attempt
from trunkline.delivery.redelivery import Redelivery
from trunkline.delivery.replays import Replays
from trunkline.delivery.sink_tests import SinkTests, test_id_of
from trunkline.errors import AddressUnusable, InvalidSetting
from trunkline.events import envelope
from trunkline.events.catalogue import SinkType
from trunkline.events.ids import Ids
from trunkline.intake import Intake
from trunkline.log.records import DeadLetter
from trunkline.log.sqlite import SqliteLog
from trunkline.outgoing.client import Client
from trunkline.settings import Settings, variable
from trunkline.sinks.aws.own_credentials import OwnCredentials
from trunkline.sinks.kinesis import Endpoints, KinesisSink
from trunkline.sinks.segment import SegmentSink
from trunkline.sinks.webhook import WebhookSink
from trunkline.storage.accounts import AccountStore
from trunkline.storage.calls import CallStore
from trunkline.storage.posts import PostStore
from trunkline.storage.replays import ReplayStore
from trunkline.storage.streams import SqliteStreams
from trunkline.storage.timeline import TimelineStore
from trunkline.streams import configuration
from trunkline.streams.registry import Registry
from trunkline.streams.routing import Routes
from trunkline.streams.sinks import Sink
from trunkline.watch import Watch


# How long attempts under way may go on after a signal to stop, in seconds.
GRACE = 10.0

# Requests served at a time; further ones are answered 503 at once.
MAX_REQUESTS = 10_000

_logger = structlog.get_logger("server")


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    clock: Clock | None = None,
    random: Random | None = None,
    stopping: asyncio.Event | None = None,
) -> AsyncIterator[ASGIApp]:
    """Run everything behind the application that is yielded, and stop it in order.

    Whoever sets `stopping` ends answers that would go on for as long as the client
    likes; whatever serves the application does as it begins to stop.

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
                yield await program.start(stopping or asyncio.Event())
                await program.stop()
        finally:
            await database.close()


class _Engine(switchboard.Engine, Protocol):
    """An engine that must be run."""

    async def run(self) -> None:
        """Make calls, until cancelled."""
        ...


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
        self._to_callbacks = Client(
            settings.networks,
            settings.ca_bundle,
            # For callbacks, and as many documents.
            max_connections=2 * settings.callback_concurrency,
        )
        self._aws_credentials = OwnCredentials()
        self._routes = Routes()
        self._watch = Watch(settings, database, self._log, clock=clock, ids=self._ids)
        self._dispatcher = Dispatcher(
            Means(
                log=self._log,
                routes=self._routes,
                clock=clock,
                ids=self._ids,
                random=random,
                tasks=tasks,
                schema_host=settings.schema_base_url or envelope.SCHEMA_HOST,
                observers=[self, *self._watch.observers],
            ),
            self._make_sender,
        )
        self._log.on_append(self._dispatcher.appended)
        self._watch.listen()
        self._replays = Replays(
            store=ReplayStore(database),
            log=self._log,
            lane_of=self._dispatcher.lane,
            clock=clock,
            ids=self._ids,
            tasks=tasks,
        )
        self._redelivery = Redelivery(self._log, self._dispatcher.lane, clock)
        self._sink_tests = SinkTests(self._intake, self._log, self._dispatcher, clock)
        self._registry = Registry(
            SqliteStreams(database),
            self._dispatcher,
            clock,
            self._ids,
            self._sink_tests.submit,
            one_subscription_per_sink=settings.one_subscription_per_sink,
        )
        self._watch.registry = self._registry
        self._ways_in: list[asyncio.Task[None]] = []

    async def start(self, stopping: asyncio.Event) -> ASGIApp:
        """Start from the way out to the ways in; return the application."""
        settings, clock = self._settings, self._clock
        accounts = AccountStore(self._database)
        first, _ = await accounts.ensure_first(settings, self._ids, clock.now_ms())
        self._first_account_sid = first.sid
        self._accounts = Accounts(*await accounts.load())
        await self._log.open()
        await self._registry.open()
        await self._sink_tests.resume(
            self._registry.directory.all_sinks(), self._registry.test_failed
        )
        await self._dispatcher.start()
        await self._replays.open()
        calls = CallStore(self._database)
        board = await self._start_calls(calls)
        posts = PostStore(self._database)
        token_failures = TokenFailures(self._accounts)
        gateway = await self._start_gateway(posts, token_failures)
        for work in self._watch.work(stopping):
            self._ways_in.append(self._tasks.create_task(work))
        return application(
            Services(
                accounts=self._accounts,
                registry=self._registry,
                public_url=settings.public_url,
                schema_base_url=settings.schema_base_url,
            ),
            gateway=gateway,
            calls=[
                *calls_2010.routes(
                    accounts=self._accounts,
                    switchboard=board,
                    calls=calls,
                    clock=clock,
                    public_url=settings.public_url,
                ),
                *call_reports.routes(
                    accounts=self._accounts,
                    board=board,
                    calls=calls,
                    clock=clock,
                    ids=self._ids,
                    networks=settings.networks,
                    public_url=settings.public_url,
                ),
            ],
            accounts=accounts_api.routes(
                AccountRegistry(accounts, self._accounts, clock, self._ids),
                settings.public_url,
            ),
            call_timeline=call_timeline.routes(
                accounts=self._accounts,
                timelines=TimelineStore(self._database),
                ids_of_call=posts.ids_of_call,
                token_failures=token_failures.of,
                public_url=settings.public_url,
            ),
            own_api=self._watch.routes(
                accounts=self._accounts,
                routes=self._routes,
                redelivery=self._redelivery,
                replays=self._replays,
                calls=posts,
                sdk_posts=gateway.counts,
                sdk_events=self._joiner.counts,
                callbacks=self._callbacks.counts,
            ),
            cors_origins=settings.cors_origins,
        )

    async def stop(self) -> None:
        """Stop the ways in, then delivery."""
        for task in self._ways_in:
            task.cancel()
        self._replays.stop()
        # Together: both have what is left of the time that a stop may take.
        async with asyncio.TaskGroup() as last:
            last.create_task(self._callbacks.come_to_rest(GRACE))
            last.create_task(self._dispatcher.stop(GRACE))
        self._calling_back.cancel()
        await self._watch.stop()
        await self._to_callbacks.close()
        await self._to_sinks.close()

    async def _start_gateway(
        self, posts: PostStore, token_failures: TokenFailures
    ) -> Gateway:
        settings, clock = self._settings, self._clock
        joiner = self._joiner = Joiner(
            intake=self._intake,
            store=posts,
            clock=clock,
            ids=self._ids,
            hold_seconds=settings.sdk_hold_seconds,
            min_level=settings.sdk_min_level,
            keep_raw=settings.sdk_keep_raw,
            retention_days=settings.sdk_retention_days,
        )
        await joiner.open()
        self._ways_in.append(self._tasks.create_task(joiner.run()))
        verify = settings.sdk_token_check != "claims"
        if not verify:
            _logger.warning(
                "sdk_tokens_not_verified",
                why="sdk_token_check is claims: anyone may post as anyone; for tests only",
            )
        tokens = Tokens(
            self._accounts,
            check_signature=verify,
            grace_s=settings.sdk_expired_token_grace,
        )
        self._accounts.on_change(tokens.forget)
        return Gateway(
            tokens=tokens,
            failures=token_failures,
            joiner=joiner,
            metrics=Metrics(posts),
            privacy=Privacy(
                salt=await posts.salt("sdk", os.urandom(32)),
                ip_privacy=settings.sdk_ip_privacy,
                hash_device_ids=settings.sdk_hash_device_ids,
                client_name=settings.sdk_client_name,
            ),
            settings=settings,
            clock=clock,
            place_of=self._start_geo(),
        )

    def _start_geo(self) -> Callable[[str], Place]:
        if self._settings.sdk_geo_mmdb is None or not self._settings.sdk_geo:
            return lambda _address: NOWHERE
        geo = GeoFile(self._settings.sdk_geo_mmdb)
        self._ways_in.append(self._tasks.create_task(geo.run(self._clock)))
        return geo.place

    async def _start_calls(self, calls: CallStore) -> Switchboard:
        settings, clock = self._settings, self._clock
        means = exchange.Means(
            http=self._to_callbacks,
            clock=clock,
            auth_token=self._auth_token,
            defaults=_callback_defaults(settings.callback_defaults),
            region=settings.home_region,
        )
        sender = self._callbacks = CallbackSender(
            queue=calls,
            intake=self._intake,
            means=means,
            concurrency=settings.callback_concurrency,
            concurrency_per_host=settings.callback_concurrency_per_host,
        )
        board = Switchboard(
            calls=calls,
            enqueue=sender.enqueue,
            clock=clock,
            ids=self._ids,
            policy=switchboard.Policy(
                networks=settings.networks,
                calls_per_second=settings.calls_per_second,
                declined=State(settings.sip_603),
                extra_parameters=settings.extra_parameters,
            ),
        )
        engine = self._make_engine(board, calls)
        attendant = Attendant(
            board=board,
            calls=calls,
            means=means,
            ids=self._ids,
            networks=settings.networks,
            # Telephones take their own time.
            pace_ms=settings.simulator_pace if settings.engine == "simulator" else 0,
            turns=Turns(
                settings.callback_concurrency, settings.callback_concurrency_per_host
            ),
        )
        board.connect(engine, attendant)
        await sender.load()
        await board.resume()
        for part in (board, engine, attendant):
            self._ways_in.append(self._tasks.create_task(part.run()))
        self._calling_back = self._tasks.create_task(sender.run())
        return board

    def _make_engine(self, board: Switchboard, calls: CallStore) -> _Engine:
        settings, clock = self._settings, self._clock
        if settings.engine == "simulator":
            return Simulator(
                report=board.report,
                clock=clock,
                pace_ms=settings.simulator_pace,
                seed=settings.simulator_seed,
            )
        # Here, not above: aiohttp costs a start that most do without.
        from trunkline.capture.calls.engines import asterisk  # noqa: PLC0415

        assert settings.asterisk_url is not None
        assert settings.asterisk_user is not None
        assert settings.asterisk_password is not None
        return asterisk.AsteriskEngine(
            ari=asterisk.Ari(
                url=settings.asterisk_url,
                user=settings.asterisk_user,
                password=settings.asterisk_password,
                app=settings.asterisk_app,
            ),
            report=board.report,
            adopt=calls.adopt,
            clock=clock,
            plan=asterisk.Plan(
                endpoint=settings.asterisk_endpoint,
                account_sid=self._first_account_sid,
                networks=settings.networks,
            ),
        )

    def _make_sender(self, sink: Sink) -> SinkSender:
        account = self._accounts.account(sink.account_sid)
        assert account is not None
        match sink.sink_type:
            case SinkType.WEBHOOK:
                return WebhookSink(
                    sink_sid=sink.sid,
                    destination=str(sink.configuration["destination"]),
                    method=configuration.method(sink.configuration),
                    batch_events=configuration.batches(sink.configuration),
                    auth_token=account.auth_token,
                    client=self._to_sinks,
                    clock=self._clock,
                )
            case SinkType.KINESIS:
                return KinesisSink(
                    sink_sid=sink.sid,
                    configuration=sink.configuration,
                    endpoints=Endpoints(
                        kinesis=self._settings.kinesis_endpoint_url,
                        sts=self._settings.sts_endpoint_url,
                    ),
                    own=self._aws_credentials,
                    client=self._to_sinks,
                    clock=self._clock,
                )
            case SinkType.SEGMENT:
                return SegmentSink(
                    sink_sid=sink.sid,
                    write_key=str(sink.configuration["write_key"]),
                    endpoint=self._settings.segment_endpoint_url,
                    client=self._to_sinks,
                    clock=self._clock,
                )

    def attempted(self, attempt: Attempt) -> None:
        """Hear of an attempt."""

    def buried(self, letter: DeadLetter) -> None:
        """Hear of a dead letter: a test event that is one has failed."""
        test_id = test_id_of(letter)
        if test_id is not None:
            failed = self._registry.test_failed(letter.sink_sid, test_id)
            self._tasks.create_task(failed)

    def _auth_token(self, account_sid: str) -> str | None:
        account = self._accounts.account(account_sid)
        return account.auth_token if account else None


def _callback_defaults(text: str) -> overrides.Overrides:
    defaults, bad_keys = overrides.overrides_of(f"#{text}")
    if bad_keys:
        keys = ", ".join(bad_keys)
        raise InvalidSetting(f"{variable('callback_defaults')}: bad value of {keys}")
    return defaults


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises TrunklineError where the server cannot start; then nothing was touched.
    """
    tls = _tls(settings)
    with _listening(settings.host, settings.port) as listener:
        stopping = asyncio.Event()
        async with running(settings, stopping=stopping) as app:
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
                ssl_context_factory=None if tls is None else lambda *_: tls,
            )
            server = _Server(
                config, lambda: _announce(settings, listener), stopping.set
            )
            # What is there now stays: the collector need not look at it again.
            gc.freeze()
            await server.serve([listener])
            _logger.info("server.stopping")
    _logger.info("server.stopped")


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to the event loop and an end of exit code 0."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop

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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Have endless answers end, then wait for the rest."""
        self._on_stop()
        await super().shutdown(sockets)


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """Return the listener's TLS; None where it speaks plain HTTP."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    try:
        # A key under a password would have OpenSSL ask for it, and wait.
        context.load_cert_chain(
            settings.tls_cert, settings.tls_key, password=lambda: ""
        )
    except (OSError, ValueError) as error:
        raise InvalidSetting(
            f"TRUNKLINE_TLS_CERT, TRUNKLINE_TLS_KEY: {settings.tls_cert} and "
            f"{settings.tls_key} are no certificate chain and its private key, both "
            f"PEM, the key without a password ({error})."
        ) from error
    return context


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
    scheme = "http" if settings.tls_cert is None else "https"
    url = f"{scheme}://{shown}:{port}"
    announce(settings.data_dir, url, settings.tls_cert)
    _logger.info("server.ready", url=url, data_dir=str(settings.data_dir))
