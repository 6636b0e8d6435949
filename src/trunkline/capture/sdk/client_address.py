"""The address of a client, behind trusted proxies or not (spec voice-sdk 8.3)."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from trunkline.settings import Network


Address = IPv4Address | IPv6Address
Headers = Iterable[tuple[bytes, bytes]]

# `for=` of one element of Forwarded (RFC 7239 4), quoted or not.
_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("[^"]*"|[^;]*)', re.IGNORECASE)

# Hops looked at: nobody chains that many proxies.
_MAX_HOPS = 32


def client_address(
    peer: str,
    headers: Headers,
    trusted: Sequence[Network],
    header: bytes = b"x-forwarded-for",
) -> str:
    """Return the address that a request came from, `""` if there is none.

    `peer` is the socket's. `header` is the lower-case name of the one that trusted
    proxies write; from anyone else it is ignored.
    """
    if not trusted:
        return _normal(peer)
    nearest = read_address(peer)
    if nearest is None or not _is_trusted(nearest, trusted):
        return _normal(peer)
    for hop in reversed(_hops(headers, header)):
        address = read_address(hop)
        if address is None:
            return str(nearest)
        if not _is_trusted(address, trusted):
            return str(address)
    return str(nearest)


@lru_cache(maxsize=4096)
def _normal(peer: str) -> str:
    address = read_address(peer)
    return "" if address is None else str(address)


def _hops(headers: Headers, header: bytes) -> list[str]:
    """Return what proxies wrote, the nearest last."""
    written = ",".join(v.decode("latin-1") for name, v in headers if name == header)
    hops = [hop.strip() for hop in written.split(",") if hop.strip()]
    if header == b"forwarded":
        found = [_FOR.search(hop) for hop in hops]
        hops = [match[1] if match else "unknown" for match in found]
    return hops[-_MAX_HOPS:]


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def read_address(text: str) -> Address | None:
    """Return the address in a text such as `[2001:db8::1%eth0]:443`."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
