"""The guarded client against servers of every kind."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from tests.app.outgoing.servers import (
    answering,
    answering_and_waiting,
    answering_once,
    pouring,
    read_request,
    resetting,
    serving,
    silent,
)
from tests.loops import BOTH_LOOPS, LOOP_NAMES

from trunkline.errors import InvalidSetting
from trunkline.outgoing.addresses import Address
from trunkline.outgoing.client import Client, Reason, Request, Response, SendFailed


TLS = Path(__file__).parents[2] / "data" / "tls"
LOOPBACK = [ip_network("127.0.0.0/8")]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD = b"HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module", params=BOTH_LOOPS, ids=LOOP_NAMES)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


@asynccontextmanager
async def a_client(**options: Any) -> AsyncIterator[Client]:
    defaults: dict[str, Any] = {"networks": LOOPBACK, "ca_bundle": TLS / "root.pem"}
    client = Client(**defaults | options)
    try:
        yield client
    finally:
        await client.close()


def request(url: str, **options: Any) -> Request:
    times = {"connect_timeout": 5.0, "read_timeout": 5.0, "total_timeout": 5.0}
    return Request(**{"method": "POST", "url": url, "body": b"{}"} | times | options)


async def failure(client: Client, url: str, **options: Any) -> SendFailed:
    with pytest.raises(SendFailed) as failed:
        await client.send(request(url, **options))
    return failed.value


def resolving(*addresses: str) -> Any:
    async def resolve(_host: str, _port: int) -> Sequence[Address]:
        return [ip_address(address) for address in addresses]

    return resolve


# --- answers -----------------------------------------------------------------------


async def test_the_answer_comes_back() -> None:
    script = answering(
        b"HTTP/1.1 404 Not Found\r\nX-A: b\r\nContent-Length: 2\r\n\r\nno"
    )
    async with serving(script) as server, a_client() as client:
        response = await client.send(request(server.url()))
    assert response == Response(
        status=404, headers=(("X-A", "b"), ("Content-Length", "2")), body=b"no"
    )


async def test_what_is_sent_is_what_was_given() -> None:
    received = b""

    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal received
        received = await read_request(reader)
        writer.write(OK)
        await reader.read()

    async with serving(script) as server, a_client() as client:
        url = server.url("/a%2Fb//?q=%7e&u=1")
        await client.send(request(url, headers=[("X-Y", "z")], body=b"[1]"))
    host = f"127.0.0.1:{server.port}".encode()
    assert received == (
        b"POST /a%2Fb//?q=%7e&u=1 HTTP/1.1\r\nHost: " + host + b"\r\n"
        b"Content-Length: 3\r\nX-Y: z\r\n\r\n[1]"
    )


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ((CHUNKED, b"2\r\nab\r\n", b"1\r\nc\r\n0\r\nTrailer: x\r\n\r\n"), b"abc"),
        ((b"HTTP/1.1 200 OK\r\n\r\n", b"to the ", b"end"), b"to the end"),
        ((b"HTTP/1.0 200 OK\r\n\r\nold",), b"old"),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), b""),
        ((b"HTTP/1.1 100 Continue\r\n\r\n" * 3, OK), b"ok"),
        ((b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,), b"ok"),
        ((OK[:20], OK[20:]), b"ok"),
    ],
)
async def test_every_framing_of_a_body_is_read(
    parts: Sequence[bytes], body: bytes
) -> None:
    async with serving(answering_once(*parts)) as server, a_client() as client:
        response = await client.send(request(server.url()))
    assert response.status in {200, 204}
    assert response.body == body
    assert not response.truncated
    assert response.header("link") is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    head = f"HTTP/1.1 {status} Moved\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n"
    async with serving(answering(head.encode())) as server, a_client() as client:
        response = await client.send(request(server.url()))
    assert response.status == status
    assert response.header("location") == "/else"
    assert server.connections == 1


async def test_compressed_bodies_stay_compressed() -> None:
    bomb = b"\x1f\x8b" + b"\x00" * 98
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100\r\n\r\n"
    async with serving(answering(head + bomb)) as server, a_client() as client:
        response = await client.send(request(server.url()))
    assert response.body == bomb


# --- connections -------------------------------------------------------------------


async def test_a_connection_is_used_again() -> None:
    async with serving(answering(OK)) as server, a_client() as client:
        for _ in range(5):
            assert (await client.send(request(server.url()))).body == b"ok"
    assert server.connections == 1


def answering_in_turn(*answers: bytes) -> Any:
    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for answer in answers:
            await read_request(reader)
            writer.write(answer)
        await reader.read()

    return script


async def test_answers_that_are_alike_and_answers_that_are_not() -> None:
    answers = [
        (OK, b"ok"),
        (OK, b"ok"),
        (OK.replace(b"ok", b"no"), b"no"),
        (OK, b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"ok"),
        (CHUNKED + b"2\r\nab\r\n0\r\n\r\n", b"ab"),
        (CHUNKED + b"2\r\nab\r\n0\r\n\r\n", b"ab"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (HEAD + b"x" * 1000, b"x" * 1000),
        (HEAD + b"x" * 1000, b"x" * 1000),
        (OK, b"ok"),
    ]
    script = answering_in_turn(*(answer for answer, _ in answers))
    async with serving(script) as server, a_client() as client:
        for answer, body in answers:
            response = await client.send(request(server.url()))
            assert (response.body, response.truncated) == (body, False)
            assert (response.status == 204) is (b" 204 " in answer)
        assert server.connections == 1


async def test_an_answer_that_came_before_is_not_read_anew() -> None:
    async with serving(answering_in_turn(OK, OK)) as server, a_client() as client:
        first = await client.send(request(server.url()))
        assert await client.send(request(server.url())) is first


async def test_an_answer_that_came_before_is_cut_where_less_is_wanted() -> None:
    async with serving(answering(OK)) as server, a_client() as client:
        await client.send(request(server.url()))
        response = await client.send(request(server.url(), body_limit=1))
    assert (response.body, response.truncated) == (b"o", True)


@pytest.mark.parametrize(
    "last",
    [
        OK.replace(b"200 OK", b"200 OK\r\nConnection: close"),
        OK + OK,
        OK + b"more",
    ],
)
async def test_an_answer_after_which_nothing_may_come_is_so_whatever_came_before(
    last: bytes,
) -> None:
    for answers in ((OK, last), (last,)):
        script = answering_in_turn(*answers)
        async with serving(script) as server, a_client() as client:
            for _ in answers:
                await client.send(request(server.url()))
            assert server.connections == 1
            await client.send(request(server.url()))
            assert server.connections == 2


async def test_requests_at_one_time_have_a_connection_each() -> None:
    both_came = asyncio.Barrier(2)

    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        await both_came.wait()
        writer.write(OK)
        await reader.read()

    async with serving(script) as server, a_client() as client:
        sends = [client.send(request(server.url())) for _ in range(2)]
        assert [each.status for each in await asyncio.gather(*sends)] == [200, 200]
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + OK,
        OK + b"garbage",
    ],
)
async def test_a_connection_that_cannot_go_on_is_not_used_again(answer: bytes) -> None:
    async with serving(answering(answer)) as server, a_client() as client:
        for _ in range(2):
            assert (await client.send(request(server.url()))).body == b"ok"
    assert server.connections == 2


async def test_a_request_may_keep_its_connection_to_itself() -> None:
    async with serving(answering(OK)) as server, a_client() as client:
        for _ in range(2):
            await client.send(request(server.url(), keep_alive=False))
    assert server.connections == 2


async def test_a_rested_connection_that_has_died_is_replaced() -> None:
    received: list[bytes] = []

    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        received.append(await read_request(reader))
        writer.write(OK)
        if len(received) == 1:
            # The next request meets a server that has had enough.
            received.append(await read_request(reader))
            writer.transport.abort()
        else:
            await reader.read()

    async with serving(script) as server, a_client() as client:
        await client.send(request(server.url("/first")))
        response = await client.send(request(server.url("/second")))
    assert response.status == 200
    targets = [each.split(b" ")[1] for each in received]
    assert targets == [b"/first", b"/second", b"/second"]


async def test_a_fresh_connection_that_dies_is_not_tried_again() -> None:
    async with serving(resetting) as server, a_client() as client:
        failed = await failure(client, server.url())
    assert failed.reason is Reason.CONNECTION_LOST
    assert failed.connected
    assert server.connections == 1


async def test_a_rested_connection_that_dies_within_its_answer_is_not_replaced() -> (
    None
):
    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        writer.write(OK)
        await read_request(reader)
        writer.write(b"HTTP/1.1 2")

    async with serving(script) as server, a_client() as client:
        await client.send(request(server.url()))
        failed = await failure(client, server.url())
    assert failed.reason is Reason.CONNECTION_LOST
    assert server.connections == 1


async def test_connections_at_rest_end_after_a_while() -> None:
    # The script, and with it `serving`, ends only because the client closes.
    async with a_client(idle_time=0.05) as client, serving(answering(OK)) as server:
        await client.send(request(server.url()))


async def test_old_connections_are_not_used_again() -> None:
    async with serving(answering(OK)) as server, a_client(max_age=0) as client:
        for _ in range(2):
            await client.send(request(server.url()))
    assert server.connections == 2


async def test_only_so_many_connections_rest() -> None:
    async with (
        serving(answering(OK)) as one,
        serving(answering(OK)) as other,
        a_client(max_idle=1) as client,
    ):
        for server in (one, other, one, one):
            await client.send(request(server.url()))
        assert one.connections == 2


async def test_requests_over_the_limit_wait_their_turn() -> None:
    order: list[bytes] = []

    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            order.append((await read_request(reader)).split(b" ")[1])
            writer.write(OK)

    async with serving(script) as server, a_client(max_connections=1) as client:
        urls = [server.url(f"/{number}") for number in range(5)]
        await asyncio.gather(*(client.send(request(url)) for url in urls))
    assert order == [b"/0", b"/1", b"/2", b"/3", b"/4"]
    assert server.connections == 1


async def test_a_place_is_given_on_when_its_holder_is_gone() -> None:
    async with (
        serving(silent) as hung,
        serving(answering(OK)) as server,
        a_client(max_connections=1) as client,
    ):
        first = asyncio.ensure_future(client.send(request(hung.url())))
        second = asyncio.ensure_future(client.send(request(hung.url())))
        third = asyncio.ensure_future(client.send(request(server.url())))
        await hung.connected.wait()
        second.cancel()
        first.cancel()
        assert (await third).status == 200
        await asyncio.gather(first, second, return_exceptions=True)
    assert hung.connections == 1


async def test_closing_ends_what_is_under_way() -> None:
    client = Client(LOOPBACK, max_connections=1)
    async with serving(silent) as server:
        sends = [
            asyncio.ensure_future(client.send(request(server.url()))) for _ in range(2)
        ]
        await server.connected.wait()
        await client.close()
        for send in sends:
            with pytest.raises(SendFailed):
                await send
        assert (await failure(client, server.url())).reason is Reason.CONNECTION_LOST


# --- time --------------------------------------------------------------------------


async def test_silence_is_no_answer() -> None:
    async with serving(silent) as server, a_client() as client:
        failed = await failure(client, server.url(), read_timeout=0.05)
    assert failed.reason is Reason.NO_ANSWER
    assert failed.connected
    assert failed.response is None


async def test_silence_within_the_body_tells_what_came() -> None:
    script = answering_and_waiting(HEAD, b"some")
    async with serving(script) as server, a_client() as client:
        failed = await failure(client, server.url(), read_timeout=0.05)
    assert failed.reason is Reason.NO_ANSWER
    assert failed.response is not None
    assert failed.response.status == 200
    assert failed.response.body == b"some"


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    drip = asyncio.ensure_future(reader.read())
    for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000:
        writer.write(bytes([byte]))
        if (await asyncio.wait([drip], timeout=0.01))[0]:
            await drip  # a reset is an end as well
            return


async def test_a_dripping_head_ends_with_the_total_time() -> None:
    async with serving(dripping) as server, a_client() as client:
        failed = await failure(client, server.url(), total_timeout=0.1)
    assert failed.reason is Reason.TOTAL_TIMEOUT
    assert failed.connected


async def dripping_body(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await read_request(reader)
    writer.write(HEAD)
    drip = asyncio.ensure_future(reader.read())
    while not (await asyncio.wait([drip], timeout=0.01))[0]:
        writer.write(b"x")
    await drip  # a reset is an end as well


async def test_a_dripping_body_ends_with_the_total_time() -> None:
    async with serving(dripping_body) as server, a_client() as client:
        failed = await failure(client, server.url(), total_timeout=0.1)
    assert failed.reason is Reason.TOTAL_TIMEOUT
    assert failed.response is not None
    assert failed.response.status == 200


async def test_a_body_with_a_time_of_its_own_is_cut_not_failed() -> None:
    async with serving(dripping_body) as server, a_client() as client:
        response = await client.send(request(server.url(), body_timeout=0.1))
    assert response.status == 200
    assert response.truncated
    assert set(response.body) <= {ord("x")}


async def test_a_later_request_has_its_own_shorter_time() -> None:
    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        writer.write(OK)
        await reader.read()

    async with serving(script) as server, a_client() as client:
        await client.send(request(server.url(), read_timeout=60, total_timeout=60))
        failed = await failure(client, server.url(), read_timeout=0.05)
    assert failed.reason is Reason.NO_ANSWER


async def test_a_later_request_has_its_own_longer_time() -> None:
    asked = asyncio.Event()
    answer = asyncio.Event()

    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        writer.write(OK)
        await read_request(reader)
        asked.set()
        await answer.wait()
        writer.write(OK)
        await reader.read()

    async with serving(script) as server, a_client() as client:
        await client.send(request(server.url(), read_timeout=0.05))
        later = asyncio.ensure_future(client.send(request(server.url())))
        await asked.wait()
        # Well past the first request's deadline, whose timer may still be set.
        await asyncio.wait([later], timeout=0.1)
        answer.set()
        assert (await later).status == 200


# --- hostile answers ---------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail.example ESMTP\r\n",
        b"\x00\x01\x02\x03",
        b"<html>\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 999 High\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        CHUNKED + b"zz\r\n",
    ],
)
async def test_what_is_not_http_is_said_to_be_so(answer: bytes) -> None:
    async with serving(answering_and_waiting(answer)) as server, a_client() as client:
        failed = await failure(client, server.url())
    assert failed.reason is Reason.NOT_HTTP


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 1000),
        (b"HTTP/1.1 200 ", b"x" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"\r\n" * 500),
    ],
)
async def test_a_head_without_end_is_cut(head: bytes, drop: bytes) -> None:
    async with serving(pouring(head, drop)) as server, a_client() as client:
        failed = await failure(client, server.url())
    assert failed.reason is Reason.NOT_HTTP


@pytest.mark.parametrize(
    "head",
    [
        b"".join(b"X-%d: y\r\n" % number for number in range(300)),
        b"X: " + b"y" * 66_000 + b"\r\n",
    ],
)
async def test_a_head_that_ends_too_late_is_refused(head: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: 0\r\n\r\n"
    async with serving(answering_and_waiting(answer)) as server, a_client() as client:
        failed = await failure(client, server.url())
    assert failed.reason is Reason.NOT_HTTP


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (CHUNKED, b"3e8\r\n" + b"x" * 1000 + b"\r\n"),
        (CHUNKED, b"1\r\nx\r\n" * 100),
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"Trailer: x\r\n" * 100),
        (CHUNKED + b"1;", b"x" * 1000),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", b"x" * 1000),
    ],
    ids=["chunks", "small chunks", "trailers", "extensions", "no length", "1 GB"],
)
async def test_a_body_without_end_is_cut(head: bytes, drop: bytes) -> None:
    async with serving(pouring(head, drop)) as server, a_client() as client:
        response = await client.send(request(server.url(), body_limit=10_000))
    assert response.status == 200
    assert response.truncated
    assert len(response.body) <= 10_000


async def test_a_body_as_long_as_the_limit_is_whole() -> None:
    async with serving(answering(OK)) as server, a_client() as client:
        whole = await client.send(request(server.url(), body_limit=2))
        cut = await client.send(request(server.url(), body_limit=1))
        none = await client.send(request(server.url(), body_limit=0))
    assert (whole.body, whole.truncated) == (b"ok", False)
    assert (cut.body, cut.truncated) == (b"o", True)
    assert (none.body, none.truncated) == (b"", True)


@pytest.mark.parametrize(
    ("answer", "head_came"),
    [
        (b"", False),
        (b"HTTP/1.1 20", False),
        (b"HTTP/1.1 200 OK\r\nX: y\r\n", False),
        (HEAD, True),
        (HEAD + b"part", True),
        (CHUNKED + b"4\r\npa", True),
    ],
)
async def test_an_early_close_is_a_lost_connection(
    answer: bytes, head_came: bool
) -> None:
    async with serving(answering_once(answer)) as server, a_client() as client:
        failed = await failure(client, server.url())
    assert failed.reason is Reason.CONNECTION_LOST
    assert failed.connected
    assert (failed.response is not None) is head_came


async def test_words_out_of_turn_end_a_connection_at_rest() -> None:
    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        writer.write(OK)
        await writer.drain()
        answered.set()
        await speak.wait()
        writer.write(OK)
        await reader.read()
        ended.set()

    answered, speak, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    async with serving(script) as server, a_client() as client:
        await client.send(request(server.url()))
        await answered.wait()
        speak.set()
        await ended.wait()


# --- where it connects to ----------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "017700000001", "127.0.0.1."],
)
async def test_every_spelling_of_loopback_is_refused(host: str) -> None:
    async with serving(silent) as server, a_client(networks=[]) as client:
        failed = await failure(client, server.url(host=host))
        assert server.connections == 0
    assert failed.reason is Reason.ADDRESS_REFUSED
    assert failed.detail == "address not allowed: 127.0.0.1 (loopback)"
    assert not failed.connected


@pytest.mark.parametrize(
    "host",
    ["[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[::]"],
)
async def test_loopback_in_ipv6_is_refused(host: str) -> None:
    async with serving(silent) as server, a_client(networks=[]) as client:
        failed = await failure(client, server.url(host=host))
        assert server.connections == 0
    assert failed.reason is Reason.ADDRESS_REFUSED


async def test_a_name_is_refused_for_its_addresses() -> None:
    resolve = resolving("10.0.0.1", "fd00::1")
    async with a_client(resolve=resolve) as client:
        failed = await failure(client, "http://hook.example/")
    assert failed.reason is Reason.ADDRESS_REFUSED
    assert failed.detail == (
        "address not allowed: 10.0.0.1 (private), fd00::1 (private)"
    )


async def test_of_several_addresses_only_the_allowed_are_dialled() -> None:
    resolve = resolving("10.255.255.1", "::1", "127.0.0.1")
    async with serving(answering(OK)) as server, a_client(resolve=resolve) as client:
        response = await client.send(request(server.url(host="hook.example")))
    assert response.status == 200


async def test_an_address_that_does_not_answer_makes_way_for_the_next() -> None:
    # Nobody listens on the second address of loopback.
    resolve = resolving("127.0.0.2", "127.0.0.1")
    async with serving(answering(OK)) as server, a_client(resolve=resolve) as client:
        response = await client.send(request(server.url(host="hook.example")))
    assert response.status == 200


async def test_a_name_that_moves_inside_is_refused_from_then_on() -> None:
    addresses = ["127.0.0.1"]

    async def resolve(_host: str, _port: int) -> Sequence[Address]:
        return [ip_address(address) for address in addresses]

    async with (
        serving(answering(OK)) as server,
        a_client(resolve=resolve, max_age=0) as client,
    ):
        url = server.url(host="hook.example")
        assert (await client.send(request(url))).status == 200
        addresses[:] = ["169.254.169.254"]
        failed = await failure(client, url)
    assert failed.reason is Reason.ADDRESS_REFUSED


async def test_one_look_up_serves_all_who_wait_for_it() -> None:
    looked_up = []
    go_on = asyncio.Event()

    async def resolve(host: str, _port: int) -> Sequence[Address]:
        looked_up.append(host)
        await go_on.wait()
        return [ip_address("127.0.0.1")]

    async with serving(answering(OK)) as server, a_client(resolve=resolve) as client:
        url = server.url(host="hook.example")
        sends = [asyncio.ensure_future(client.send(request(url))) for _ in range(3)]
        await asyncio.sleep(0)
        sends[0].cancel()
        await asyncio.wait([sends[0]])
        go_on.set()
        assert (await sends[1]).status == (await sends[2]).status == 200
    assert looked_up == ["hook.example"]


async def test_a_name_that_does_not_exist() -> None:
    async with a_client(resolve=resolving()) as client:
        failed = await failure(client, "http://hook.example/")
    assert failed.reason is Reason.NAME_NOT_RESOLVED
    assert not failed.connected


async def test_a_resolver_that_hangs() -> None:
    async def resolve(_host: str, _port: int) -> Sequence[Address]:
        await asyncio.Event().wait()
        return []

    async with a_client(resolve=resolve) as client:
        failed = await failure(client, "http://hook.example/", connect_timeout=0.05)
    assert failed.reason is Reason.NAME_NOT_RESOLVED


async def test_the_systems_own_resolver_is_the_default() -> None:
    async with serving(answering(OK)) as server, a_client() as client:
        response = await client.send(request(server.url(host="localhost")))
        failed = await failure(client, "http://no.such.host.invalid/")
    assert response.status == 200
    assert failed.reason is Reason.NAME_NOT_RESOLVED


async def test_a_port_where_nobody_listens() -> None:
    async with serving(silent) as server:
        url = server.url()
    async with a_client() as client:
        failed = await failure(client, url)
    assert failed.reason is Reason.CONNECT_FAILED
    assert failed.detail == f"127.0.0.1 port {server.port}: Connection refused"


@pytest.mark.parametrize("url", ["http://127.0.0.1:0/", "http://h/\r\nX: y", "h", ""])
async def test_what_is_no_url_is_not_sent(url: str) -> None:
    async with a_client() as client:
        assert (await failure(client, url)).reason is Reason.INVALID_REQUEST


# --- TLS ---------------------------------------------------------------------------


def certificate(name: str, seen: list[str | None] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / f"{name}.pem")

    def note(_object: Any, server_name: str | None, _context: Any) -> None:
        if seen is not None:
            seen.append(server_name)

    context.sni_callback = note
    return context


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "a.hooks.example", "localhost."]
)
@pytest.mark.parametrize("send_sni", [True, False])
async def test_a_certificate_for_the_host_is_good(host: str, send_sni: bool) -> None:
    names: list[str | None] = []
    tls = certificate("server", names)
    async with (
        serving(answering(OK), tls) as server,
        a_client(resolve=resolving("127.0.0.1")) as client,
    ):
        url = f"https://{host}:{server.port}/"
        for _ in range(2):
            response = await client.send(request(url, send_sni=send_sni))
            assert response.body == b"ok"
        assert server.connections == 1
    sent = None if host == "127.0.0.1" or not send_sni else host.rstrip(".")
    assert names == [sent]


@pytest.mark.parametrize("send_sni", [True, False])
@pytest.mark.parametrize(
    ("name", "host", "bundle", "reason"),
    [
        ("other-host", "localhost", "root.pem", Reason.CERTIFICATE_HOST),
        ("other-host", "127.0.0.1", "root.pem", Reason.CERTIFICATE_HOST),
        ("server", "hooks.example", "root.pem", Reason.CERTIFICATE_HOST),
        ("server", "a.b.hooks.example", "root.pem", Reason.CERTIFICATE_HOST),
        ("expired", "localhost", "root.pem", Reason.CERTIFICATE_EXPIRED),
        ("server", "localhost", None, Reason.CERTIFICATE_UNTRUSTED),
    ],
)
async def test_a_bad_certificate_is_told_apart(
    name: str, host: str, bundle: str | None, reason: Reason, send_sni: bool
) -> None:
    options = {
        "ca_bundle": TLS / bundle if bundle else None,
        "resolve": resolving("127.0.0.1"),
    }
    async with (
        serving(silent, certificate(name)) as server,
        a_client(**options) as client,
    ):
        url = f"https://{host}:{server.port}/"
        failed = await failure(client, url, send_sni=send_sni)
    assert failed.reason is reason
    assert not failed.connected


async def test_a_server_that_does_not_speak_tls() -> None:
    async def script(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with serving(script) as server, a_client() as client:
        failed = await failure(client, f"https://127.0.0.1:{server.port}/")
    assert failed.reason is Reason.TLS_FAILED


async def test_a_handshake_that_hangs() -> None:
    async with serving(silent) as server, a_client() as client:
        failed = await failure(
            client, f"https://127.0.0.1:{server.port}/", connect_timeout=0.1
        )
    assert failed.reason is Reason.CONNECT_TIMEOUT
    assert not failed.connected


async def test_total_time_that_passes_while_connecting() -> None:
    async with serving(silent) as server, a_client() as client:
        failed = await failure(
            client, f"https://127.0.0.1:{server.port}/", total_timeout=0.1
        )
    assert failed.reason is Reason.TOTAL_TIMEOUT
    assert not failed.connected


async def test_a_bundle_that_cannot_be_read_is_an_invalid_setting(
    tmp_path: Path,
) -> None:
    (tmp_path / "empty.pem").write_text("no certificate")
    with pytest.raises(InvalidSetting, match="TRUNKLINE_CA_BUNDLE"):
        Client([], tmp_path / "empty.pem")
    with pytest.raises(InvalidSetting, match="TRUNKLINE_CA_BUNDLE"):
        Client([], tmp_path / "missing.pem")
