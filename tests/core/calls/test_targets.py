"""Callback URLs: what is accepted, sent and shown."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.capture.calls.targets import check, shown, target_of
from trunkline.outgoing.urls import InvalidUrl


LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize(
    ("url", "wire", "credentials"),
    [
        ("https://a.example", "https://a.example/", None),
        ("HTTPS://a.example/x#rc=1", "https://a.example/x", None),
        ("http://a.example?x=/@", "http://a.example/?x=/@", None),
        ("http://u:p@a.example:80/x", "http://a.example:80/x", "u:p"),
        ("http://u%3A:p%40@a.example/", "http://a.example/", "u::p@"),
        ("http://bücher.example/ä", "http://xn--bcher-kva.example/%C3%A4", None),
        ("http://[::1]:8080/x", "http://[::1]:8080/x", None),
    ],
)
def test_what_goes_on_the_wire(url: str, wire: str, credentials: str | None) -> None:
    target = target_of(url)

    assert (target.url, target.credentials) == (wire, credentials)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/status",
        "a.example/status",
        "ftp://a.example/",
        "http://",
        "http:///x",
        "http://a.example:99999/",
        "http://a.example:x/",
        "http://a_b.example/",
        "http://a.example/ x",
        "http://a.example/\r\nX: y",
        "http://10.0.0.1/",
        "http://127.0.0.1/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://[::1]/",
        "http://[:::::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest",
        "http://a.example/" + "x" * 4000,
    ],
)
def test_what_is_refused(url: str) -> None:
    with pytest.raises(InvalidUrl):
        check(url, ())


def test_the_operator_may_allow_a_network() -> None:
    check("http://127.0.0.1:4011/status", LOOPBACK)
    check("http://a.example/a_b?c_d=e", ())


@given(st.text(max_size=40))
def test_any_text_is_a_target_or_an_invalid_url(text: str) -> None:
    for url in (text, f"http://{text}", f"http://a.example/{text}"):
        try:
            target = target_of(url)
        except InvalidUrl:
            continue
        assert target.url.isascii()


def test_shown_urls_have_no_secrets() -> None:
    assert shown("https://u:p@a.example/x?y=1#rc=2") == "https://a.example/x?y=1"
