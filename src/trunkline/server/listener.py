"""The listener: the program behind an address, until a signal says stop."""

import asyncio
import gc
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import structlog
import uvicorn

from trunkline.api.app import Application
from trunkline.capture.sdk.gateway import HOT_PATHS, Gateway
from trunkline.database.folder import announce
from trunkline.errors import AddressUnusable, InvalidSetting
from trunkline.server.connection import Connection
from trunkline.server.program import GRACE, running
from trunkline.settings import Settings


# Requests served at a time; further ones are answered 503 at once.
MAX_REQUESTS = 10_000

# How long a client may take to send a request's head, or to go on with its body, in
# seconds. A connection that waits longer is dropped: it would be held for good.
PATIENCE = 35.0

_logger = structlog.get_logger("server")


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
                http=_connection_to(app),
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
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop
        self._patience = patience
        self._waiting: dict[Any, float] = {}

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

    async def on_tick(self, counter: int) -> bool:
        """Drop connections that say nothing; uvicorn has no limit for these."""
        now = asyncio.get_running_loop().time()
        for connection in list(self.server_state.connections):
            if isinstance(connection, Connection):
                _look(connection)
        self._waiting = {
            connection: self._waiting.get(connection, now)
            for connection in self.server_state.connections
            if _awaits_client(connection)
        }
        for connection, since in self._waiting.items():
            if now - since > self._patience:
                connection.transport.abort()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Have endless answers end, then wait for the rest."""
        self._on_stop()
        await super().shutdown(sockets)


def _connection_to(app: Application) -> type[asyncio.Protocol]:
    """Return what uvicorn calls to make a connection: posts go straight to `app`."""
    door = cast("Gateway", app.gateway)
    made = partial(Connection, door=door, paths=HOT_PATHS)
    return cast("type[asyncio.Protocol]", made)


def _look(connection: Connection) -> None:
    try:
        connection.look()
    except Exception:  # one connection's trouble, and no other's
        _logger.exception("server.connection_failed")
        connection.transport.abort()


def _awaits_client(connection: Any) -> bool:
    """Tell whether a head or a body has been begun, or is overdue, and not ended.

    Between two requests uvicorn's own timer runs.
    """
    cycle = connection.cycle
    if cycle is None or cycle.response_complete:
        return connection.timeout_keep_alive_task is None
    return bool(cycle.more_body)


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
