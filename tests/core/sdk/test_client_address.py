"""Whose address a post has."""

from ipaddress import ip_network

import pytest

from trunkline.capture.sdk.client_address import client_address


TRUSTED = [ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48")]


def address(peer: str, *values: str, header: str = "x-forwarded-for") -> str:
    headers = [(header.encode(), value.encode()) for value in values]
    return client_address(peer, headers, TRUSTED, header.encode())


def test_a_stranger_cannot_claim_an_address() -> None:
    assert address("203.0.113.7", "198.51.100.1") == "203.0.113.7"


def test_without_proxies_the_socket_tells() -> None:
    headers = [(b"x-forwarded-for", b"198.51.100.1")]
    assert client_address("10.0.0.1", headers, []) == "10.0.0.1"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["198.51.100.1"], "198.51.100.1"),
        (["192.0.2.66, 198.51.100.1"], "198.51.100.1"),
        (["198.51.100.1, 10.2.3.4"], "198.51.100.1"),
        (["192.0.2.66", "198.51.100.1", "10.2.3.4"], "198.51.100.1"),
        (["198.51.100.1:4711"], "198.51.100.1"),
        (["[2001:db8::9]:443"], "2001:db8::9"),
        (["2001:db8::9%eth0"], "2001:db8::9"),
        (["::ffff:198.51.100.1"], "198.51.100.1"),
        (["198.51.100.1, 2001:db8:1::5"], "198.51.100.1"),
        (["unknown"], "10.0.0.1"),
        (["198.51.100.1, rubbish"], "10.0.0.1"),
        (["10.9.9.9"], "10.0.0.1"),
        ([","], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
    ids=str,
)
def test_behind_a_proxy_the_last_stranger_is_the_client(
    values: list[str], expected: str
) -> None:
    assert address("10.0.0.1", *values) == expected


def test_the_standard_header_is_read_too() -> None:
    told = 'for=192.0.2.66, For="[2001:db8::9]:4711";proto=https;by=10.0.0.1'
    assert address("10.0.0.1", told, header="forwarded") == "2001:db8::9"
    assert address("10.0.0.1", "proto=https", header="forwarded") == "10.0.0.1"


def test_any_other_header_with_an_address_is_read() -> None:
    assert address("10.0.0.1", "198.51.100.1", header="x-real-ip") == "198.51.100.1"


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("", ""),
        ("a socket", ""),
    ],
)
def test_the_sockets_address_is_written_plainly(peer: str, expected: str) -> None:
    assert client_address(peer, [], []) == expected
