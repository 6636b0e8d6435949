"""Callbacks to servers that refuse, break off, hang, redirect, or are not there."""

import json
from typing import Any

import pytest


def answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


async def settled(world: Any, **fields: str) -> tuple[Any, dict[str, Any]]:
    """Make a call with one callback; return its call event, and the event's data."""
    call = await world.call(**fields)
    entries = await world.accepted(2)
    (event,) = await world.events_of(call)
    return event, json.loads(entries[0].event.data)


async def test_a_server_error_is_a_warning_with_its_answer(
    running: Any, server: Any
) -> None:
    server.answer = lambda _r: answer(
        "500 Oops", "Content-Type: text/plain", body=b"no"
    )
    async with running() as world:
        event, data = await settled(world, StatusCallback=server.url)

    assert (event.problem.code, event.problem.level) == (15003, "warning")
    assert event.answer.body == b"no"
    assert [attempt.code for attempt in event.attempts] == [15003]
    assert data["response"]["responseCode"] == 500
    assert len(server.requests) == 1


async def test_what_the_fragment_names_is_retried_with_the_same_token(
    running: Any, server: Any
) -> None:
    answers = iter([answer("503 Busy"), answer("200 OK")])
    server.answer = lambda _request: next(answers)
    async with running() as world:
        event, data = await settled(world, StatusCallback=f"{server.url}/#rc=2&rp=5xx")

    first, second = server.requests
    assert first.fields == second.fields
    token = "i-twilio-idempotency-token"
    assert first.headers[token] == second.headers[token]
    assert [(a.status, a.code) for a in event.attempts] == [(503, 15003), (200, None)]
    assert event.problem is None
    assert data["response"]["responseCode"] == 200


async def test_a_server_that_is_not_there_is_tried_twice(
    running: Any, server: Any
) -> None:
    await server.stop()
    async with running() as world:
        event, data = await settled(world, StatusCallback=server.url)
    await server.start()

    assert event.problem.code == 11205
    assert event.answer is None
    assert [attempt.code for attempt in event.attempts] == [11205, 11205]
    assert "response" not in data


async def test_a_server_that_says_nothing_is_given_up(
    running: Any, server: Any
) -> None:
    server.answer = lambda _request: None
    async with running() as world:
        event, data = await settled(world, StatusCallback=f"{server.url}/#rt=100")

    assert event.problem.code == 11205
    assert "response" not in data
    assert len(server.requests) == 1


async def test_an_answer_that_breaks_off_is_recorded_as_far_as_it_came(
    running: Any, server: Any
) -> None:
    server.answer = lambda _r: b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
    async with running() as world:
        event, data = await settled(
            world, StatusCallback=f"{server.url}/#rt=200&rp=all"
        )

    assert event.problem.code == 11205
    assert event.answer.status == 200
    assert data["response"]["responseCode"] == 200
    assert len(server.requests) == 1


async def test_what_is_not_http_is_told(running: Any, server: Any) -> None:
    server.answer = lambda _request: b"SSH-2.0-OpenSSH_9.2\r\n\r\n"
    async with running() as world:
        event, _ = await settled(world, StatusCallback=server.url)

    assert event.problem.code == 11206


async def test_of_a_long_answer_64_kib_are_kept(running: Any, server: Any) -> None:
    server.answer = lambda _request: answer("200 OK", body=b"x" * 200_000)
    async with running() as world:
        event, _ = await settled(world, StatusCallback=server.url)

    assert event.problem is None
    assert len(event.answer.body) == 65_536


@pytest.mark.parametrize(
    ("status", "method"), [("302 Found", "GET"), ("307 T", "POST")]
)
async def test_a_redirect_is_followed_and_signed_anew(
    running: Any, server: Any, status: str, method: str
) -> None:
    server.answer = lambda request: (
        answer(status, "Location: /new?z=1", "Set-Cookie: visit=7; Path=/")
        if request.target == "/old"
        else answer("204 No Content")
    )
    async with running() as world:
        event, data = await settled(world, StatusCallback=f"{server.url}/old")

    first, second = server.requests
    assert second.method == method
    assert second.target.startswith("/new?z=1")
    assert second.headers["cookie"] == "visit=7"
    assert first.headers["x-twilio-signature"] != second.headers["x-twilio-signature"]
    assert event.attempts == ()
    assert data["request"]["url"] == f"{server.url}/old"


async def test_circles_end_after_ten_redirects(running: Any, server: Any) -> None:
    server.answer = lambda _request: answer("307 T", "Location: /again")
    async with running() as world:
        event, data = await settled(world, StatusCallback=server.url)

    assert event.problem.code == 11215
    assert data["response"]["responseCode"] == 307
    assert len(server.requests) == 11


async def test_a_redirect_to_an_address_that_is_not_allowed_is_refused(
    running: Any, server: Any
) -> None:
    server.answer = lambda _r: answer("307 T", "Location: http://169.254.169.254/")
    async with running() as world:
        event, data = await settled(world, StatusCallback=server.url)

    assert event.problem.code == 11210
    assert "response" not in data


async def test_a_server_that_asks_for_a_password_gets_it(
    running: Any, server: Any
) -> None:
    server.answer = lambda request: answer(
        "204 No Content"
        if request.headers.get("authorization") == "Basic dXNlcjpzZWNyZXQ="
        else "401 Who",
        'WWW-Authenticate: Basic realm="x"',
    )
    async with running() as world:
        url = server.url.replace("http://", "http://user:secret@")
        event, data = await settled(world, StatusCallback=f"{url}/#rc=0")

    assert len(server.requests) == 2
    assert "authorization" not in server.requests[0].headers
    assert event.problem is None
    assert event.attempts == ()
    assert "secret" not in json.dumps(data)


async def test_bad_overrides_are_a_warning(running: Any, server: Any) -> None:
    async with running() as world:
        event, _ = await settled(world, StatusCallback=f"{server.url}/#rc=9&rp=x")

    assert (event.problem.code, event.problem.level) == (11243, "warning")
    assert "rc, rp" in event.problem.message


async def test_cookies_come_back_on_the_calls_next_callback(
    running: Any, server: Any
) -> None:
    server.answer = lambda _r: answer("204 No Content", "Set-Cookie: sid=42")
    async with running() as world:
        await world.call("initiated", "completed", StatusCallback=server.url)
        first, second = await server.received(2)

    assert "cookie" not in first.headers
    assert second.headers["cookie"] == "sid=42"
