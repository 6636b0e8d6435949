"""Posts a recorded Voice SDK call to the gateway, with a token of today."""

import asyncio
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant

from trunkline.accounts import ApiKey
from trunkline.clock import Clock
from trunkline.demo.errors import DemoFailed
from trunkline.demo.recording import CallIds, Recorded, Recording, body_of


IDENTITY = "alice"

_TIMEOUT = 10.0
_ACCEPTED = {HTTPStatus.OK, HTTPStatus.NO_CONTENT}
_APPLICATION_SID = "AP" + "0" * 32


def access_token(key: ApiKey) -> str:
    """Make a token as an application's token server does, valid for an hour."""
    grant = VoiceGrant(outgoing_application_sid=_APPLICATION_SID, incoming_allow=True)
    token = AccessToken(
        key.account_sid, key.sid, key.secret, identity=IDENTITY, grants=[grant]
    )
    return str(token.to_jwt())


async def post_all(
    url: str, token: str, recording: Recording, ids: CallIds, clock: Clock
) -> None:
    """Send every request in the recorded order, about as far apart as recorded.

    Raises DemoFailed if one is not accepted.
    """
    connection = HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT)
    try:
        for pause, request in zip(recording.pauses(), recording.requests, strict=True):
            await clock.sleep(pause)
            body = body_of(request, recording.ids, ids, clock.now_ms())
            await asyncio.to_thread(_send, connection, request, body, token)
    except (OSError, HTTPException) as error:
        raise DemoFailed(f"A Voice SDK request was not answered: {error!r}") from error
    finally:
        connection.close()


def _send(
    connection: HTTPConnection, request: Recorded, body: bytes, token: str
) -> None:
    connection.putrequest(
        request.method, request.path, skip_host=True, skip_accept_encoding=True
    )
    headers = {"host": request.host} | request.headers
    if request.method == "POST":
        headers |= {"x-twilio-token": token, "content-length": str(len(body))}
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(body or None)
    response = connection.getresponse()
    answer = response.read()
    if response.status not in _ACCEPTED:
        raise DemoFailed(
            f"{request.method} {request.path} was answered "
            f"{response.status} {answer.decode(errors='replace')}"
        )
