"""A CONNECT proxy that leads `*.twilio.com` to our server and nothing else anywhere.

This is how a client that knows no address but Twilio's is made to talk to Trunkline:
it believes to have a TLS connection with Twilio, whose other end is here.
"""

import asyncio
import ssl
import threading
from types import TracebackType
from typing import Self

from tiers.clients.authority import Authority


_OK = b"HTTP/1.1 200 Connection established\r\n\r\n"
_FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


class Proxy:
    """Runs in a thread of its own. A context manager.

    `asked` holds every `host:port` that a client wanted.
    """

    def __init__(self, authority: Authority, port: int) -> None:
        """Lead to the server at that port of 127.0.0.1."""
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(authority.certificate, authority.key)
        self._server_port = port
        self._ready = threading.Event()
        self.asked: set[str] = set()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(),))
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._twilio = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self._tls
        )
        proxy = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        for server in (proxy, self._twilio):
            server.close()

    async def _connect(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer a CONNECT."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split("\r\n", 1)[0].split(" ")
        self.asked.add(target)
        if method != "CONNECT" or not target.endswith(".twilio.com:443"):
            writer.write(_FORBIDDEN)
            writer.close()
            return
        writer.write(_OK)
        await _join(reader, writer, self._twilio.sockets[0].getsockname()[1])

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Be Twilio, as far as the certificate goes."""
        await _join(reader, writer, self._server_port)


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
) -> None:
    """Join a connection with a new one to that port, until either side is done."""
    to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await asyncio.gather(_copy(reader, to_writer), _copy(to_reader, writer))
    finally:
        to_writer.close()
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass  # the client has gone, as it may
    finally:
        # The other direction ends, too: these clients speak one after the other.
        writer.close()
