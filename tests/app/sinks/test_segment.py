"""The Segment sink against a receiver that Segment's own clients pass."""

import gzip
import http.client
import ipaddress
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.app.sinks.segment_receiver import SegmentReceiver
from tests.core.sinks.events import event_with, parcel, progress_event, sink_test

from trunkline.clock import SystemClock
from trunkline.outgoing.client import Client
from trunkline.sinks.answer import Outcome
from trunkline.sinks.segment import SegmentSink


CLIENTS = json.loads(
    (Path(__file__).parents[2] / "data/segment/clients.json").read_text("utf-8")
)
KEY = "the-write-key"


@pytest.fixture
def receiver() -> Iterator[SegmentReceiver]:
    with SegmentReceiver() as receiver:
        yield receiver


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client([ipaddress.ip_network("127.0.0.0/8")])
    yield client
    await client.close()


def sink_of(client: Client, url: str) -> SegmentSink:
    return SegmentSink(
        sink_sid="DG",
        write_key=KEY,
        endpoint=url,
        client=client,
        clock=SystemClock(),
    )


# --- the receiver ------------------------------------------------------------------


@pytest.mark.parametrize("recorded", CLIENTS)
def test_the_receiver_takes_what_segments_own_clients_send(
    receiver: SegmentReceiver, recorded: dict[str, Any]
) -> None:
    assert post(receiver, recorded) == 200
    assert receiver.messages == recorded["body"]["batch"]


@pytest.mark.parametrize(
    "change",
    [
        {"path": "/v1/track"},
        {"headers": {"Authorization": "Basic OnB3"}},
        {"headers": {"Authorization": "Bearer x"}},
        {"headers": {"Content-Type": "text/plain"}},
        {"body": {}},
        {"body": {"batch": [{"type": "track", "messageId": "1", "userId": "u"}]}},
        {"body": {"batch": [{"type": "identify", "messageId": "1"}]}},
        {"body": {"batch": [{"type": "identify", "userId": "u"}]}},
        {"body": {"batch": [{"userId": "u", "messageId": "1"}]}},
        {"body": {"batch": [{"type": "alias", "userId": "u" * 40_000}]}},
        {"body": {"batch": [], "filler": "x" * 500_000}},
    ],
)
def test_the_receiver_refuses_what_segment_would_not_use(
    receiver: SegmentReceiver, change: dict[str, Any]
) -> None:
    good = CLIENTS[0]
    headers = {**good["headers"], **change.get("headers", {})}

    assert post(receiver, {**good, **change, "headers": headers}) == 400
    assert receiver.messages == []


def post(receiver: SegmentReceiver, recorded: dict[str, Any]) -> int:
    """Send a recorded request again; its body was decoded when it was recorded."""
    body = json.dumps(recorded["body"]).encode()
    headers = {
        name: value
        for name, value in recorded["headers"].items()
        if name.lower() not in {"host", "content-length"}
    }
    if headers.get("Content-Encoding") == "gzip":
        body = gzip.compress(body)
    with closing(http.client.HTTPConnection(urlsplit(receiver.url).netloc)) as wire:
        wire.request("POST", recorded["path"], body, headers)
        response = wire.getresponse()
        response.read()
        return response.status


# --- the sink ----------------------------------------------------------------------


async def test_events_arrive_as_track_messages(
    client: Client, receiver: SegmentReceiver
) -> None:
    events = [progress_event(number, To="client:alice") for number in range(100)]
    parcels = [parcel(event) for event in [*events, sink_test()]]

    answers = await sink_of(client, receiver.url).send(parcels)

    assert {answer.outcome for answer in answers} == {Outcome.DELIVERED}
    assert receiver.keys == {KEY}
    assert receiver.requests == 2
    assert [message["properties"] for message in receiver.messages] == [
        json.loads(each.body)["data"] for each in parcels
    ]
    assert {message.get("userId") for message in receiver.messages} == {"alice", None}


async def test_the_largest_batches_are_taken(
    client: Client, receiver: SegmentReceiver
) -> None:
    fits = b'{"a":"%b"}' % (b"x" * 32_400)
    parcels = [parcel(event_with(fits, number)) for number in range(16)]

    answers = await sink_of(client, receiver.url).send(parcels)

    assert {answer.outcome for answer in answers} == {Outcome.DELIVERED}
    assert len(receiver.messages) == 16


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (302, Outcome.RETRY),
        (429, Outcome.RETRY),
        (500, Outcome.RETRY),
        (400, Outcome.DISCARD),
        (401, Outcome.DISCARD),
    ],
)
async def test_what_is_not_taken_is_told(
    client: Client, receiver: SegmentReceiver, status: int, outcome: Outcome
) -> None:
    receiver.first.append(status)

    [answer] = await sink_of(client, receiver.url).send([parcel(progress_event())])

    assert (answer.outcome, answer.code, answer.http_status) == (outcome, 93101, status)
    assert receiver.messages == []


async def test_without_a_connection_it_is_tried_again(client: Client) -> None:
    with SegmentReceiver() as gone:
        url = gone.url

    [answer] = await sink_of(client, url).send([parcel(progress_event())])

    assert (answer.outcome, answer.code) == (Outcome.RETRY, 93101)
