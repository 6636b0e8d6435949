"""Segment's own clients and our server before one receiver."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from segment.analytics.client import Client
from tests.app.sinks.segment_receiver import SegmentReceiver
from tests.system.receiver import Receiver
from tests.system.server import AUTH_TOKEN, Server
from tiers.sinks.posting import client_of, new_sink, subscribe, validate

from trunkline.events.catalogue import PROGRESS, progress_type


KEY = "the-write-key"
CALLS = 250


@pytest.fixture
def receiver() -> Iterator[SegmentReceiver]:
    with SegmentReceiver() as receiver:
        yield receiver


@pytest.mark.parametrize("gzip", [False, True])
def test_segments_python_client_passes_the_receiver(
    receiver: SegmentReceiver, gzip: bool
) -> None:
    client = Client(KEY, host=receiver.url, upload_size=20, gzip=gzip, timeout=5)
    for number in range(50):
        client.track("alice", "ringing", {"n": number}, message_id=f"EZ{number}")
    client.shutdown()

    assert receiver.refused == []
    assert receiver.ids() == {f"EZ{number}" for number in range(50)}
    assert receiver.keys == {KEY}


def test_segments_node_client_passes_the_receiver(receiver: SegmentReceiver) -> None:
    subprocess.run(
        ["node", "segment_client.cjs", receiver.url, KEY, "50"],
        cwd=Path(__file__).parent,
        check=True,
        timeout=20,
    )

    assert receiver.refused == []
    assert receiver.ids() == {f"EZ{number}" for number in range(50)}
    assert receiver.keys == {KEY}


@pytest.mark.timeout(100)
def test_a_thousand_call_events_pass_a_segment_that_is_down_at_first(
    receiver: SegmentReceiver, tmp_path: Path
) -> None:
    with (
        Receiver(AUTH_TOKEN) as callbacks,
        Server(
            tmp_path,
            TRUNKLINE_SEGMENT_ENDPOINT_URL=receiver.url,
            TRUNKLINE_SIMULATOR_PACE="0",
        ) as server,
    ):
        sink_sid = new_sink(server, "segment", {"write_key": KEY})
        client_of(server).events.v1.sinks(sink_sid).sink_test.create()
        receiver.wait_for(1)
        [test] = receiver.messages
        validate(server, sink_sid, test["messageId"])
        subscribe(server, sink_sid, map(progress_type, PROGRESS))
        receiver.first += [429, 500, 503, 302]

        client = client_of(server)
        calls = {
            client.calls.create(
                to="+14155550100",
                from_="+14155550199",
                twiml="<Response/>",
                status_callback=f"{callbacks.url}/callback",
                status_callback_event=list(PROGRESS),
            ).sid
            for _ in range(CALLS)
        }
        receiver.wait_for(1 + 4 * CALLS, 60)
        assert server.stop() == 0

    tracks = [message for message in receiver.messages if message is not test]
    assert {message["properties"]["sid"] for message in tracks} == calls
    assert {message["userId"] for message in tracks} == {"+14155550100"}
    assert receiver.refused == []
    assert receiver.requests < 4 * CALLS
