"""Going through an HTTP proxy (RFC 9110, 9.3.6: CONNECT).

The proxy is asked for the address that was vetted, never for a name that it would look
up itself. Its own address is the operator's choice, and is not vetted.
"""

import asyncio
import socket
from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from trunkline.outgoing.addresses import Address
from trunkline.outgoing.messages import Reason, SendFailed


# Far more than any proxy says about a tunnel.
_MAX_ANSWER = 16_384

_DEFAULT_PORT = 8080


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where the proxy is, and what it wants to hear about who asks."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> "Proxy":
        """Take `http://[user:password@]host[:port]` apart."""
        parts = urlsplit(url)
        authorization = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = f"Basic {b64encode(pair.encode()).decode('ascii')}"
        return cls(parts.hostname or "", parts.port or _DEFAULT_PORT, authorization)

    async def tunnel(self, address: Address, port: int) -> socket.socket:
        """Return a socket at whose other end is that address.

        Raises SendFailed where the proxy refuses, OSError where it is not there.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self.host, self.port, proto=socket.IPPROTO_TCP)
        family, kind, protocol, _, where = found[0]
        stream = socket.socket(family, kind, protocol)
        try:
            stream.setblocking(False)
            await loop.sock_connect(stream, where)
            await loop.sock_sendall(stream, self._request(address, port))
            await _check(stream)
        except BaseException:
            stream.close()
            raise
        return stream

    def _request(self, address: Address, port: int) -> bytes:
        host = f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004 (the protocol's own number)
        lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}"]
        if self.authorization is not None:
            lines.append(f"Proxy-Authorization: {self.authorization}")
        return "\r\n".join((*lines, "", "")).encode("ascii")


async def _check(stream: socket.socket) -> None:
    """Read the proxy's answer to its end, and no further."""
    loop = asyncio.get_running_loop()
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        # Nobody speaks before we do: what follows the answer cannot be here yet.
        more = await loop.sock_recv(stream, _MAX_ANSWER - len(answer))
        if not more:
            raise SendFailed(Reason.CONNECT_FAILED, "the proxy gave no usable answer")
        answer += more
    status = answer.split(b" ", 2)[1:2]
    if status[:1] != [b"200"]:
        shown = status[0][:3].decode("ascii", "replace") if status else "nothing"
        raise SendFailed(Reason.CONNECT_FAILED, f"the proxy answered {shown}")
