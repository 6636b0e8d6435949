"""Kinesis and Segment sinks of the real process: made, tested, validated, delivered to."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.app.sinks.aws import Aws
from tests.app.sinks.segment_receiver import SegmentReceiver
from tests.system.receiver import Receiver
from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, Server
from twilio.rest import Client

from trunkline.events.catalogue import PROGRESS, progress_type


SIMULATED = {"TRUNKLINE_SIMULATOR_PACE": "0"}


def client_of(server: Server) -> Client:
    client = Client(ACCOUNT_SID, AUTH_TOKEN)
    client.events.base_url = client.api.base_url = server.url
    return client


def make_sink(
    client: Client,
    sink_type: str,
    configuration: dict[str, str],
    test_id: Callable[[], str],
) -> None:
    """Make a sink, send it a test, validate it with what arrived, and subscribe."""
    sink = client.events.v1.sinks.create(
        description="it", sink_type=sink_type, sink_configuration=configuration
    )
    assert sink.status == "initialized"
    client.events.v1.sinks(sink.sid).sink_test.create()
    client.events.v1.sinks(sink.sid).sink_validate.create(test_id=test_id())
    assert client.events.v1.sinks(sink.sid).fetch().status == "active"
    types = [{"type": progress_type(progress)} for progress in PROGRESS]
    client.events.v1.subscriptions.create(
        description="it", sink_sid=sink.sid, types=types
    )


def place_call(client: Client, callbacks: Receiver) -> str:
    call = client.calls.create(
        to="+14155550100",
        from_="+14155550199",
        twiml="<Response/>",
        status_callback=f"{callbacks.url}/callback",
        status_callback_event=list(PROGRESS),
    )
    return str(call.sid)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.timeout(60)
def test_a_kinesis_sink_gets_its_test_event_and_then_a_call(
    aws: Aws, tmp_path: Path
) -> None:
    with Receiver(AUTH_TOKEN) as callbacks:
        arn = aws.new_stream("calls")
        with kinesis_server(tmp_path, aws) as server:
            client = client_of(server)

            def test_id() -> str:
                wait_until(lambda: bool(aws.records("calls")))
                [(key, event)] = aws.records("calls")
                assert key == event["id"] == ACCOUNT_SID
                return str(event["data"]["test_id"])

            configuration = {
                "arn": arn,
                "role_arn": aws.writer,
                "external_id": "the-external-id",
            }
            make_sink(client, "kinesis", configuration, test_id)
            sid = place_call(client, callbacks)

            wait_until(lambda: len(aws.records("calls")) == 5)
            assert server.stop() == 0

        arrived = [(key, event) for key, event in aws.records("calls") if key == sid]
        assert {event["type"] for _, event in arrived} == set(
            map(progress_type, PROGRESS)
        )
        said = json.dumps(list(server.log))
        assert aws.operator.secret_key not in said


def kinesis_server(folder: Path, aws: Aws) -> Server:
    return Server(
        folder,
        AWS_ACCESS_KEY_ID=aws.operator.access_key,
        AWS_SECRET_ACCESS_KEY=aws.operator.secret_key,
        TRUNKLINE_KINESIS_ENDPOINT_URL=aws.url,
        TRUNKLINE_STS_ENDPOINT_URL=aws.url,
        **SIMULATED,
    )


@pytest.mark.timeout(60)
def test_a_segment_sink_gets_its_test_event_and_then_a_call(tmp_path: Path) -> None:
    with (
        SegmentReceiver() as segment,
        Receiver(AUTH_TOKEN) as callbacks,
        Server(
            tmp_path, TRUNKLINE_SEGMENT_ENDPOINT_URL=f"{segment.url}/", **SIMULATED
        ) as server,
    ):
        client = client_of(server)

        def test_id() -> str:
            segment.wait_for(1)
            return str(segment.messages[0]["messageId"])

        make_sink(client, "segment", {"write_key": "the-write-key"}, test_id)
        sid = place_call(client, callbacks)
        segment.wait_for(5)
        assert server.stop() == 0

    tracks = segment.messages[1:]
    assert {track["event"] for track in tracks} == set(map(progress_type, PROGRESS))
    assert {track["properties"]["sid"] for track in tracks} == {sid}
    assert {track["userId"] for track in tracks} == {"+14155550100"}
    assert segment.keys == {"the-write-key"}
    assert "the-write-key" not in json.dumps(list(server.log))
