"""Posts that go straight from their connection to the door, and those that cannot."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, cast

import pytest
import uvicorn

from trunkline.capture.sdk.http import Answer, answer_of
from trunkline.server.connection import MAX_BODY_BYTES, Connection
from trunkline.server.listener import _Server


PATH = b"/v4/EndpointEvents"
CHUNKED = (
    b"POST /v4/EndpointEvents HTTP/1.1\r\nHost: x\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
)
TAKEN = answer_of(200, [(b"x-by", b"door")])

Tell = Callable[[Answer], None]


class Door:
    """Takes what it is told to, and answers when it is told to."""

    def __init__(self) -> None:
        self.takes = True
        self.breaks = False
        self.answers_at_once = True
        self.heads: list[dict[bytes, bytes]] = []
        self.came: list[bytes] = []
        self.waiting: list[Tell] = []
        self.has_come = asyncio.Event()

    def client_of(
        self, headers: Sequence[tuple[bytes, bytes]], peer: str, tell: Tell
    ) -> tuple[dict[bytes, bytes], Tell] | None:
        assert peer == "127.0.0.1"
        self.heads.append(dict(headers))
        return (self.heads[-1], tell) if self.takes else None

    def take_at_once(
        self, client: tuple[dict[bytes, bytes], Tell], body: bytes
    ) -> None:
        head, tell = client
        assert head is self.heads[-1]
        self.came.append(body)
        self.has_come.set()
        if self.breaks:
            raise RuntimeError("a fault of ours")
        if self.answers_at_once:
            tell(TAKEN)
        else:
            self.waiting.append(tell)


class Site:
    """A listener with a door, and behind it an application that says what it got."""

    def __init__(self) -> None:
        self.door = Door()
        self.port = 0
        self.server: Any = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        await self.may_answer.wait()
        said = b"%b %b %b" % (scope["method"].encode(), scope["raw_path"], body)
        headers = [(b"content-length", b"%d" % len(said)), (b"x-by", b"app")]
        start = {"type": "http.response.start", "status": 200, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": said})

    @property
    def connections(self) -> list[Connection]:
        return list(self.server.server_state.connections)

    @asynccontextmanager
    async def client(self) -> AsyncIterator["Client"]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Client(reader, writer)
        finally:
            writer.close()


class Client:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> tuple[str, bytes]:
        """Return who answered, and the body."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
        assert "date" in lines
        return lines["x-by"], await self.reader.readexactly(
            int(lines["content-length"])
        )

    async def ask(self, request: bytes) -> tuple[str, bytes]:
        self.writer.write(request)
        async with asyncio.timeout(10):
            return await self.answer()


def post(body: bytes = b"{}", path: bytes = PATH, more: bytes = b"") -> bytes:
    head = b"POST %b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n"
    return head % (path, more, len(body)) + body


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    config = uvicorn.Config(
        site.app,
        interface="asgi3",
        proxy_headers=False,
        http=cast("Any", partial(Connection, door=site.door, paths={PATH})),
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_keep_alive=1,
        limit_concurrency=5,
    )
    ready = asyncio.Event()
    site.server = server = _Server(config, ready.set, lambda: None)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        site.port = listener.getsockname()[1]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([listener]))
            await ready.wait()
            yield site
            server.should_exit = True


