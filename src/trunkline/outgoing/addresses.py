"""Which IP addresses may be dialled (spec event-streams 5.1). Pure.

Public addresses may. All others are refused, unless a network that the operator
allows contains them; link-local and cloud metadata addresses need an entry of just
that address. An IPv6 address that carries IPv4 ones is as good as what it carries.

Spellings of addresses are no way round this: a host is judged by the addresses it
stands for, never by its text. `literal_address` reads every form that the system's
resolver would take as a number (`127.1`, `0x7f.0.0.1`, `017700000001`, `2130706433`),
and what a resolver makes of any other text is an address, which is judged as well.
"""

import socket
from collections.abc import Iterable, Sequence
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv6Address,
    IPv6Network,
    ip_network,
)

from trunkline.settings import Network


Address = IPv4Address | IPv6Address


def _networks(table: dict[str, str]) -> tuple[tuple[Network, str], ...]:
    return tuple((ip_network(network), word) for network, word in table.items())


# Refused even to operators who allow a wider network around them: whoever reaches
# these gets credentials of the machine (RFC 3927, RFC 4291, the clouds' own manuals).
_EXACT_ONLY = _networks(
    {
        "169.254.169.254/32": "cloud metadata",
        "169.254.0.0/16": "link-local",
        "100.100.100.200/32": "cloud metadata",
        "168.63.129.16/32": "cloud metadata",
        "192.0.0.192/32": "cloud metadata",
        "fd00:ec2::/32": "cloud metadata",
        "fd20:ce::254/128": "cloud metadata",
        "fe80::/10": "link-local",
    }
)

# IANA's special-purpose registries (RFC 6890), with multicast and what is reserved.
_NOT_PUBLIC = _networks(
    {
        "0.0.0.0/8": "unspecified",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "shared",
        "127.0.0.0/8": "loopback",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "reserved",
        "192.0.2.0/24": "documentation",
        "192.88.99.0/24": "reserved",
        "192.168.0.0/16": "private",
        "198.18.0.0/15": "benchmarking",
        "198.51.100.0/24": "documentation",
        "203.0.113.0/24": "documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
        "::/128": "unspecified",
        "::1/128": "loopback",
        "2001:db8::/32": "documentation",
        "2001:2::/48": "benchmarking",
        "2001::/23": "reserved",
        "3fff::/20": "documentation",
        "fc00::/7": "private",
        "fec0::/10": "private",
        "ff00::/8": "multicast",
    }
)

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_TEREDO = IPv6Network("2001::/32")

# Where an IPv6 address carries an IPv4 one: the network, and how many bits follow it.
_CARRIERS = (
    (IPv6Network("::ffff:0:0/96"), 0),  # IPv4-mapped (RFC 4291)
    (IPv6Network("::/96"), 0),  # IPv4-compatible (RFC 4291)
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64 (RFC 6052)
    (IPv6Network("2002::/16"), 80),  # 6to4 (RFC 3056)
)


def refusal(address: Address, allowed: Sequence[Network]) -> str | None:
    """Return why an address may not be dialled, in a word or two; None if it may."""
    carried = _carried(address)
    for each in (address, *carried):
        word = _word(each, _EXACT_ONLY)
        if word and not _names_exactly((address, *carried), allowed):
            return word
    if _names(address, allowed):
        return None
    if carried:
        refused = (_not_public(each) for each in carried if not _names(each, allowed))
        return next((word for word in refused if word), None)
    return _not_public(address)


def literal_address(host: str) -> Address | None:
    """Return the address that a URL's host spells out; None if it is a name.

    Takes IPv6 with or without brackets, and IPv4 in the decimal, octal, hexadecimal
    and shortened spellings, with trailing dots too.
    """
    text = host.removeprefix("[").removesuffix("]")
    try:
        return IPv6Address(text)
    except AddressValueError:
        pass
    text = text.rstrip(".")
    # inet_aton ends at white space and ignores the rest.
    if not (text.isascii() and text.replace(".", "").isalnum()):
        return None
    try:
        return IPv4Address(socket.inet_aton(text))
    except OSError:
        return None


def _carried(address: Address) -> tuple[IPv4Address, ...]:
    if not isinstance(address, IPv6Address):
        return ()
    number = int(address)
    if address in _TEREDO:  # The server, and the client with its bits flipped.
        server, client = number >> 64 & 0xFFFFFFFF, ~number & 0xFFFFFFFF
        return IPv4Address(server), IPv4Address(client)
    if number <= 1:  # Unspecified and loopback are not IPv4-compatible.
        return ()
    for network, shift in _CARRIERS:
        if address in network:
            return (IPv4Address(number >> shift & 0xFFFFFFFF),)
    return ()


def _not_public(address: Address) -> str | None:
    word = _word(address, _NOT_PUBLIC)
    if word or isinstance(address, IPv4Address) or address in _GLOBAL_UNICAST:
        return word
    return "reserved"


def _word(address: Address, table: Iterable[tuple[Network, str]]) -> str | None:
    return next((word for network, word in table if address in network), None)


def _names(address: Address, allowed: Sequence[Network]) -> bool:
    return any(address in network for network in allowed)


def _names_exactly(addresses: Iterable[Address], allowed: Sequence[Network]) -> bool:
    exact = [each for each in allowed if each.prefixlen == each.max_prefixlen]
    return any(_names(address, exact) for address in addresses)
