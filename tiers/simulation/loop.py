"""An event loop whose time is virtual: when nothing is left to do, the hour moves on.

Nothing in it is real but the code that it runs. A thread's work is done by the loop in
between, after a delay from the seed; a connection leads to `network`. So a seed decides
the order of everything, and the same seed gives the same run.
"""

import asyncio
import selectors
import socket
from collections.abc import Callable
from concurrent.futures import Executor
from random import Random
from typing import Any, Protocol

from trunkline.clock import SystemClock


# 2026-03-01T00:00:00Z.
EPOCH_MS = 1_772_323_200_000


# In seconds: whoever lives longer waits for what never comes.
LONGEST_LIFE = 60 * 24 * 60 * 60.0


class Network(Protocol):
    """What is at the other end of connections."""

    async def connect(self, where: tuple[str, int]) -> None:
        """Return once connected. Raises OSError."""
        ...

    def open(
        self, protocol: asyncio.Protocol, where: tuple[str, int]
    ) -> asyncio.Transport:
        """Return our end of a connection that was made."""
        ...


class Stuck(Exception):
    """Nothing is left to do, and nothing will ever be."""


class _Selector(selectors.SelectSelector):
    """Does not wait for files: it lets time pass."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None or self.passed > LONGEST_LIFE:
            raise Stuck
        self.passed += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop. `network` is set before anything is connected.

    `faults` are what raised where nobody but the loop could hear of it.
    """

    network: Network

    def __init__(self, random: Random) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)
        self._random = random
        self._dialled: dict[int, tuple[str, int]] = {}
        self.faults: list[str] = []

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        super().call_exception_handler(context)
        # Not what a kill leaves: tasks without an end, results that nobody took.
        if context["message"].startswith("Exception in callback"):
            self.faults.append(f"{context['message']}: {context.get('exception')!r}")

    def time(self) -> float:
        return self._virtual.passed

    def _write_to_self(self) -> None:
        """There is no other thread that could have to wake us."""

    def later(self, least: float, most: float, work: Callable[[], object]) -> None:
        """Do some thread's work after a while."""
        self.call_later(self._random.uniform(least, most), work)

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()

        def work() -> None:
            if future.done():
                return
            try:
                future.set_result(func(*args))
            except Exception as error:  # noqa: BLE001 (it is whoever waits who hears)
                future.set_exception(error)

        self.later(0.0001, 0.003, work)
        return future

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        await self.network.connect(address)
        self._dialled[sock.fileno()] = address

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], Any], *, sock: socket.socket
    ) -> tuple[asyncio.Transport, Any]:
        where = self._dialled.pop(sock.fileno())
        sock.close()
        protocol = protocol_factory()
        transport = self.network.open(protocol, where)
        protocol.connection_made(transport)
        return transport, protocol


class JumpingClock(SystemClock):
    """The wall clock of the simulated machine: it can be set forward and back."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._offset_ms = 0
        self.jumps: list[tuple[float, int]] = []

    def now_ms(self) -> int:
        return EPOCH_MS + self._offset_ms + int(self._loop.time() * 1000)

    def jump(self, seconds: int) -> None:
        """Set the clock."""
        self._offset_ms += seconds * 1000
        self.jumps.append((self._loop.time(), seconds * 1000))
