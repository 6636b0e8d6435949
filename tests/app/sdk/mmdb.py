"""Writes small MMDB files (MaxMind DB file format 2.0): IPv4, 24-bit records."""

import struct
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any


_MARKER = b"\xab\xcd\xefMaxMind.com"
_SEPARATOR = bytes(16)


def database(entries: Mapping[str, Any]) -> bytes:
    """Return the file in which these networks have these entries."""
    nodes: list[list[int | None]] = [[None, None]]
    data = b""
    leaves: list[tuple[int, int, int]] = []
    for network, entry in entries.items():
        leaves.append((*_leaf(nodes, IPv4Network(network)), len(data)))
        data += _encoded(entry)
    for node, side, offset in leaves:
        nodes[node][side] = len(nodes) + len(_SEPARATOR) + offset
    tree = b"".join(
        (len(nodes) if record is None else record).to_bytes(3, "big")
        for node in nodes
        for record in node
    )
    metadata = {
        "node_count": len(nodes),
        "record_size": 24,
        "ip_version": 4,
        "database_type": "Test-City",
        "languages": ["en"],
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1,
        "description": {"en": "a test"},
    }
    return tree + _SEPARATOR + data + _MARKER + _encoded(metadata)


def _leaf(nodes: list[list[int | None]], network: IPv4Network) -> tuple[int, int]:
    """Return where a network ends in the tree, as node and side; make the way there."""
    address, node = int(network.network_address), 0
    bits = [address >> (31 - bit) & 1 for bit in range(network.prefixlen)]
    for bit in bits[:-1]:
        onward = nodes[node][bit]
        if onward is None:
            onward = nodes[node][bit] = len(nodes)
            nodes.append([None, None])
        node = onward
    return node, bits[-1]


def _encoded(value: Any) -> bytes:
    match value:
        case str():
            text = value.encode("utf-8")
            return _control(2, len(text)) + text
        case float():
            return _control(3, 8) + struct.pack(">d", value)
        case int():
            return _control(6, 4) + value.to_bytes(4, "big")
        case dict():
            pairs = (_encoded(k) + _encoded(v) for k, v in value.items())
            return _control(7, len(value)) + b"".join(pairs)
        case list():
            return _control(11, len(value)) + b"".join(map(_encoded, value))
        case _:
            raise TypeError(value)


def _control(kind: int, size: int) -> bytes:
    assert size < 285
    short, rest = (size, b"") if size < 29 else (29, bytes([size - 29]))
    if kind < 8:
        return bytes([kind << 5 | short]) + rest
    return bytes([short, kind - 7]) + rest
