"""Simulated calls, with real callbacks to a real server."""

import base64
import json
from collections import defaultdict
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from trunkline.events.envelope import Event


ALL = ("initiated", "ringing", "answered", "completed")
TOKEN = "0123456789abcdef0123456789abcdef"


def data_of(event: Event) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(event.data)
    return data


async def test_an_answered_call_is_called_back_four_times_in_order(
    running: Any, server: Any
) -> None:
    async with running() as world:
        call = await world.call(*ALL, StatusCallback=f"{server.url}/status?order=812")
        requests = await server.received(4)
        ended = await world.until(call, "completed")

    assert [
        (r.fields["SequenceNumber"], r.fields["CallStatus"], r.target) for r in requests
    ] == [
        ("0", "initiated", "/status?order=812"),
        ("1", "ringing", "/status?order=812"),
        ("2", "in-progress", "/status?order=812"),
        ("3", "completed", "/status?order=812"),
    ]
    assert len({r.headers["i-twilio-idempotency-token"] for r in requests}) == 4
    assert ended.next_sequence == 4


async def test_twilios_validator_accepts_the_callbacks(
    running: Any, server: Any
) -> None:
    async with running() as world:
        await world.call(*ALL, StatusCallback=f"{server.url}/status")
        requests = await server.received(4)

    validator = RequestValidator(TOKEN)
    for request in requests:
        signature = request.headers["x-twilio-signature"]
        assert validator.validate(f"{server.url}/status", request.fields, signature)


async def test_a_get_callback_has_everything_in_its_query(
    running: Any, server: Any
) -> None:
    async with running() as world:
        url = f"{server.url}/status?a=b"
        await world.call(StatusCallback=url, StatusCallbackMethod="GET")
        (request,) = await server.received(1)

    assert request.method == "GET"
    assert request.target.startswith("/status?a=b&Called=%2B14155550142&ToState=&")
    assert request.body == b""
    signature = request.headers["x-twilio-signature"]
    url = server.url + request.target
    assert RequestValidator(TOKEN).validate(url, {}, signature)


@pytest.mark.parametrize(
    ("to", "statuses", "sip_code"),
    [
        ("+15005550001", ["initiated", "busy"], "486"),
        ("+15005550002", ["initiated", "ringing", "no-answer"], "487"),
        ("+15005550003", ["initiated", "failed"], "404"),
        ("+15005550004", ["initiated", "in-progress", "completed"], None),
        ("+15005550005", ["initiated", "ringing", "in-progress", "completed"], None),
    ],
)
async def test_the_last_digits_choose_the_outcome(
    running: Any, server: Any, to: str, statuses: list[str], sip_code: str | None
) -> None:
    async with running() as world:
        await world.call(*ALL, To=to, StatusCallback=server.url)
        requests = await server.received(len(statuses))

    assert [request.fields["CallStatus"] for request in requests] == statuses
    assert requests[-1].fields.get("SipResponseCode") == sip_code


async def test_each_callback_emits_its_event_and_the_deprecated_twin(
    running: Any, server: Any
) -> None:
    server.answer = lambda _request: (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 11\r\n\r\n"
        b"<Response/>"
    )
    async with running() as world:
        url = f"{server.url}/status?order=812"
        secret = url.replace("http://", "http://user:secret@") + "#rc=2"
        call = await world.call("ringing", StatusCallback=secret)
        events = [entry.event for entry in await world.accepted(2)]
        (request,) = server.requests

    assert [event.type for event in events] == [
        "com.twilio.voice.status-callback.call.ringing",
        "com.twilio.voice.webhook.status-callback.call.ringing",
    ]
    one, twin = (data_of(event) for event in events)
    for event, data in zip(events, (one, twin), strict=True):
        assert event.id == data["eventSid"]
        assert event.id.startswith("VW")
        assert event.time == data["timestamp"] == "2026-09-14T09:30:00.000Z"
        assert event.account_sid == call.account_sid
        assert event.call_sid == call.sid
        assert event.source == (
            f"/2010-04-01/Accounts/{call.account_sid}/Calls/{call.sid}.json"
        )
    assert one | {"eventSid": ""} == twin | {"eventSid": ""}
    assert one["eventSid"] != twin["eventSid"]
    assert one["sid"] == call.sid
    assert one["requestDateCreated"] == "Mon, 14 Sep 2026 09:30:00 +0000"
    assert one["request"] == {
        "method": "POST",
        "url": url,
        "parameters": request.fields,
    }
    assert one["response"] == {
        "responseCode": 200,
        "requestDuration": 0,
        "contentType": "text/xml",
        "responseBody": base64.b64encode(b"<Response/>").decode(),
        "dateCreated": "Mon, 14 Sep 2026 09:30:00 +0000",
    }


async def test_without_a_callback_nothing_is_emitted(running: Any, server: Any) -> None:
    async with running() as world:
        quiet = await world.call()
        await world.until(quiet, "completed")
        heard = await world.call(StatusCallback=server.url)
        entries = await world.accepted(2)

    assert {entry.event.call_sid for entry in entries} == {heard.sid}


async def test_legs_are_independent_and_each_has_one_request_under_way(
    running: Any, server: Any
) -> None:
    async with running() as world:
        slow = await world.call(*ALL, StatusCallback=f"{server.url}/slow#rc=0")
        server.answer = lambda request: (
            None
            if request.fields["CallSid"] == slow.sid
            else b"HTTP/1.1 204 No Content\r\n\r\n"
        )
        others = [
            await world.call(*ALL, StatusCallback=server.url, dial=False)
            for _ in range(30)
        ]
        for call in others:
            await world.switchboard.dial(call)
        await world.accepted(30 * 4 * 2)

    by_call = defaultdict(list)
    for request in server.requests:
        by_call[request.fields["CallSid"]].append(request.fields["SequenceNumber"])
    for call in others:
        assert by_call[call.sid] == ["0", "1", "2", "3"]
    assert len(by_call[slow.sid]) <= 1
    assert server.most_under_way <= 20


async def test_nothing_is_dialled_before_it_is_asked_for(
    running: Any, server: Any
) -> None:
    async with running() as world:
        call = await world.call(StatusCallback=server.url, dial=False)
        found = await world.store.call(call.sid)

    assert found is not None
    assert found.status == "queued"
    assert server.requests == []


async def test_calls_leave_the_queue_at_the_accounts_rate(
    running: Any, server: Any
) -> None:
    async with running(calls_per_second=2) as world:
        for _ in range(4):
            await world.call("initiated", StatusCallback=server.url)
        await server.received(1)
        world.clock.advance(0.5)
        await server.received(2)
        assert len(server.requests) == 2
        world.clock.advance(1.0)
        await server.received(4)


async def test_a_call_that_rings_too_long_is_ended(running: Any, server: Any) -> None:
    async with running(pace_ms=3_600_000) as world:
        await world.call(
            "initiated", "completed", StatusCallback=server.url, Timeout="20"
        )
        await server.received(1)
        world.clock.advance(19.999)
        await world.switchboard.end_overdue()
        assert len(server.requests) == 1
        world.clock.advance(0.001)
        await world.switchboard.end_overdue()
        _, request = await server.received(2)

    assert request.fields["CallStatus"] == "no-answer"
    assert request.fields["SipResponseCode"] == "487"


async def test_steps_come_at_the_simulators_pace(running: Any, server: Any) -> None:
    async with running(pace_ms=50) as world:
        await world.call(*ALL, StatusCallback=server.url)
        for count in (1, 2, 3):
            await server.received(count)
            assert len(server.requests) == count
            world.clock.advance(0.05)
        await server.received(4)
