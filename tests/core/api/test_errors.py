"""What a client sees, and what the log keeps, of an error that nobody expected."""

import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from trunkline.api.errors import LastResort, not_found


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
