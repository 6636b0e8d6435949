"""The guarded client behind an HTTP proxy, which is a small one of our own."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from tests.app.outgoing.servers import answering, serving

from trunkline.outgoing.addresses import Address
from trunkline.outgoing.client import Client, Reason, Request, SendFailed


TLS = Path(__file__).parents[2] / "data" / "tls"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class ConnectProxy:
    """Answers CONNECT as it is told, and passes bytes on."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 Connected\r\n\r\n") -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        writer.write(self.answer)
        await writer.drain()
        if b" 200 " not in self.answer:
            writer.close()
            return
        host, _, port = head.split()[1].rpartition(":")
        there, back = await asyncio.open_connection(host.strip("[]"), int(port))
        await asyncio.gather(passing(reader, back), passing(there, writer))


async def passing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


@asynccontextmanager
async def a_client(proxy: ConnectProxy, userinfo: str = "") -> AsyncIterator[Client]:
    async with serving(proxy.serve) as server:
        client = Client(
            [ip_network("127.0.0.0/8")],
            TLS / "root.pem",
            proxy_url=f"http://{userinfo}127.0.0.1:{server.port}",
            resolve=resolve,
        )
        try:
            yield client
        finally:
            await client.close()


async def resolve(host: str, _port: int) -> list[Address]:
    return [ip_address("10.0.0.1" if host == "private.test" else "127.0.0.1")]


def request(url: str) -> Request:
    return Request(
        method="POST",
        url=url,
        body=b"{}",
        connect_timeout=5.0,
        read_timeout=5.0,
        total_timeout=5.0,
    )


async def test_requests_go_through_the_proxy_to_the_vetted_address() -> None:
    proxy = ConnectProxy()
    async with serving(answering(OK)) as server, a_client(proxy) as client:
        response = await client.send(request(f"http://hook.test:{server.port}/a"))

    assert response.body == b"ok"
    assert proxy.asked[0].startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n")
    assert "Authorization" not in proxy.asked[0]


async def test_what_may_not_be_dialled_is_not_asked_of_the_proxy() -> None:
    proxy = ConnectProxy()
    async with a_client(proxy) as client:
        with pytest.raises(SendFailed) as failed:
            await client.send(request("http://private.test/"))

    assert failed.value.reason is Reason.ADDRESS_REFUSED
    assert proxy.asked == []


async def test_the_proxy_is_told_who_asks_and_nobody_else_is() -> None:
    proxy = ConnectProxy()
    async with (
        serving(answering(OK)) as server,
        a_client(proxy, "us%65r:pass@") as client,
    ):
        await client.send(request(f"http://hook.test:{server.port}/"))

    assert "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" in proxy.asked[0]


async def test_certificates_are_verified_behind_a_proxy_too() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "other-host.pem")
    proxy = ConnectProxy()
    async with (
        serving(answering(OK), context) as server,
        a_client(proxy) as client,
    ):
        with pytest.raises(SendFailed) as failed:
            await client.send(request(f"https://localhost:{server.port}/"))

    assert failed.value.reason is Reason.CERTIFICATE_HOST


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "answered 407"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "answered 502"),
        (b"no HTTP at all\r\n\r\n", "answered"),
        (b"cut off", "no usable answer"),
        (b"x" * 100_000, "no usable answer"),
    ],
)
async def test_a_proxy_that_refuses_is_a_connection_that_failed(
    answer: bytes, detail: str
) -> None:
    async with a_client(ConnectProxy(answer)) as client:
        with pytest.raises(SendFailed) as failed:
            await client.send(request("http://hook.test/"))

    assert failed.value.reason is Reason.CONNECT_FAILED
    assert detail in failed.value.detail


async def test_a_proxy_that_is_not_there_is_a_connection_that_failed() -> None:
    client = Client([], proxy_url="http://127.0.0.1:1", resolve=resolve_public)
    with pytest.raises(SendFailed) as failed:
        await client.send(request("http://hook.test/"))
    await client.close()

    assert failed.value.reason is Reason.CONNECT_FAILED


async def resolve_public(_host: str, _port: int) -> list[Address]:
    return [ip_address("93.184.215.14")]
