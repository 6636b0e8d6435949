"""From a host to the addresses that may be dialled for it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Any

from trunkline.outgoing.addresses import Address, literal_address, refusal
from trunkline.outgoing.messages import Reason, SendFailed
from trunkline.settings import Network


#: Looks up a name: host and port to addresses, the preferred one first.
#: Raises OSError if there are none.
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]


async def system_resolve(host: str, port: int) -> list[Address]:
    """Look a name up as the system does (hosts file, DNS)."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(_address(*entry[4]) for entry in found))


def _address(text: Any, _port: Any, _flow: Any = 0, scope: Any = 0) -> Address:
    return ip_address(f"{text}%{scope}" if scope and "%" not in text else text)


class Names:
    """Finds and vets the addresses of hosts.

    All who ask for one name at a time share one look-up, so a name server that hangs
    takes one of the resolver's few threads, however many requests wait for it.
    """

    def __init__(self, resolve: Resolve, allowed: Sequence[Network]) -> None:
        self._resolve = resolve
        self._allowed = allowed
        self._lookups: dict[str, asyncio.Future[Sequence[Address]]] = {}

    async def dialable(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host that may be dialled, at least one.

        Raises SendFailed: NAME_NOT_RESOLVED, or ADDRESS_REFUSED if there is none.
        """
        literal = literal_address(host)
        found = [literal] if literal else await self._look_up(host, port)
        refused = {address: refusal(address, self._allowed) for address in found}
        dialable = [address for address, word in refused.items() if not word]
        if not dialable:
            listed = ", ".join(f"{each} ({word})" for each, word in refused.items())
            detail = f"address not allowed: {listed}"
            raise SendFailed(Reason.ADDRESS_REFUSED, detail)
        return dialable

    async def _look_up(self, host: str, port: int) -> Sequence[Address]:
        lookup = self._lookups.get(host)
        if lookup is None:
            lookup = asyncio.ensure_future(self._resolve(host, port))
            self._lookups[host] = lookup
            lookup.add_done_callback(lambda done: self._forget(host, done))
        try:
            found = await asyncio.shield(lookup)
        except (OSError, UnicodeError) as error:
            found = ()
            why = getattr(error, "strerror", None) or "not a name"
        else:
            why = "it has no address"
        if not found:
            detail = f"name not resolved: {why}"
            raise SendFailed(Reason.NAME_NOT_RESOLVED, detail)
        return found

    def _forget(self, host: str, lookup: asyncio.Future[Sequence[Address]]) -> None:
        del self._lookups[host]
        if not lookup.cancelled():
            lookup.exception()  # Whoever waited may be gone: say that it was seen.

    def close(self) -> None:
        """Give up the look-ups under way."""
        for lookup in list(self._lookups.values()):
            lookup.cancel()
