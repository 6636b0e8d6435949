"""Reading a body: one that stops half-way while the server does, and its length."""

import asyncio
from typing import Any

import pytest

from trunkline.capture.sdk.http import read_body
from trunkline.errors import Refused


async def test_a_post_that_is_half_here_when_the_server_stops_may_come_again() -> None:
    waiting = asyncio.Event()
    parts = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive() -> Any:
        for part in parts:
            return part
        waiting.set()
        return await asyncio.Event().wait()

    reading = asyncio.ensure_future(read_body(receive, {}, 100))
    await waiting.wait()
    reading.cancel()

    with pytest.raises(Refused) as refused:
        await reading
    assert (refused.value.code, refused.value.status) == (20503, 503)


@pytest.mark.parametrize("digits", [3, 19, 5000])
async def test_a_length_over_the_limit_is_refused_however_long_it_is(
    digits: int,
) -> None:
    async def receive() -> Any:
        raise AssertionError("nothing is to be read")

    with pytest.raises(Refused) as refused:
        await read_body(receive, {b"content-length": b"9" * digits}, 100)
    assert (refused.value.code, refused.value.status) == (20413, 413)


@pytest.mark.parametrize("length", [b"", b"-1", b"1e9", b"many", b"\xb2", b"2"])
async def test_a_length_that_is_none_leaves_the_body_to_tell(length: bytes) -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": b"{}"}

    assert await read_body(receive, {b"content-length": length}, 100) == b"{}"
