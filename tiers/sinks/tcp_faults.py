"""A TCP proxy that delays, drips, resets, swallows or refuses, as a test says."""

import asyncio
import socket
import struct
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto
from types import TracebackType
from typing import Self


#: In seconds: of every piece that is delayed, and between two bytes that drip.
DELAY = 0.2
DRIP = 1.0

_PIECE = 65_536
_RESET = struct.pack("ii", 1, 0)  # linger for no time: a reset in place of an end


class Fault(Enum):
    """What happens to connections."""

    NONE = auto()
    DELAY = auto()  #: each way, every piece
    DRIP = auto()  #: answers come a byte a second
    RESET = auto()  #: once the request has come
    BLACKHOLE = auto()  #: all is swallowed, in silence
    REFUSE = auto()  #: reset before anything is read


class FaultProxy:
    """Stands before a server on a port of loopback. A context manager.

    `fault` may be changed at any time and counts for what comes from then on; `mend`
    also ends the connections that had one. `struck` is set once a fault has met a
    connection, `given_up` once a client has ended a connection of its own accord.
    """

    def __init__(self, port: int, fault: Fault = Fault.NONE) -> None:
        self._port = port
        self.fault = fault
        self.struck = threading.Event()
        self.given_up = threading.Event()
        self._live: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()

        async def serve() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.url = "http://{}:{}".format(*server.sockets[0].getsockname())
            ready.set()
            await self._stop.wait()
            server.close()
            self._reset_all()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        def run() -> None:
            self._loop.run_until_complete(serve())
            self._loop.close()

        self._thread = threading.Thread(target=run)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def mend(self) -> None:
        """Have no fault any more, and end the connections that had one."""
        self.fault = Fault.NONE
        self._loop.call_soon_threadsafe(self._reset_all)

    def _reset_all(self) -> None:
        for writer in list(self._live):
            _reset(writer)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self.fault is Fault.REFUSE:
            self.struck.set()
            _reset(writer)
            return
        with suppress(OSError):
            async with self._watched(writer):
                far_reader, far_writer = await asyncio.open_connection(
                    "127.0.0.1", self._port
                )
                async with self._watched(far_writer):
                    await asyncio.gather(
                        self._pump(reader, far_writer, request=True),
                        self._pump(far_reader, writer, request=False),
                    )

    @asynccontextmanager
    async def _watched(self, writer: asyncio.StreamWriter) -> AsyncIterator[None]:
        self._live.add(writer)
        try:
            yield
        finally:
            self._live.discard(writer)
            writer.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        request: bool,
    ) -> None:
        while piece := await reader.read(_PIECE):
            if self.fault is not Fault.NONE:
                self.struck.set()
            match self.fault:
                case Fault.BLACKHOLE:
                    continue
                case Fault.RESET:
                    self._reset_all()
                    return
                case Fault.DELAY:
                    await asyncio.sleep(DELAY)
                case Fault.DRIP if not request:
                    for number in range(len(piece)):
                        writer.write(piece[number : number + 1])
                        await asyncio.sleep(DRIP)
                    continue
            writer.write(piece)
            await writer.drain()
        # Whoever ended it ends it for both.
        if request:
            self.given_up.set()
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    end = writer.get_extra_info("socket")
    if end is not None and not writer.is_closing():
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()
