"""URLs, as they go on the wire."""

import pytest

from trunkline.outgoing.urls import InvalidUrl, split


def test_path_and_query_stay_as_they_are() -> None:
    origin, target = split("https://Example.org:8443/a%2Fb//c?x=%7e&y=ü")
    assert (origin.scheme, origin.host, origin.port) == ("https", "Example.org", 8443)
    assert origin.authority == "Example.org:8443"
    assert target == "/a%2Fb//c?x=%7e&y=ü"


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://example.org", "/"),
        ("HTTP://example.org/a", "/a"),
        ("HTTPS://example.org/a", "/a"),
        ("http://example.org?x=/1", "/?x=/1"),
        ("http://example.org/?x=http://y/?z", "/?x=http://y/?z"),
    ],
)
def test_an_empty_path_becomes_a_slash(url: str, target: str) -> None:
    assert split(url)[1] == target


@pytest.mark.parametrize(
    ("url", "host", "authority"),
    [
        ("http://example.org:80/", "example.org", "example.org"),
        ("https://example.org:443/", "example.org", "example.org"),
        ("https://example.org:80/", "example.org", "example.org:80"),
        ("http://example.org:/", "example.org", "example.org"),
        ("http://[::1]:8080/", "::1", "[::1]:8080"),
        ("http://bücher.example/", "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("http://\uff11\uff12\uff17.0.0.1/", "127.0.0.1", "127.0.0.1"),
    ],
)
def test_the_host_is_what_is_dialled(url: str, host: str, authority: str) -> None:
    origin, _ = split(url)
    assert origin.host == host
    assert origin.authority == authority


def test_a_trailing_dot_is_no_part_of_the_certificate_name() -> None:
    origin, _ = split("https://example.org./")
    assert origin.host == "example.org."
    assert origin.server_name == "example.org"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/path",
        "example.org/path",
        "ftp://example.org/",
        "http:///path",
        "http://:80/",
        "http://example.org:0/",
        "http://example.org:65536/",
        "http://example.org:99999/",
        "http://example.org:8080000000000/",
        "http://example.org:+80/",
        "http://example.org:8 0/",
        "http://user:password@example.org/",
        "http://example.org/#fragment",
        "http://exa mple.org/",
        "http://example.org\r\nX: y/",
        "http://example.org/a b",
        "http://example.org/a\r\nX: y",
        "http://example.org/\x00",
        "http://example.org/\x7f",
        "http://127%2e0.0.1/",
        "http://example.org\\@127.0.0.1/",
        "http://[::1/",
        "http://[::1%25eth0]/",
        "http://℀.example/",
        f"http://{'a' * 64}.ü.example/",
        f"http://{'a.' * 200}example/",
    ],
)
def test_what_no_request_can_be_sent_to_is_refused(url: str) -> None:
    with pytest.raises(InvalidUrl):
        split(url)