async def until(condition: Callable[[], object]) -> None:
    """Let the server work until something is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0)


async def test_whole_posts_are_the_doors_one_after_the_other(site: Site) -> None:
    async with site.client() as client:
        for number in range(3):
            body = b'{"n":%d}' % number
            assert await client.ask(post(body)) == ("door", b"")
        assert await client.ask(post(path=PATH + b"?a=b")) == ("door", b"")
    assert site.door.came[:3] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']


@pytest.mark.parametrize("cut", [1, 60, -1])
async def test_a_post_may_come_in_pieces(site: Site, cut: int) -> None:
    async with site.client() as client:
        whole = post(b"a body")
        client.writer.write(whole[:cut])
        await asyncio.sleep(0)
        assert await client.ask(whole[cut:]) == ("door", b"")
    assert site.door.came == [b"a body"]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /v4/EndpointEvents HTTP/1.1\r\nHost: x\r\n\r\n",
        post(path=b"/elsewhere"),
        post(b""),
        post(b"x" * (MAX_BODY_BYTES + 1)),
        post(more=b"Expect: 100-continue\r\n"),
        post(more=b"Connection: close\r\n"),
        CHUNKED,
        post(path=PATH + b"?" + b"a" * 9000),
        post().replace(b"HTTP/1.1", b"HTTP/1.0"),
        post(more=b"Connection: keep-alive\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
    ids=[
        "GET",
        "path",
        "empty",
        "too long",
        "continue",
        "last of all",
        "chunks",
        "long URL",
        "HTTP/1.0",
        "the same, kept",
    ],
)
async def test_anything_else_is_the_applications(site: Site, request_: bytes) -> None:
    async with site.client() as client:
        client.writer.write(request_)
        if b"100-continue" in request_:
            assert b"100" in await client.reader.readuntil(b"\r\n\r\n")
        by, said = await client.answer()
    assert by == "app"
    assert said.endswith(request_.partition(b"\r\n\r\n")[2][-1:].strip(b"\n"))
    assert site.door.came == []


@pytest.mark.parametrize("fault", ["takes", "breaks"])
async def test_what_the_door_does_not_take_the_application_gets_whole(
    site: Site, fault: str
) -> None:
    setattr(site.door, fault, fault == "breaks")
    async with site.client() as client:
        for _ in range(2):
            by, said = await client.ask(post(b"whole"))
            assert (by, said) == ("app", b"POST %b whole" % PATH)
    assert len(site.door.heads) == 2


async def test_a_head_that_came_before_says_the_same_again(site: Site) -> None:
    async with site.client() as client:
        for body in (b"one", b"the second", b"3", b"x" * MAX_BODY_BYTES):
            assert await client.ask(post(body)) == ("door", b"")
        assert len(site.door.heads) == 1
        assert await client.ask(post(b"other", more=b"X-A: 1\r\n")) == ("door", b"")
        assert await client.ask(post(b"again", more=b"X-A: 1\r\n")) == ("door", b"")
        assert await client.ask(post(b"back")) == ("door", b"")
    assert [b"x-a" in head for head in site.door.heads] == [False, True, False]
    assert [body[:9] for body in site.door.came] == [
        b"one", b"the secon", b"3", b"xxxxxxxxx", b"other", b"again", b"back"
    ]  # fmt: skip


@pytest.mark.parametrize("cut", [1, 40, 64, 66, -1])
async def test_with_a_head_that_came_before_too_a_post_may_come_in_pieces(
    site: Site, cut: int
) -> None:
    async with site.client() as client:
        await client.ask(post(b"one"))
        (connection,) = site.connections
        whole = post(b"a body")
        client.writer.write(whole[:cut])
        await until(lambda: connection._begun or connection._kept_back)
        assert await client.ask(whole[cut:]) == ("door", b"")
        assert await client.ask(post(b"three")) == ("door", b"")
    assert site.door.came == [b"one", b"a body", b"three"]


@pytest.mark.parametrize(
    "request_",
    [
        post(b""),
        post(b"x" * (MAX_BODY_BYTES + 1)),
        post(b"{}").replace(b": 2\r", b": 002\r").replace(b"POST", b"PUT"),
    ],
    ids=["empty", "too long", "another method"],
)
async def test_with_a_head_that_came_before_too_anything_else_is_the_applications(
    site: Site, request_: bytes
) -> None:
    async with site.client() as client:
        await client.ask(post(b"one"))
        assert (await client.ask(request_))[0] == "app"
        assert await client.ask(post(b"two")) == ("door", b"")
    assert site.door.came == [b"one", b"two"]


@pytest.mark.parametrize(
    ("length", "status"),
    [
        (b"-1", b"400"),
        (b"1a", b"400"),
        (b"+2", b"400"),
        (b"1_0", b"400"),
        (b"0x2", b"400"),
        (b"", b"400"),
        (b" 2", b"200"),  # it is one, with a space too many before it
    ],
)
async def test_a_length_that_is_none_is_refused_whatever_came_before(
    site: Site, length: bytes, status: bytes
) -> None:
    async with site.client() as client:
        await client.ask(post(b"{}"))
        client.writer.write(post(b"{}").replace(b": 2\r", b": %b\r" % length))
        async with asyncio.timeout(10):
            said = await client.reader.readuntil(b"\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 %b " % status)


async def test_a_door_that_fails_with_a_head_that_came_before_leaves_the_post_whole(
    site: Site,
) -> None:
    async with site.client() as client:
        await client.ask(post(b"one"))
        site.door.breaks = True
        assert await client.ask(post(b"two")) == ("app", b"POST %b two" % PATH)
        site.door.breaks = False
        assert await client.ask(post(b"three")) == ("door", b"")


async def test_a_post_whose_body_does_not_come_is_the_applications_after_others_too(
    site: Site,
) -> None:
    async with site.client() as client:
        await client.ask(post(b"one"))
        whole = post(b"slowly")
        client.writer.write(whole[:-2])
        await client.writer.drain()
        await until(lambda: any(c._kept_back for c in site.connections))
        (connection,) = site.connections
        for _ in range(4):  # first it is the parser's, then the application's
            connection.look()
        assert await client.ask(whole[-2:]) == ("app", b"POST %b slowly" % PATH)
        assert await client.ask(post(b"three")) == ("door", b"")
    assert site.door.came == [b"one", b"three"]


async def test_a_post_that_comes_drop_by_drop_is_the_applications(site: Site) -> None:
    async with site.client() as client:
        await client.ask(post(b"one"))
        (connection,) = site.connections
        whole = post(b"x" * 10)
        client.writer.write(whole[:-9])
        await until(lambda: connection._kept_back)
        for number in range(9, 1, -1):
            connection.look()
            client.writer.write(whole[-number : 1 - number])
            await asyncio.sleep(0.01)
        assert not connection._kept_back
        last = whole[-1:]
        assert await client.ask(last) == ("app", b"POST %b xxxxxxxxxx" % PATH)


async def test_posts_with_one_head_at_once_are_answered_in_their_order(
    site: Site,
) -> None:
    async with site.client() as client:
        await client.ask(post(b"one"))
        site.door.answers_at_once = False
        site.door.has_come.clear()
        client.writer.write(post(b"first") + post(b"second"))
        await site.door.has_come.wait()
        site.may_answer.clear()
        site.door.waiting.pop()(TAKEN)
        assert await client.answer() == ("door", b"")
        client.writer.write(post(b"third"))
        (connection,) = site.connections
        await until(lambda: connection.pipeline)
        site.may_answer.set()
        async with asyncio.timeout(10):
            answers = [await client.answer() for _ in range(2)]
    assert [said.rpartition(b" ")[2] for _, said in answers] == [b"second", b"third"]


async def test_a_post_whose_body_does_not_come_is_the_applications(
    site: Site,
) -> None:
    async with site.client() as client:
        whole = post(b"slowly")
        client.writer.write(whole[:-2])
        await client.writer.drain()
        await until(lambda: any(c._gathered for c in site.connections))
        (connection,) = site.connections
        connection.look()
        connection.look()
        assert await client.ask(whole[-2:]) == ("app", b"POST %b slowly" % PATH)
    assert site.door.came == []


async def test_requests_behind_a_post_are_answered_after_it(site: Site) -> None:
    site.door.answers_at_once = False
    async with site.client() as client:
        client.writer.write(
            post(b"first") + post(b"second") + post(path=b"/x") + post(b"fourth")
        )
        await site.door.has_come.wait()
        site.door.waiting.pop()(TAKEN)
        async with asyncio.timeout(10):
            answers = [await client.answer() for _ in range(4)]
    assert [by for by, _ in answers] == ["door", "app", "app", "app"]
    bodies = [said.rpartition(b" ")[2] for _, said in answers]
    assert bodies == [b"", b"second", b"{}", b"fourth"]


async def test_a_request_that_begins_while_another_waits_has_its_own_time(
    site: Site,
) -> None:
    site.door.answers_at_once = False
    async with site.client() as client:
        whole = post(b"second")
        client.writer.write(post(b"first") + whole[:40])
        await until(lambda: site.door.waiting)
        site.door.waiting.pop()(TAKEN)
        assert await client.answer() == ("door", b"")
        client.writer.write(whole[40:])
        await until(lambda: site.door.waiting)
        (connection,) = site.connections
        connection.look()
        assert connection.timeout_keep_alive_task is None
        site.door.waiting.pop()(TAKEN)
        assert await client.answer() == ("door", b"")


async def test_a_fault_in_one_connection_ends_that_one_alone(site: Site) -> None:
    async with site.client() as client, site.client() as other:
        await client.ask(post())
        (connection,) = [c for c in site.connections if c._written]
        vars(connection)["look"] = None  # which nobody can call
        async with asyncio.timeout(10):
            with suppress(ConnectionResetError):
                assert await client.reader.read() == b""
        assert await other.ask(post()) == ("door", b"")


async def test_who_has_gone_is_let_go_of(site: Site) -> None:
    async with site.client() as client:
        await client.ask(post())
        (connection,) = site.connections
        assert connection._client is not None
    await until(lambda: not site.connections)
    # It knows the connection: neither would go before the collector came.
    assert connection._client is None


async def test_who_has_gone_is_not_answered(site: Site) -> None:
    site.door.answers_at_once = False
    async with site.client() as client:
        client.writer.write(post())
        await site.door.has_come.wait()
    await until(lambda: not site.connections)
    site.door.waiting.pop()(TAKEN)


async def test_a_server_that_stops_answers_what_it_has_taken_and_closes(
    site: Site,
) -> None:
    site.door.answers_at_once = False
    async with site.client() as client:
        client.writer.write(post())
        await site.door.has_come.wait()
        site.server.should_exit = True
        await until(lambda: not any(c._turn.keep_alive for c in site.connections))
        site.door.waiting.pop()(TAKEN)
        async with asyncio.timeout(10):
            said = await client.reader.read()
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close" in said


@pytest.mark.parametrize(
    "said",
    [
        b"nonsense\r\n\r\n",
        post(more=b"Content-Length: 3\r\n"),
        post(more=b"a\0: b\r\n"),
    ],
    ids=["no HTTP", "two lengths", "a header that is none"],
)
async def test_what_is_no_http_is_refused_in_the_usual_shape(
    site: Site, said: bytes
) -> None:
    async with site.client() as client:
        client.writer.write(said)
        async with asyncio.timeout(10):
            head, _, body = (await client.reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    error = json.loads(body)
    assert (error["code"], error["status"]) == (20001, 400)
    assert error["message"] == "Invalid HTTP request received."
    assert site.door.came == []


async def test_who_does_not_read_answers_is_not_answered_on_and_on(
    site: Site,
) -> None:
    async with site.client() as client:
        await client.ask(post(b"first"))
        (connection,) = site.connections
        connection.pause_writing()
        client.writer.write(post(b"second"))
        await until(lambda: id(connection.cycle) != id(connection._turn))
        connection.resume_writing()
        async with asyncio.timeout(10):
            assert await client.answer() == ("app", b"POST %b second" % PATH)
    assert site.door.came == [b"first"]


async def test_an_answer_that_ends_the_connection_does(site: Site) -> None:
    site.door.answers_at_once = False
    async with site.client() as client:
        client.writer.write(post())
        await site.door.has_come.wait()
        last = answer_of(413, [(b"connection", b"close")], b"too large")
        site.door.waiting.pop()(last)
        async with asyncio.timeout(10):
            said = await client.reader.read()
    assert said.startswith(b"HTTP/1.1 413 ")
    assert said.endswith(b"\r\n\r\ntoo large")


async def test_a_connection_at_rest_is_closed_in_time(site: Site) -> None:
    async with site.client() as client:
        await client.ask(post())
        async with asyncio.timeout(10):
            assert await client.reader.read() == b""


async def test_a_crowd_is_turned_away_as_by_the_application(site: Site) -> None:
    async with (
        site.client(),
        site.client(),
        site.client(),
        site.client(),
        site.client() as client,
    ):
        client.writer.write(post())
        async with asyncio.timeout(10):
            head = await client.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
