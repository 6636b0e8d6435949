"""Callback servers at their worst, and what the rest notices of them: nothing."""

from asyncio import gather
from typing import Any

import pytest


OK = b"HTTP/1.1 204 No Content\r\n\r\n"


async def test_a_thousand_calls_to_a_server_that_hangs_hold_up_no_other(
    running: Any, server: Any, other_server: Any
) -> None:
    other_server.answer = lambda _request: None
    async with running() as world:
        url = other_server.url
        await gather(*(world.call(StatusCallback=url, dial=False) for _ in range(1000)))
        await world.switchboard.resume()
        call = await world.call(
            "initiated", "ringing", "answered", "completed", StatusCallback=server.url
        )
        received = await server.received(4)

    assert {request.fields["CallSid"] for request in received} == {call.sid}
    assert other_server.most_under_way <= 20


async def test_a_thousand_calls_to_a_server_that_is_down_are_all_told(
    running: Any, server: Any, other_server: Any
) -> None:
    await other_server.stop()
    async with running() as world:
        url = f"{other_server.url}#rc=0"
        await gather(*(world.call(StatusCallback=url, dial=False) for _ in range(1000)))
        await world.switchboard.resume()
        call = await world.call(StatusCallback=server.url)
        (request,) = await server.received(1)
        entries = await world.accepted(2002)

    assert request.fields["CallSid"] == call.sid
    assert len({entry.event.call_sid for entry in entries}) == 1001


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        # 1 GB is promised; nobody waits for it.
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n" + b"x" * 100_000,
            None,
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 11206),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", 11206),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", 11200),
        (b"HTTP/1.1 302 F\r\nLocation: ftp://a/\r\nContent-Length: 0\r\n\r\n", 11200),
    ],
    ids=["huge", "broken chunk", "huge head", "nowhere", "not http"],
)
async def test_an_odd_answer_settles_the_callback(
    running: Any, server: Any, answer: bytes, code: int | None
) -> None:
    server.answer = lambda _request: answer
    async with running() as world:
        call = await world.call(StatusCallback=f"{server.url}#rc=0")
        await world.accepted(2)
        (event,) = await world.events_of(call)

    assert (event.problem.code if event.problem else None) == code
    assert event.answer is None or len(event.answer.body) <= 65_536


async def test_an_answer_after_the_deadline_comes_too_late(
    running: Any, server: Any
) -> None:
    server.answer = lambda _request: None
    async with running() as world:
        call = await world.call(StatusCallback=f"{server.url}#rc=0&rt=100")
        await world.accepted(2)
        (event,) = await world.events_of(call)

    assert event.problem.code == 11205
    assert event.answer is None


async def test_a_callback_under_way_is_awaited_on_stop(
    running: Any, server: Any
) -> None:
    server.answer = lambda _request: None
    async with running() as world:
        await world.call(
            "initiated", "completed", StatusCallback=f"{server.url}#rt=300"
        )
        await server.received(1)
        server.answer = lambda _request: OK
        await world.sender.come_to_rest(10)
        settled = len(world.entries)

    # The one under way has ended; the other one waits for the next start.
    assert settled == 2
    assert len(server.requests) == 1
