"""Heads that are known again, held against the parser that reads all others."""

from typing import Any

import httptools
from hypothesis import example, given
from hypothesis import strategies as st

from trunkline.server.heads import head_of


LINE = b"POST /v4/EndpointEvents HTTP/1.1\r\n"

headers = st.lists(
    st.sampled_from(
        [
            b"Host: x",
            b"X-Twilio-Token: a.b.c",
            b"X-Length: 12",
            b"content-length-of: 3",
            b"X: Content-Length: 3",
            b"Accept:",
        ]
    )
)
lengths = st.sampled_from(
    [b"Content-Length: %d", b"content-length:%d", b"CONTENT-LENGTH: \t %d"]
)
bodies = st.binary(min_size=1, max_size=1200)


def request(before: list[bytes], length: bytes, after: list[bytes], body: bytes) -> Any:
    lines = [*before, length % len(body), *after]
    return LINE + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


class Read:
    """What the parser makes of a request."""

    def __init__(self, data: bytes) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.whole = 0
        httptools.HttpRequestParser(self).feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() != b"content-length":
            self.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.whole += 1


@given(headers, lengths, headers, bodies, bodies)
def test_a_head_is_known_again_with_another_length(
    before: list[bytes], length: bytes, after: list[bytes], body: bytes, other: bytes
) -> None:
    head = head_of(request(before, length, after, body), body)
    assert head is not None
    again = request(before, length, after, other)
    found = head.body_in(again)
    assert found is not None
    start, end = found
    assert again[start:end] == other
    assert end == len(again)


@given(headers, lengths, bodies, st.data())
@example([], b"Content-Length: %d", b"{}", None)
def test_what_is_known_again_is_what_the_parser_reads(
    before: list[bytes], length: bytes, body: bytes, data: Any
) -> None:
    first = request(before, length, [], body)
    head = head_of(first, body)
    assert head is not None
    number = b"0002"
    if data is not None:
        number = data.draw(st.text("0123456789-+x_ \r\n", max_size=6)).encode()
    second = first.replace(b"%d" % len(body), number, 1)
    found = head.body_in(second)
    if found is None:
        return
    start, end = found
    read, before_it = Read(second[:end].ljust(end, b"x")), Read(first)
    assert read.headers == before_it.headers
    assert read.body == second[start:end].ljust(end - start, b"x")
    assert read.whole == (1 if end > start else read.whole)


@given(headers, lengths, bodies, st.integers(0, 200))
def test_what_is_not_all_here_is_another_head(
    before: list[bytes], length: bytes, body: bytes, cut: int
) -> None:
    whole = request(before, length, [], body)
    head = head_of(whole, body)
    assert head is not None
    part = whole[: max(0, len(whole) - len(body) - 1 - cut)]
    assert head.body_in(part) is None
    assert head.body_in(b"GET" + whole[4:]) is None


def test_only_a_whole_request_with_one_length_has_a_head_to_know_again_by() -> None:
    whole = request([], b"Content-Length: %d", [], b"{}")
    for request_, body in (
        (whole + whole, b"{}"),
        (whole, b"{}{}"),
        (whole, b"[]"),
        (request([b"Content-Length: 2"], b"Content-Length: %d", [], b"{}"), b"{}"),
        (request([], b"X: %d", [], b"{}"), b"{}"),
        (b"", b""),
    ):
        assert head_of(request_, body) is None
