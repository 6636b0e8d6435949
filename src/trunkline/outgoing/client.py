"""The guarded HTTP client: what webhooks and callbacks go out by.

It connects to vetted addresses only, verifies certificates always, follows no
redirects, decodes no compression, and bounds everything an answer can have.

There are two ways in: `send` waits for a place and for a connection, `send_at_once` has
no use for either, and costs no task.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from trunkline.outgoing.connection import Connection, Result, Stale
from trunkline.outgoing.dialing import Dialer
from trunkline.outgoing.messages import (
    Reason,
    Request,
    Response,
    SendFailed,
    compose,
)
from trunkline.outgoing.names import Names, Resolve, system_resolve
from trunkline.outgoing.pool import Key, Pool
from trunkline.outgoing.proxy import Proxy
from trunkline.outgoing.tls import Trust
from trunkline.outgoing.urls import Origin
from trunkline.settings import Network


__all__ = ["Client", "Exchange", "Reason", "Request", "Response", "SendFailed", "Stale"]

HearAbout = Callable[[Result, Any], None]
"""Is told once how an exchange ended, and what it was about."""


class Client:
    """Sends requests, over connections that it keeps for the next ones.

    `networks` may be dialled beyond public addresses; `ca_bundle` holds roots beyond
    the system's. At most `max_connections` requests are under way; further ones wait
    their turn, in order. Up to `max_idle` connections rest, for `idle_time` seconds
    each, and none is used for longer than `max_age` seconds, so that a host that moves
    is followed. With `proxy_url` all connections go through that proxy. Lives until `close`. Raises InvalidSetting for an unusable bundle.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        ca_bundle: Path | None = None,
        *,
        max_connections: int = 1000,
        max_idle: int = 200,
        idle_time: float = 30.0,
        max_age: float = 300.0,
        resolve: Resolve = system_resolve,
        proxy_url: str | None = None,
    ) -> None:
        self._names = Names(resolve, networks)
        proxy = Proxy.parse(proxy_url) if proxy_url else None
        self._dialer = Dialer(self._names, Trust(ca_bundle), proxy)
        self._pool = Pool(limit=max_idle, idle_time=idle_time)
        self._max_connections = max_connections
        self._max_age = max_age
        self._under_way = 0
        # Whose answer is being told of: what is sent at once then goes out on its
        # connection, which spares that a rest.
        self._in_hand: Exchange | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._connections: set[Connection] = set()
        self._closed = False
        self._all_gone = asyncio.Event()

    async def send(self, request: Request) -> Response:
        """Send a request and return the answer, whatever its status.

        A request that meets a connection which ended while it rested is sent once
        more, over a fresh one. Raises SendFailed.
        """
        if self._closed:
            raise _closed()
        origin, wire = compose(request)
        if self._under_way >= self._max_connections:
            await self._turn()
        else:
            self._under_way += 1
        try:
            loop = asyncio.get_running_loop()
            total_at = loop.time() + request.total_timeout
            key = (origin, request.send_sni)
            connection = self._pool.take(key) if request.keep_alive else None
            if connection is not None:
                try:
                    return await self._exchange(
                        key, connection, request, wire, total_at
                    )
                except Stale:
                    pass
            connection = await self._dial(key, request, total_at)
            return await self._exchange(key, connection, request, wire, total_at)
        finally:
            self._leave()

    def send_at_once(
        self,
        request: Request,
        origin: Origin,
        wire: bytes,
        hear: HearAbout,
        about: object,
    ) -> "Exchange | None":
        """Send if a connection rests that a request can have; return None if not.

        `origin` and `wire` are what was composed of such a request, which has the
        limits. `hear` is told how it ends, what came back, why nothing did, or Stale
        where another connection may do; and what it is `about`, which is the caller's.
        """
        if self._closed or self._under_way >= self._max_connections:
            return None
        key = (origin, request.send_sni)
        connection: Connection | None
        if self._in_hand is not None and self._in_hand.key == key:
            connection = self._in_hand.connection
            self._in_hand = None
        else:
            connection = self._pool.take(key)
            if connection is None:
                return None
        self._under_way += 1
        exchange = Exchange(self, key, connection, hear, about)
        now = asyncio.get_running_loop().time()
        total_at = now + request.total_timeout
        connection.exchange(request, wire, now, total_at, exchange.ended)
        return exchange

    async def close(self) -> None:
        """End all connections and requests; further requests fail."""
        self._closed = True
        self._names.close()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(_closed())
        for connection in list(self._connections):
            connection.abort()
        while self._connections:
            self._all_gone.clear()
            await self._all_gone.wait()

    async def _exchange(
        self,
        key: Key,
        connection: Connection,
        request: Request,
        wire: bytes,
        total_at: float,
    ) -> Response:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Response] = loop.create_future()

        def hear(result: Result) -> None:
            if answer.done():
                return  # Given up, and about to be abandoned.
            if isinstance(result, Response):
                answer.set_result(result)
            else:
                answer.set_exception(result)

        connection.exchange(request, wire, loop.time(), total_at, hear)
        try:
            response = await answer
        except BaseException:
            connection.abandon()
            raise
        self._put_back(key, connection, request)
        return response

    def _put_back(self, key: Key, connection: Connection, request: Request) -> None:
        """Keep a connection that has had its answer, if it is of use."""
        if request.keep_alive:
            self._pool.put(key, connection)
        else:
            connection.close()

    async def _dial(self, key: Key, request: Request, total_at: float) -> Connection:
        # A place among the connections: those at rest give way to those in use.
        if self._under_way + len(self._pool) > self._max_connections:
            self._pool.close_oldest()
        origin, send_sni = key
        connect_at = asyncio.get_running_loop().time() + request.connect_timeout
        try:
            connection = await self._dialer.dial(
                origin,
                send_sni=send_sni,
                until=min(connect_at, total_at),
                make=lambda: Connection(self._lost, self._max_age),
            )
        except SendFailed as failure:
            if failure.reason is Reason.CONNECT_TIMEOUT and total_at < connect_at:
                raise SendFailed(Reason.TOTAL_TIMEOUT, failure.detail) from None
            raise
        if self._closed:
            connection.abort()
            raise _closed()
        # Not before: uvloop never tells of the loss if it was cancelled until here.
        if not connection.closing:
            self._connections.add(connection)
        return connection

    def _lost(self, connection: Connection) -> None:
        self._pool.drop(connection)
        self._connections.discard(connection)
        if not self._connections:
            self._all_gone.set()

    async def _turn(self) -> None:
        """Wait for a place that another request leaves to us."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and not waiter.exception():
                self._leave()  # It had just been given to us.
            raise

    def _leave(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)  # The place changes hands.
                return
        self._under_way -= 1


# A struct: one is made for each request, which a class of Python's takes its time for.
class Exchange(msgspec.Struct, eq=False):
    """A request that was sent at once: the part of the client that looks after one."""

    client: Client
    key: Key
    connection: Connection
    hear: HearAbout
    about: object

    def cancel(self) -> None:
        """Give up, and tell nobody. Not once it has ended."""
        self.about = None
        self.connection.abandon()
        self.client._leave()  # noqa: SLF001 - see the class

    def ended(self, result: Result) -> None:
        """Tell how it ended, the connection in hand, and then lay that down."""
        client, connection = self.client, self.connection
        # Whoever it is about holds this, too: neither is to wait for the collector.
        about, self.about = self.about, None
        client._leave()  # noqa: SLF001
        if not isinstance(result, Response) or not connection.is_reusable():
            connection.close()
            self.hear(result, about)
            return
        client._in_hand = self  # noqa: SLF001
        try:
            self.hear(result, about)
        finally:
            if client._in_hand is self:  # noqa: SLF001
                client._in_hand = None  # noqa: SLF001
                client._pool.put(self.key, connection)  # noqa: SLF001


def _closed() -> SendFailed:
    return SendFailed(Reason.CONNECTION_LOST, "the client is closed")
