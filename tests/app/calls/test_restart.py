"""What a crash leaves is taken up again, and repeated rather than lost."""

from typing import Any


ALL = ("initiated", "ringing", "answered", "completed")


async def test_a_callback_under_way_is_sent_again_as_it_was(
    running: Any, server: Any
) -> None:
    server.answer = lambda _request: None
    async with running() as world:
        call = await world.call(*ALL, StatusCallback=server.url)
        await server.received(1)
        await world.until(call, "completed")
        clock = world.clock

    clock.advance(3600)
    server.answer = lambda _request: b"HTTP/1.1 204 No Content\r\n\r\n"
    async with running(clock=clock) as world:
        before, *after = await server.received(5)
        await world.accepted(8)
        events = await world.events_of(call)

    assert after[0].fields == before.fields
    token = "i-twilio-idempotency-token"
    assert after[0].headers[token] == before.headers[token]
    assert [request.fields["SequenceNumber"] for request in after] == list("0123")
    assert {r.fields["Timestamp"] for r in after} == {"Mon, 14 Sep 2026 09:30:00 +0000"}
    assert len(events) == 4


async def test_a_call_that_was_never_dialled_is_dialled_after_the_restart(
    running: Any, server: Any
) -> None:
    async with running() as world:
        await world.call("initiated", StatusCallback=server.url, dial=False)

    async with running():
        (request,) = await server.received(1)

    assert request.fields["CallStatus"] == "initiated"


async def test_a_live_call_goes_on_from_where_it_was(running: Any, server: Any) -> None:
    async with running(pace_ms=3_600_000) as world:
        call = await world.call(*ALL, StatusCallback=server.url, Timeout="600")
        await server.received(1)
        await world.accepted(2)

    async with running():
        requests = await server.received(4)

    assert [request.fields["CallStatus"] for request in requests] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]
    assert {request.fields["CallSid"] for request in requests} == {call.sid}


async def test_what_is_settled_is_not_sent_again(running: Any, server: Any) -> None:
    async with running() as world:
        await world.call(*ALL, StatusCallback=server.url)
        await world.accepted(8)

    async with running() as world:
        await world.call(StatusCallback=server.url)
        await world.accepted(2)

    assert len(server.requests) == 5
