"""The waits between attempts, and the time that all of them have."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from trunkline.capture.calls.answers import Outcome
from trunkline.capture.calls.callback import Callback
from trunkline.capture.calls.exchange import Means, exchange
from trunkline.capture.calls.progress import Progress
from trunkline.outgoing.addresses import Address
from trunkline.outgoing.client import Client


LOOPBACK = [ip_network("127.0.0.0/8")]

OK = b"HTTP/1.1 204 No Content\r\n\r\n"
REFUSAL = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
FAREWELL = b"HTTP/1.1 500 Oops\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class JumpingClock:
    """A clock on which sleeping takes no time, but is seen."""

    def __init__(self) -> None:
        self.now = 1_789_378_200_000
        self.slept: list[float] = []

    def now_ms(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += round(seconds * 1000)

    async def wait(self, news: asyncio.Event, seconds: float) -> None:
        await self.sleep(seconds)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client(LOOPBACK)
    yield client
    await client.close()


async def outcome_of(url: str, client: Client, clock: JumpingClock) -> Outcome:
    callback = Callback(
        call_sid="CA1",
        account_sid="AC1",
        progress=Progress.RINGING,
        url=url,
        method="POST",
        parameters=(("CallSid", "CA1"),),
        token="b7e4f2c1-0d5a-4b3e-9c86-1f2a3b4c5d6e",
        event_sid="VW1",
        twin_event_sid="VW2",
        fired_ms=0,
    )
    means = Means(http=client, clock=clock, auth_token={"AC1": "token"}.get)
    return await exchange(callback, means)


async def test_retries_wait_longer_and_longer(server: Any, client: Client) -> None:
    clock = JumpingClock()
    server.answer = lambda _request: REFUSAL

    outcome = await outcome_of(f"{server.url}/#rc=5&rp=all", client, clock)

    assert clock.slept == [0, 0.5, 1, 2, 4]
    assert [attempt.status for attempt in outcome.attempts] == [500] * 6
    assert len(server.requests) == 6


async def test_no_attempt_starts_after_the_total_time(
    server: Any, client: Client
) -> None:
    clock = JumpingClock()
    server.answer = lambda _request: REFUSAL

    outcome = await outcome_of(f"{server.url}/#rc=5&rp=all&tt=1500", client, clock)

    assert clock.slept == [0, 0.5]
    assert [attempt.status for attempt in outcome.attempts] == [500] * 3


async def test_redirects_share_the_total_time(server: Any, client: Client) -> None:
    clock = JumpingClock()

    def slow(_request: Any) -> bytes:
        clock.now += 4000
        return b"HTTP/1.1 307 T\r\nLocation: /on\r\nContent-Length: 0\r\n\r\n"

    server.answer = slow

    outcome = await outcome_of(server.url, client, clock)

    assert outcome.problem is not None
    assert outcome.problem.code == 11203
    assert outcome.answer is None
    assert len(server.requests) == 4


class MovingHost:
    """A name that has another address each time it is looked up."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = iter(addresses)
        self.looked_up = 0

    async def __call__(self, _host: str, _port: int) -> Sequence[Address]:
        self.looked_up += 1
        return [ip_address(next(self._addresses))]


async def moved(server: Any, host: MovingHost, fragment: str) -> Outcome:
    port = server.url.rpartition(":")[2]
    client = Client(LOOPBACK, resolve=host)
    url = f"http://hook.example:{port}/{fragment}"
    outcome = await outcome_of(url, client, JumpingClock())
    await client.close()
    return outcome


async def test_a_host_that_moves_between_attempts_is_followed(server: Any) -> None:
    server.answer = lambda _request: OK
    host = MovingHost("127.0.0.2", "127.0.0.1")  # nobody listens on the first one

    outcome = await moved(server, host, "")

    assert [attempt.code for attempt in outcome.attempts] == [11205, None]
    assert len(server.requests) == 1


@pytest.mark.parametrize("inside", ["169.254.169.254", "10.0.0.1", "::1"])
async def test_a_host_that_moves_inside_between_attempts_gets_nothing_more(
    server: Any, inside: str
) -> None:
    server.answer = lambda _request: FAREWELL
    host = MovingHost("127.0.0.1", inside)

    outcome = await moved(server, host, "#rc=5&rp=all")

    # An address that is refused is not tried again.
    assert [attempt.code for attempt in outcome.attempts] == [15003, 11210]
    assert outcome.answer is None
    assert outcome.problem is not None
    assert inside in outcome.problem.message
    assert (len(server.requests), host.looked_up) == (1, 2)
