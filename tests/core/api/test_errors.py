"""What a client sees, and what the log keeps, of an error that nobody expected."""

import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from trunkline.api.errors import HANDLERS, LastResort, not_found
from trunkline.errors import StorageFailed


SCOPE = {"type": "http", "method": "GET", "path": "/v1/Sinks", "headers": []}


async def receive() -> MutableMapping[str, Any]:
    return {"type": "http.request"}


async def answer_of(error: Exception, *, started: bool = False) -> list[Any]:
    """Return what is sent for an application that fails."""
    sent: list[Any] = []

    async def failing(_scope: Scope, _receive: Receive, send: Send) -> None:
        if started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await LastResort(failing)(SCOPE, receive, send)
    return sent


async def test_an_unexpected_error_is_logged_and_not_shown() -> None:
    with capture_logs() as lines:
        start, body = await answer_of(KeyError("secret"))
    assert start["status"] == 500
    assert json.loads(body["body"]) == {
        "code": 20500,
        "message": "Internal server error",
        "more_info": "https://www.twilio.com/docs/errors/20500",
        "status": 500,
    }
    assert [(line["event"], line["path"]) for line in lines] == [
        ("request_failed", "/v1/Sinks")
    ]


async def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    with capture_logs(), pytest.raises(KeyError):
        await answer_of(KeyError("late"), started=True)


async def test_a_client_that_has_gone_gets_no_answer() -> None:
    with capture_logs() as lines:
        assert await answer_of(ClientDisconnect()) == []
    assert lines == []


def test_a_path_is_shown_without_its_version() -> None:
    message = "The requested resource /Sinks/DG1 was not found"
    assert not_found("/v1/Sinks/DG1").message == message
    assert len(not_found("/v1/" + "x" * 5000).message) < 400


async def test_a_write_that_was_not_kept_is_told_to_come_again() -> None:
    async def failing(_request: Request) -> Response:
        raise StorageFailed("disk full")

    app = Starlette(
        routes=[Route("/v1/Sinks", failing, methods=["POST"])],
        exception_handlers=HANDLERS,
    )
    sent: list[Any] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    with capture_logs() as lines:
        await app({**SCOPE, "method": "POST"}, receive, send)
    start, body = sent
    assert start["status"] == 503
    assert (b"retry-after", b"5") in start["headers"]
    assert json.loads(body["body"]) == {
        "code": 20503,
        "message": "Service unavailable",
        "more_info": "https://www.twilio.com/docs/errors/20503",
        "status": 503,
    }
    assert [(line["event"], line["error"]) for line in lines] == [
        ("write_not_stored", "disk full")
    ]
