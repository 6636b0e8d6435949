"""The demo's receiver, with requests that are signed and requests that are forged."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest
from twilio.request_validator import RequestValidator

from trunkline.demo.arrivals import Arrival, Callback
from trunkline.demo.receiver import Receiver, free_address, serving
from trunkline.testing import ManualClock


TOKEN = "12345"
BODY = """[{"type":"com.twilio.voice.insights.call-event.sdk","id":"EZ1",
 "time":"2026-01-01T00:00:00.000Z",
 "data":{"call_sid":"CA1","group":"connection","name":"muted"}}]"""
HASH = f"bodySHA256={hashlib.sha256(BODY.encode()).hexdigest()}"
CALLBACK = {"CallSid": "CA1", "CallStatus": "busy", "FromCity": ""}


class Desk:
    """A receiver that is served, and what it handed on."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.events: list[Arrival] = []
        self.callbacks: list[Callback] = []
        self.receiver = Receiver(
            url=url,
            auth_token=TOKEN,
            clock=ManualClock(),
            on_event=self.events.append,
            on_callback=self.callbacks.append,
        )

    async def send(
        self,
        path: str,
        body: bytes | str,
        headers: dict[str, str] | None = None,
        *,
        method: str = "POST",
    ) -> int:
        """Send a request; return the status of its answer."""

        def work() -> int:
            connection = HTTPConnection(urlsplit(self.url).netloc, timeout=10)
            try:
                connection.request(method, path, body, headers or {})
                return connection.getresponse().status
            finally:
                connection.close()

        return await asyncio.to_thread(work)

    def verified(self) -> list[bool]:
        events = [event.verified for event in self.events]
        return events + [callback.verified for callback in self.callbacks]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    with free_address() as (listener, url):
        desk = Desk(url)
        async with (
            asyncio.TaskGroup() as tasks,
            serving(desk.receiver, listener, tasks),
        ):
            yield desk


def signature(url: str, fields: dict[str, str] | None = None) -> dict[str, str]:
    made = RequestValidator(TOKEN).compute_signature(url, fields or {})
    return {"X-Twilio-Signature": made}


async def test_a_signed_event_is_verified(desk: Desk) -> None:
    path = f"/events?{HASH}"

    assert await desk.send(path, BODY, signature(desk.url + path)) == 204
    assert desk.verified() == [True]


async def test_a_forged_body_is_not_verified(desk: Desk) -> None:
    path = f"/events?{HASH}"

    await desk.send(path, BODY.replace("muted", "error"), signature(desk.url + path))

    assert desk.verified() == [False]


async def test_a_missing_or_wrong_signature_is_not_verified(desk: Desk) -> None:
    await desk.send(f"/events?{HASH}", BODY)
    await desk.send(f"/events?{HASH}", BODY, signature(f"{desk.url}/other"))

    assert desk.verified() == [False, False]


async def test_a_signed_url_without_the_body_hash_proves_nothing(desk: Desk) -> None:
    await desk.send("/events", BODY, signature(f"{desk.url}/events"))

    assert desk.verified() == [False]


async def test_a_callback_is_verified_with_its_fields(desk: Desk) -> None:
    signed = signature(f"{desk.url}/callbacks", CALLBACK)

    await desk.send("/callbacks", urlencode(CALLBACK), signed)
    await desk.send("/callbacks", urlencode(CALLBACK | {"FromCity": "Bonn"}), signed)

    assert desk.verified() == [True, False]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/events", b"{", 400),
        ("POST", "/events", b"\xff", 400),
        ("POST", "/callbacks", b"CallSid=CA1", 400),
        ("POST", "/elsewhere", b"", 404),
        ("GET", "/events", b"", 404),
    ],
)
async def test_anything_else_is_refused(
    desk: Desk, method: str, path: str, body: bytes, status: int
) -> None:
    assert await desk.send(path, body, method=method) == status
    assert desk.verified() == []
