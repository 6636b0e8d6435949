"""Reading a body that stops half-way, while the server does."""

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
