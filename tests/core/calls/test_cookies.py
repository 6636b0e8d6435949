"""Cookies of one call."""

from trunkline.capture.calls.cookies import Cookies
from trunkline.outgoing.messages import Response
from trunkline.outgoing.urls import origin


A = origin("https://a.example")
B = origin("https://b.example")


def setting(*lines: str) -> Response:
    return Response(status=200, headers=tuple(("Set-Cookie", line) for line in lines))


def test_a_server_gets_back_what_it_has_set() -> None:
    cookies = Cookies()
    cookies.keep(A, setting("sid=1; Path=/; HttpOnly", "lang=en"))

    assert cookies.header(A) == "sid=1; lang=en"
    assert cookies.header(B) == ""


def test_a_cookie_is_replaced_and_taken_back() -> None:
    cookies = Cookies()
    cookies.keep(A, setting("a=1", "b=1"))
    cookies.keep(A, setting("a=2", "b=; Max-Age=0"))

    assert cookies.header(A) == "a=2"


def test_a_server_cannot_fill_the_memory() -> None:
    cookies = Cookies()
    cookies.keep(A, setting(*(f"c{n}=x" for n in range(100)), "big=" + "x" * 5000))

    assert len(cookies.header(A).split("; ")) == 20


def test_nonsense_is_no_cookie() -> None:
    cookies = Cookies()
    cookies.keep(A, setting("", "novalue", "=x", ";;"))

    assert not cookies
