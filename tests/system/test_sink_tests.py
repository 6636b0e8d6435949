"""The test of a sink that must be tested first, on the whole road."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.system.receiver import Receiver
from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, Server
from tests.system.test_server import ALL_FOUR
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client


RINGING = "com.twilio.voice.status-callback.call.ringing"


class Segment:
    """Plays Segment's API: answers with `status`, keeps the messages it accepts."""

    def __init__(self) -> None:
        self.status = 200
        self.messages: list[dict[str, Any]] = []
        self.news = threading.Condition()

    def take(self, body: bytes) -> int:
        with self.news:
            if self.status == 200:
                self.messages += json.loads(body)["batch"]
            self.news.notify_all()
            return self.status

    def named(self, event: str) -> dict[str, Any]:
        """Wait for a message of that name."""

        def found() -> list[dict[str, Any]]:
            return [each for each in self.messages if each["event"] == event]

        with self.news:
            assert self.news.wait_for(found, 20)
            return found()[-1]


@pytest.fixture
def segment() -> Iterator[tuple[Segment, str]]:
    made = Segment()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(made.take(body))
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_sink_fails_its_test_passes_the_next_and_is_used(
    tmp_path: Path, segment: tuple[Segment, str]
) -> None:
    source, url = segment
    with (
        Server(tmp_path, TRUNKLINE_SEGMENT_ENDPOINT_URL=url) as server,
        Receiver(AUTH_TOKEN) as receiver,
    ):
        client = Client(ACCOUNT_SID, AUTH_TOKEN)
        client.events.base_url = client.api.base_url = server.url
        made = client.events.v1.sinks.create(
            description="d",
            sink_type="segment",
            sink_configuration={"write_key": "a-write-key"},
        )
        sink = client.events.v1.sinks(made.sid)

        def subscribe() -> None:
            client.events.v1.subscriptions.create(
                description="d", sink_sid=made.sid, types=[{"type": RINGING}]
            )

        assert made.status == "initialized"
        source.status = 400
        sink.sink_test.create()
        wait_for_status(sink, "failed")
        with pytest.raises(TwilioRestException, match="is not active"):
            subscribe()

        source.status = 200
        sink.sink_test.create()
        message = source.named("com.twilio.eventstreams.test-event")
        assert sink.fetch().status == "validating"
        test_id = message["properties"]["test_id"]
        assert sink.sink_validate.create(test_id=test_id).result == "valid"
        assert sink.fetch().status == "active"

        subscribe()
        call = client.calls.create(
            to="+14155550100",
            from_="+14155550199",
            twiml="<Response/>",
            status_callback=f"{receiver.url}/callback",
            status_callback_event=ALL_FOUR,
        )
        assert source.named(RINGING)["properties"]["sid"] == call.sid
        assert server.stop() == 0


def wait_for_status(sink: Any, status: str) -> None:
    deadline = time.monotonic() + 20
    while sink.fetch().status != status:
        assert time.monotonic() < deadline
        time.sleep(0.02)
