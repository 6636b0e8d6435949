"""Requests, as bytes."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.outgoing.messages import Reason, Request, SendFailed, compose


def request(
    method: str = "POST",
    url: str = "http://example.org:8080/a?b=c",
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
) -> Request:
    return Request(
        method=method,
        url=url,
        headers=headers,
        body=body,
        connect_timeout=1,
        read_timeout=1,
        total_timeout=1,
    )


def test_head_and_body_are_one_write() -> None:
    _, wire = compose(request(headers=[("X-One", "1")], body=b"{}"))
    assert wire == (
        b"POST /a?b=c HTTP/1.1\r\nHost: example.org:8080\r\nContent-Length: 2\r\n"
        b"X-One: 1\r\n\r\n{}"
    )


def test_a_get_has_no_length_and_an_empty_post_has() -> None:
    assert b"Content-Length" not in compose(request(method="GET"))[1]
    assert b"Content-Length: 0\r\n" in compose(request())[1]


def test_text_beyond_ascii_goes_out_as_utf_8_in_urls_and_latin_1_in_headers() -> None:
    _, wire = compose(request(url="http://example.org/ü", headers=[("X", "ü")]))
    assert wire.startswith(b"POST /\xc3\xbc HTTP/1.1\r\n")
    assert b"X: \xfc\r\n" in wire


@pytest.mark.parametrize(
    "broken",
    [
        request(method="PO ST"),
        request(method="POST / HTTP/1.1\r\nX:"),
        request(url="http://example.org/ HTTP/1.1\r\nX: y"),
        request(headers=[("X", "a\r\nY: b")]),
        request(headers=[("X", "a\nb")]),
        request(headers=[("X", "a\x00")]),
        request(headers=[("X", "snow \N{SNOWMAN}")]),
        request(headers=[("X: y\r\nZ", "a")]),
        request(headers=[("", "a")]),
        request(headers=[("Content-Length", "0")]),
        request(headers=[("transfer-encoding", "chunked")]),
        request(headers=[("Host", "other.example")]),
    ],
)
def test_what_would_be_another_request_is_refused(broken: Request) -> None:
    with pytest.raises(SendFailed) as failed:
        compose(broken)
    assert failed.value.reason is Reason.INVALID_REQUEST
    assert not failed.value.connected


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_text_adds_a_line(path: str, value: str) -> None:
    try:
        _, wire = compose(request(url=f"http://h/{path}", headers=[("X", value)]))
    except SendFailed:
        return
    assert wire.count(b"\n") == wire.count(b"\r") == 5
