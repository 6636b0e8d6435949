"""Connecting: name, TCP, TLS, each with its own failures, all within one time."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from ipaddress import IPv4Address

from trunkline.outgoing import tls
from trunkline.outgoing.addresses import Address
from trunkline.outgoing.connection import Connection
from trunkline.outgoing.messages import Reason, SendFailed
from trunkline.outgoing.names import Names
from trunkline.outgoing.proxy import Proxy
from trunkline.outgoing.urls import Origin


# Of a host with more addresses, the first ones are tried.
_MOST_ADDRESSES = 8

# A peer that does not answer our goodbye is not waited for (asyncio's own: 30 s).
_TLS_GOODBYE = 1.0


class Dialer:
    """Makes connections to vetted addresses, and to no others.

    With a proxy, they go through it.
    """

    def __init__(
        self, names: Names, trust: tls.Trust, proxy: Proxy | None = None
    ) -> None:
        self._names = names
        self._trust = trust
        self._proxy = proxy

    async def dial(
        self,
        origin: Origin,
        *,
        send_sni: bool,
        until: float,
        make: Callable[[], Connection],
    ) -> Connection:
        """Return a connection to an origin, made by `until` (in loop time).

        The addresses are tried in turn, each with its share of the time that is left.
        Raises SendFailed, telling of the last address.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(until):
                addresses = await self._names.dialable(origin.host, origin.port)
        except TimeoutError:
            detail = "name not resolved in time"
            raise SendFailed(Reason.NAME_NOT_RESOLVED, detail) from None
        addresses = addresses[:_MOST_ADDRESSES]
        failure: SendFailed | None = None
        for tried, address in enumerate(addresses):
            now = loop.time()
            share = max(until - now, 0) / (len(addresses) - tried)
            try:
                async with asyncio.timeout_at(now + share):
                    return await self._connect(origin, address, send_sni, make)
            except SendFailed as error:
                failure = error
            except (OSError, TimeoutError) as error:
                failure = _failure(error, f"{address} port {origin.port}")
        assert failure is not None
        raise failure

    async def _connect(
        self,
        origin: Origin,
        address: Address,
        send_sni: bool,
        make: Callable[[], Connection],
    ) -> Connection:
        if self._proxy is None:
            stream = await _connected(address, origin.port)
        else:
            stream = await self._proxy.tunnel(address, origin.port)
        loop = asyncio.get_running_loop()
        if origin.scheme == "http":
            return (await loop.create_connection(make, sock=stream))[1]
        trust = self._trust
        transport, connection = await loop.create_connection(
            make,
            sock=stream,
            ssl=trust.context if send_sni else trust.context_without_names,
            server_hostname=origin.server_name if send_sni else "",
            ssl_shutdown_timeout=_TLS_GOODBYE,
        )
        if not send_sni:
            certificate = transport.get_extra_info("ssl_object").getpeercert()
            if not tls.covers(certificate, origin.server_name):
                connection.abort()
                detail = "certificate not accepted: it is for another host"
                raise SendFailed(Reason.CERTIFICATE_HOST, detail)
        return connection


async def _connected(address: Address, port: int) -> socket.socket:
    """Return a socket connected to just this address: no name is looked up again."""
    where: tuple[str | int, ...]
    if isinstance(address, IPv4Address):
        family, where = socket.AF_INET, (str(address), port)
    else:
        family = socket.AF_INET6
        text, _, scope = str(address).partition("%")
        where = (text, port, 0, _scope_id(scope))
    stream = socket.socket(family, socket.SOCK_STREAM)
    try:
        stream.setblocking(False)
        await asyncio.get_running_loop().sock_connect(stream, where)
    except BaseException:
        stream.close()
        raise
    return stream


def _scope_id(scope: str) -> int:
    if not scope:
        return 0
    return int(scope) if scope.isdecimal() else socket.if_nametoindex(scope)


def _failure(error: OSError | TimeoutError, where: str) -> SendFailed:
    if isinstance(error, ssl.SSLError):
        return SendFailed(tls.reason_of(error), tls.detail_of(error))
    if isinstance(error, TimeoutError):
        return SendFailed(Reason.CONNECT_TIMEOUT, f"{where}: not connected in time")
    what = os.strerror(error.errno) if error.errno else "closed within the handshake"
    return SendFailed(Reason.CONNECT_FAILED, f"{where}: {what}")
