"""Connections on which a client says nothing, or stops half-way."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from trunkline.server.listener import _Server


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A listener that reads bodies to their end, and has little patience."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(
        app, http="httptools", ws="none", lifespan="off", log_config=None
    )
    ready = asyncio.Event()
    server = _Server(config, ready.set, lambda: None, patience=0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([listener]))
            await ready.wait()
            yield listener.getsockname()[1]
            server.should_exit = True


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"POST / HTTP/1.1\r\nHost: x",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT",
    ],
    ids=["nothing", "half a head", "no body", "half a body", "half of a second"],
)
async def test_who_stops_half_way_is_dropped(port: int, said: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)

    try:
        async with asyncio.timeout(10):
            answered = await reader.read()
    except ConnectionResetError:
        answered = b""

    assert answered.count(b"HTTP/1.1") == said.startswith(b"GET")
    writer.close()


async def test_who_comes_again_within_the_time_is_served(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"204" in await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
