"""Error answers: always the four keys `code`, `message`, `more_info`, `status`.

Spec event-streams 3. Bodies with `type` and `title` make recent Twilio clients raise
another exception, so they are never sent.
"""

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trunkline.errors import Refused


_MORE_INFO = "https://www.twilio.com/docs/errors/{}"
_API_PREFIX = "/v1"
_READ_ONLY = ("/v1/Types", "/v1/Schemas")

# A message shows no more of a path than a reader needs to recognise it.
_SHOWN_PATH = 300

_log = structlog.get_logger()


def not_found(path: str) -> Refused:
    """Return the error for a path at which there is nothing; it is shown without /v1."""
    shown = path.removeprefix(_API_PREFIX)[:_SHOWN_PATH]
    return Refused(20404, 404, f"The requested resource {shown} was not found")


async def refused(_request: Request, error: Exception) -> JSONResponse:
    """Answer a `Refused`."""
    assert isinstance(error, Refused)
    return _answer(error)


async def http_error(request: Request, error: Exception) -> JSONResponse:
    """Answer what the router refuses: no such path (404), no such method (405)."""
    assert isinstance(error, HTTPException)
    path = str(request.scope["path"])
    if error.status_code == 404:  # noqa: PLR2004 (HTTP's own number)
        return _answer(not_found(path))
    code = 91203 if path.startswith(_READ_ONLY) else 20004
    answer = _answer(Refused(code, 405, "Method not allowed"))
    answer.headers.update(error.headers or {})
    return answer


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


def _answer(error: Refused) -> JSONResponse:
    body = {
        "code": error.code,
        "message": error.message,
        "more_info": _MORE_INFO.format(error.code),
        "status": error.status,
    }
    challenge = {"WWW-Authenticate": 'Basic realm="Trunkline"'}
    unauthorised = error.status == 401  # noqa: PLR2004 (HTTP's own number)
    return JSONResponse(body, error.status, challenge if unauthorised else None)
