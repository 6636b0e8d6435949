"""Small servers for tests: each connection is a script that a test writes."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server on loopback that counts its connections."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.connected = asyncio.Event()

    def url(self, target: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{target}"


@asynccontextmanager
async def serving(
    script: Script, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Run a script on every connection. Leaves when all of them have ended.

    A script that waits for the end of what it reads shows that the client closes.
    """
    state = Server()
    ended: list[asyncio.Event] = []

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        state.connected.set()
        end = asyncio.Event()
        ended.append(end)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await script(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            end.set()

    server = await asyncio.start_server(run, "127.0.0.1", 0, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for end in ended:
            await end.wait()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Read one request, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head + await reader.readexactly(length)


def answering(*parts: bytes) -> Script:
    """Answer every request of a connection with the same bytes."""

    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await read_request(reader)
            for part in parts:
                writer.write(part)
                await writer.drain()

    return script


def answering_once(*parts: bytes) -> Script:
    """Answer one request, and close."""

    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        for part in parts:
            writer.write(part)
            await writer.drain()

    return script


def answering_and_waiting(*parts: bytes) -> Script:
    """Answer one request with these bytes, then nothing, until the client closes."""

    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        for part in parts:
            writer.write(part)
        await writer.drain()
        await reader.read()

    return script


def pouring(head: bytes, drop: bytes) -> Script:
    """Answer with a head, and then with the same bytes until the client closes."""

    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        writer.write(head)
        while not writer.is_closing():
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0)  # drain alone may never give way

    return script


async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset the connection once a request has come."""
    await read_request(reader)
    writer.transport.abort()


async def silent(
    reader: asyncio.StreamReader,
    _writer: asyncio.StreamWriter,
) -> None:
    """Say nothing until the client closes."""
    await reader.read()
