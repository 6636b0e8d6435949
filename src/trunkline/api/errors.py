"""Error answers: always the four keys `code`, `message`, `more_info`, `status`.

Spec event-streams 3. Bodies with `type` and `title` make recent Twilio clients raise
another exception, so they are never sent.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trunkline.api.operations import json_answer
from trunkline.errors import Refused, StorageFailed


MORE_INFO = "https://www.twilio.com/docs/errors/{}"
_API_PREFIX = "/v1"
_READ_ONLY = ("/v1/Types", "/v1/Schemas")

# Headers that only some errors have.
_HEADERS = {
    401: {"WWW-Authenticate": 'Basic realm="Trunkline"'},
    503: {"Retry-After": "5"},
}

# A message shows no more of a path than a reader needs to recognise it.
_SHOWN_PATH = 300

_log = structlog.get_logger()


def not_found(path: str) -> Refused:
    """Return the error for a path at which there is nothing; it is shown without /v1."""
    shown = path.removeprefix(_API_PREFIX)[:_SHOWN_PATH]
    return Refused(20404, 404, f"The requested resource {shown} was not found")


class ErrorBody(msgspec.Struct, frozen=True):
    """Why a request was refused."""

    code: int
    message: str
    more_info: str
    status: int


async def refused(_request: Request, error: Exception) -> Response:
    """Answer a `Refused`."""
    assert isinstance(error, Refused)
    return _answer(error)


async def http_error(request: Request, error: Exception) -> Response:
    """Answer what the router refuses: no such path (404), no such method (405)."""
    assert isinstance(error, HTTPException)
    path = str(request.scope["path"])
    if error.status_code == 404:  # noqa: PLR2004 (HTTP's own number)
        return _answer(not_found(path))
    answer = _answer(
        Refused(91203, 405, "Method not allowed")
        if path.startswith(_READ_ONLY)
        else Refused(20004, 405, "Method not allowed")
    )
    answer.headers.update(error.headers or {})
    return answer


async def storage_failed(request: Request, error: Exception) -> Response:
    """Answer where the disk did not keep a write: nothing was accepted, try again."""
    _log.error("write_not_stored", path=request.scope["path"], error=str(error))
    return _answer(Refused(20503, 503, "Service unavailable"))


HANDLERS: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    Refused: refused,
    StorageFailed: storage_failed,
    HTTPException: http_error,
}
"""Who answers which error."""


class LastResort:
    """Answers 20500 for an unexpected error; its traceback goes to the log alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, and answer in its place where it fails."""
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception:
            _log.exception("request_failed", path=scope.get("path"))
            if scope["type"] != "http" or started:
                raise
            answer = _answer(Refused(20500, 500, "Internal server error"))
            await answer(scope, receive, send)


def _answer(error: Refused) -> Response:
    body = ErrorBody(
        code=error.code,
        message=error.message,
        more_info=MORE_INFO.format(error.code),
        status=error.status,
    )
    return json_answer(body, error.status, _HEADERS.get(error.status))
