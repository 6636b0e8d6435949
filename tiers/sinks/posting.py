"""Voice SDK events by the thousand, and the sinks that are to get them."""

import http.client
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, KEY_SECRET, KEY_SID, Server
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant
from twilio.rest import Client

from trunkline.events.catalogue import SDK_EVENT_TYPE


CALLS = 40

_THREADS = 4


def post_events(server: Server, numbers: Iterable[int]) -> set[str]:
    """Post events of several calls; return the names of those that were accepted.

    Ends early where the server does.
    """
    token = _access_token()
    listed = list(numbers)
    accepted: set[str] = set()

    def post(part: list[int]) -> None:
        netloc = urlsplit(server.url).netloc
        headers = {"X-Twilio-Token": token, "Content-Type": "application/json"}
        with closing(http.client.HTTPConnection(netloc, timeout=10)) as wire:
            for number in part:
                try:
                    wire.request(
                        "POST", "/v4/EndpointEvents", _sdk_post(number), headers
                    )
                    response = wire.getresponse()
                    response.read()
                except (OSError, http.client.HTTPException):
                    return  # killed
                assert response.status == 200
                accepted.add(f"event-{number}")

    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(post, [listed[start::_THREADS] for start in range(_THREADS)]))
    return accepted


def client_of(server: Server) -> Client:
    client = Client(ACCOUNT_SID, AUTH_TOKEN)
    client.events.base_url = client.api.base_url = server.url
    return client


def new_sink(
    server: Server, sink_type: str, configuration: Mapping[str, object]
) -> str:
    """Make a sink and return its SID."""
    sinks = client_of(server).events.v1.sinks
    return str(
        sinks.create(
            description=sink_type,
            sink_type=sink_type,
            sink_configuration=dict(configuration),
        ).sid
    )


def subscribe(
    server: Server, sink_sid: str, types: Iterable[str] = (SDK_EVENT_TYPE,)
) -> None:
    client_of(server).events.v1.subscriptions.create(
        description="to it", sink_sid=sink_sid, types=[{"type": each} for each in types]
    )


def validate(server: Server, sink_sid: str, test_id: str) -> None:
    """Show that the sink's test event has arrived."""
    sink = client_of(server).events.v1.sinks(sink_sid)
    sink.sink_validate.create(test_id=test_id)
    assert sink.fetch().status == "active"


def _access_token() -> str:
    token = AccessToken(ACCOUNT_SID, KEY_SID, KEY_SECRET, identity="alice")
    token.add_grant(VoiceGrant(outgoing_application_sid="AP" + "0" * 32))
    return str(token.to_jwt())


def _sdk_post(number: int) -> bytes:
    return json.dumps(
        {
            "group": "connection",
            "name": f"event-{number}",
            "level": "INFO",
            "payload": {
                "call_sid": f"CA{number % CALLS:032x}",
                "sdk_version": "2.18.5",
            },
            "publisher": "twilio-js-sdk",
            "timestamp": "2026-11-20T09:13:16.860Z",
        }
    ).encode()
