"""Which addresses may be dialled."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.outgoing.addresses import literal_address, refusal


NOT_PUBLIC = {
    "0.0.0.0": "unspecified",
    "0.1.2.3": "unspecified",
    "10.0.0.1": "private",
    "100.64.0.1": "shared",
    "100.127.255.255": "shared",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.1": "reserved",
    "192.0.2.1": "documentation",
    "192.88.99.1": "reserved",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarking",
    "198.19.255.255": "benchmarking",
    "198.51.100.7": "documentation",
    "203.0.113.7": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.255": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "::": "unspecified",
    "::1": "loopback",
    "100::1": "reserved",
    "2001:2::1": "benchmarking",
    "2001:db8::1": "documentation",
    "2001:10::1": "reserved",
    "3fff::1": "documentation",
    "4000::1": "reserved",
    "fc00::1": "private",
    "fd12:3456::1": "private",
    "fec0::1": "private",
    "ff02::1": "multicast",
}

NEEDS_EXACT_ENTRY = {
    "169.254.169.254": "cloud metadata",
    "169.254.170.2": "link-local",
    "169.254.0.1": "link-local",
    "100.100.100.200": "cloud metadata",
    "168.63.129.16": "cloud metadata",
    "192.0.0.192": "cloud metadata",
    "fd00:ec2::254": "cloud metadata",
    "fd00:ec2::23": "cloud metadata",
    "fd20:ce::254": "cloud metadata",
    "fe80::1": "link-local",
    "fe80::1%2": "link-local",
}

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "198.17.255.255",
    "223.255.255.255",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
]

# IPv6 addresses that carry 127.0.0.1, 10.0.0.1 or 169.254.169.254.
CARRIERS = {
    "::ffff:127.0.0.1": "loopback",
    "::ffff:169.254.169.254": "cloud metadata",
    "::127.0.0.1": "loopback",
    "::a00:1": "private",
    "64:ff9b::10.0.0.1": "private",
    "64:ff9b::169.254.169.254": "cloud metadata",
    "2002:7f00:1::1": "loopback",
    "2002:a00:1::": "private",
    "2002:a9fe:a9fe::": "cloud metadata",
    # Teredo: server 8.8.8.8, client 10.0.0.1 with its bits flipped
    "2001:0:808:808::f5ff:fffe": "private",
    # Teredo: server 10.0.0.1, client 8.8.8.8
    "2001:0:a00:1::f7f7:f7f7": "private",
}

EVERYTHING = [ip_network("0.0.0.0/0"), ip_network("::/0")]


@pytest.mark.parametrize(("text", "word"), NOT_PUBLIC.items())
def test_what_is_not_public_is_refused(text: str, word: str) -> None:
    assert refusal(ip_address(text), []) == word


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_a_network_of_the_operator_allows_it(text: str) -> None:
    assert refusal(ip_address(text), EVERYTHING) is None


@pytest.mark.parametrize(("text", "word"), NEEDS_EXACT_ENTRY.items())
def test_metadata_and_link_local_need_an_exact_entry(text: str, word: str) -> None:
    address = ip_address(text)
    assert refusal(address, []) == word
    assert refusal(address, EVERYTHING) == word
    assert refusal(address, [ip_network(text.partition("%")[0])]) is None


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_may_be_dialled(text: str) -> None:
    assert refusal(ip_address(text), []) is None


@pytest.mark.parametrize(("text", "word"), CARRIERS.items())
def test_an_address_inside_another_decides(text: str, word: str) -> None:
    assert refusal(ip_address(text), []) == word


@pytest.mark.parametrize(
    "text", ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]
)
def test_a_public_address_inside_another_is_public(text: str) -> None:
    assert refusal(ip_address(text), []) is None


def test_a_network_counts_for_the_address_inside_as_well() -> None:
    loopback = [ip_network("127.0.0.0/8")]
    assert refusal(ip_address("::ffff:127.0.0.1"), loopback) is None
    assert refusal(ip_address("2002:7f00:1::1"), loopback) is None
    assert refusal(ip_address("::ffff:10.0.0.1"), loopback) == "private"


def test_metadata_inside_another_address_needs_the_exact_entry_too() -> None:
    inside = ip_address("64:ff9b::a9fe:a9fe")
    assert refusal(inside, [ip_network("169.254.0.0/16")]) == "cloud metadata"
    assert refusal(inside, [ip_network("64:ff9b::/96")]) == "cloud metadata"
    assert refusal(inside, [ip_network("169.254.169.254/32")]) is None


def test_local_nat64_cannot_be_read_and_is_refused() -> None:
    assert refusal(ip_address("64:ff9b:1::8.8.8.8"), []) == "reserved"


@given(st.ip_addresses(v=4))
def test_only_what_the_registry_calls_global_may_be_dialled(
    address: IPv4Address,
) -> None:
    if refusal(address, []) is None:
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses(v=6))
def test_nothing_outside_global_unicast_may_be_dialled(address: IPv6Address) -> None:
    if refusal(address, []) is None:
        assert address in ip_network("2000::/3") or int(address) >> 32 in {
            0,
            0xFFFF,
            0x64FF9B << 64,
        }


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0X7F.1",
        "017700000001",
        "0177.0.0.01",
        "127.0.0.1.",
        "127.1..",
    ],
)
def test_every_spelling_of_an_ipv4_address_is_read(host: str) -> None:
    assert literal_address(host) == IPv4Address("127.0.0.1")


@pytest.mark.parametrize("host", ["::1", "[::1]", "0:0:0:0:0:0:0:1"])
def test_ipv6_addresses_are_read_with_and_without_brackets(host: str) -> None:
    assert literal_address(host) == IPv6Address("::1")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "example.org",
        "1.2.3.4.example",
        "1.2.3.4.5",
        "256.0.0.1",
        "127.0.0.1 x",
        "",
        ".",
        "[]",
        "\uff11\uff12\uff17.0.0.1",
    ],
)
def test_a_name_is_not_an_address(host: str) -> None:
    assert literal_address(host) is None
