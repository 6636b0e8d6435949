"""Requests that are sent without waiting for anything first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import pytest
from tests.app.outgoing.servers import (
    Script,
    Server,
    answering,
    answering_once,
    read_request,
    serving,
)
from tests.loops import BOTH_LOOPS, LOOP_NAMES

from trunkline.outgoing.client import (
    Client,
    Exchange,
    Reason,
    Request,
    Response,
    SendFailed,
    Stale,
)
from trunkline.outgoing.messages import compose


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Result = Response | SendFailed | Stale


@pytest.fixture(scope="module", params=BOTH_LOOPS, ids=LOOP_NAMES)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


class Ready:
    """A client with a connection at rest, to a server that plays a script."""

    def __init__(self, client: Client, server: Server) -> None:
        self.client = client
        self.server = server
        self.results: list[Result] = []
        self.told = asyncio.Event()

    def request(self, target: str = "/", **options: Any) -> Request:
        times = {"connect_timeout": 5.0, "read_timeout": 5.0, "total_timeout": 5.0}
        url = self.server.url(target)
        return Request(
            **{"method": "POST", "url": url, "body": b"{}"} | times | options
        )

    def begin(self, target: str = "/", **options: Any) -> Exchange | None:
        request = self.request(target, **options)
        return self.client.send_at_once(request, *compose(request), self.hear, self)

    def hear(self, result: Result, about: object) -> None:
        assert about is self
        self.results.append(result)
        self.told.set()


@asynccontextmanager
async def ready(script: Script, **options: Any) -> AsyncIterator[Ready]:
    async with serving(script) as server:
        client = Client([ip_network("127.0.0.0/8")], **options)
        try:
            stage = Ready(client, server)
            await client.send(stage.request("/first"))
            yield stage
        finally:
            await client.close()


def answering_first(then: Script) -> Script:
    """Answer the first request of a connection, then play another script."""

    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        writer.write(OK)
        await then(reader, writer)

    return script


async def until_closed(
    reader: asyncio.StreamReader, _writer: asyncio.StreamWriter
) -> None:
    await reader.read()


async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.transport.abort()


async def test_the_answer_is_told() -> None:
    async with ready(answering(OK)) as stage:
        assert stage.begin() is not None
        await stage.told.wait()
        [response] = stage.results
        assert isinstance(response, Response)
        assert (response.status, response.body) == (200, b"ok")
        assert stage.server.connections == 1


async def test_without_a_connection_at_rest_nothing_is_sent() -> None:
    async with ready(answering(OK)) as stage:
        assert stage.begin() is not None
        assert stage.begin() is None
        await stage.told.wait()
        assert stage.begin() is not None
        assert len(stage.results) == 1


async def test_what_is_sent_on_being_told_goes_out_on_the_same_connection() -> None:
    async with ready(answering(OK), max_idle=1) as stage:
        ended = asyncio.Event()

        def hear(result: Result, about: Ready) -> None:
            stage.hear(result, about)
            request = stage.request()
            if len(stage.results) == 100:
                ended.set()
            else:
                sent = stage.client.send_at_once(
                    request, *compose(request), hear, about
                )
                assert sent is not None

        request = stage.request()
        stage.client.send_at_once(request, *compose(request), hear, stage)
        await ended.wait()
        assert stage.server.connections == 1
        assert stage.begin() is not None  # It rests again.


async def test_over_the_limit_nothing_is_sent() -> None:
    async with ready(answering(OK), max_connections=1) as stage:
        stage.client._under_way = 1
        assert stage.begin() is None
        stage.client._under_way = 0


async def test_a_place_is_left_to_those_who_wait() -> None:
    async with ready(answering(OK), max_connections=1) as stage:
        assert stage.begin() is not None
        waiting = asyncio.ensure_future(stage.client.send(stage.request()))
        assert (await waiting).status == 200
        assert len(stage.results) == 1


async def test_a_connection_that_ended_meanwhile_is_told_as_stale() -> None:
    async with ready(answering_first(resetting)) as stage:
        assert stage.begin() is not None
        await stage.told.wait()
        assert isinstance(stage.results[0], Stale)
        assert (await stage.client.send(stage.request())).status == 200


async def test_silence_is_told_as_a_failure() -> None:
    async with ready(answering_first(until_closed)) as stage:
        assert stage.begin(read_timeout=0.05) is not None
        await stage.told.wait()
        [failure] = stage.results
        assert isinstance(failure, SendFailed)
        assert failure.reason is Reason.NO_ANSWER


async def test_what_is_given_up_is_told_to_nobody() -> None:
    async with ready(answering_first(until_closed), max_connections=1) as stage:
        exchange = stage.begin()
        assert exchange is not None
        exchange.cancel()
        # Its connection is gone, and its place is free.
        assert (await stage.client.send(stage.request())).status == 200
        assert stage.results == []
        assert stage.server.connections == 2


async def test_closing_tells_of_what_was_under_way() -> None:
    async with ready(answering_first(until_closed)) as stage:
        assert stage.begin() is not None
        await stage.client.close()
        [failure] = stage.results
        assert isinstance(failure, SendFailed | Stale)
        assert stage.begin() is None


async def test_an_old_connection_is_not_used_again() -> None:
    async with ready(answering(OK)) as stage:
        for connection in stage.client._connections:
            connection._old_at = 0
        assert stage.begin() is not None
        await stage.told.wait()
        assert stage.begin() is None


@pytest.mark.parametrize(
    "answer", [OK + OK, OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")]
)
async def test_a_connection_that_cannot_go_on_is_not_used_again(answer: bytes) -> None:
    async with ready(answering_first(answering_once(answer))) as stage:
        assert stage.begin() is not None
        await stage.told.wait()
        assert isinstance(stage.results[0], Response)
        assert stage.begin() is None
