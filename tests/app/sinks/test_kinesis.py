"""The Kinesis sink against AWS as moto plays it."""

import ipaddress
import json
import socket
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import pytest
from tests.app.sinks.aws import Aws
from tests.core.sinks.events import (
    ACCOUNT,
    CALL,
    event_with,
    parcel,
    progress_event,
    sdk_event,
    sink_test,
)

from trunkline.clock import SystemClock
from trunkline.events.envelope import Event
from trunkline.outgoing.client import Client, Request, Response
from trunkline.sinks.answer import Outcome
from trunkline.sinks.aws.credentials import Credentials
from trunkline.sinks.aws.own_credentials import OwnCredentials
from trunkline.sinks.kinesis import Endpoints, KinesisSink


class Watched:
    """The client, with a look at what goes out."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        return await self._client.send(request)


@pytest.fixture
async def client() -> AsyncIterator[Watched]:
    client = Client([ipaddress.ip_network("127.0.0.0/8")])
    yield Watched(client)
    await client.close()


@pytest.fixture
def stream(aws: Aws, request: pytest.FixtureRequest) -> str:
    return aws.new_stream(stream_name(request))


def stream_name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def sink_of(
    aws: Aws,
    client: Watched,
    arn: str,
    *,
    role: str | None = None,
    own: Credentials | None = None,
    url: str | None = None,
) -> KinesisSink:
    return KinesisSink(
        sink_sid="DG" + "1" * 32,
        configuration={
            "arn": arn,
            "role_arn": role or aws.writer,
            "external_id": "the-external-id",
        },
        endpoints=Endpoints(kinesis=url or aws.url, sts=aws.url),
        own=OwnCredentials(lambda: own or aws.operator),
        client=client,
        clock=SystemClock(),
    )


async def outcome_of(
    sink: KinesisSink, *events: Event
) -> tuple[Outcome, int | None, str]:
    answers = await sink.send([parcel(event) for event in events or [progress_event()]])
    assert len({answer.outcome for answer in answers}) == 1
    return answers[0].outcome, answers[0].code, answers[0].detail


# --- what arrives ------------------------------------------------------------------


async def test_each_event_is_a_record_of_its_own(
    aws: Aws, client: Watched, stream: str, request: pytest.FixtureRequest
) -> None:
    parcels = [parcel(progress_event(number)) for number in range(20)]

    answers = await sink_of(aws, client, stream).send(parcels)

    assert {answer.outcome for answer in answers} == {Outcome.DELIVERED}
    arrived = aws.records(stream_name(request))
    assert [event for _, event in arrived] == [
        json.loads(each.body) for each in parcels
    ]


async def test_the_key_is_the_call_or_else_the_event(
    aws: Aws, client: Watched, stream: str, request: pytest.FixtureRequest
) -> None:
    events = [
        progress_event(),
        sdk_event("TJS" + "4" * 32),
        sdk_event(""),
        sink_test(),
        sdk_event("😀" * 300),
    ]

    await outcome_of(sink_of(aws, client, stream), *events)

    assert {key for key, _ in aws.records(stream_name(request))} == {
        CALL,
        "TJS" + "4" * 32,
        "EZ" + "3" * 32,
        ACCOUNT,
        "😀" * 256,
    }


async def test_the_role_is_assumed_once_with_the_external_id(
    aws: Aws, client: Watched, stream: str
) -> None:
    sink = sink_of(aws, client, stream)
    for _ in range(3):
        await outcome_of(sink)

    assume, *puts = client.requests
    form = parse_qs(assume.body.decode())
    assert form["Action"] == ["AssumeRole"]
    assert form["ExternalId"] == ["the-external-id"]
    assert form["RoleArn"] == [aws.writer]
    assert len(puts) == 3
    assert {dict(put.headers)["X-Amz-Target"] for put in puts} == {
        "Kinesis_20131202.PutRecords"
    }


async def test_a_call_of_full_size_is_taken(
    aws: Aws, client: Watched, stream: str, request: pytest.FixtureRequest
) -> None:
    sink = sink_of(aws, client, stream)
    frame = len(parcel(event_with(b'""', call_sid="k" * 256)).body)
    size = sink.max_bytes // sink.max_events - frame
    data = b'"%b"' % (b"x" * size)
    events = [event_with(data, number, "k" * 256) for number in range(500)]

    assert (await outcome_of(sink, *events))[0] is Outcome.DELIVERED
    assert len(aws.records(stream_name(request))) == 500


# --- what does not -----------------------------------------------------------------


async def test_a_record_that_is_too_large_is_discarded_alone(
    aws: Aws, client: Watched, stream: str, request: pytest.FixtureRequest
) -> None:
    frame = len(parcel(event_with(b'""')).body) + len(CALL)
    fits, too_large = (b"x" * (1024 * 1024 - frame + more) for more in (0, 1))
    parcels = [
        parcel(event_with(b'"%b"' % data)) for data in (b"1", too_large, fits, b"4")
    ]

    answers = await sink_of(aws, client, stream).send(parcels)

    assert [answer.outcome for answer in answers] == [
        Outcome.DELIVERED,
        Outcome.DISCARD,
        Outcome.DELIVERED,
        Outcome.DELIVERED,
    ]
    assert (answers[1].code, "1048577 bytes" in answers[1].detail) == (93101, True)
    assert len(aws.records(stream_name(request))) == 3


async def test_a_stream_that_does_not_exist_discards(aws: Aws, client: Watched) -> None:
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/nowhere"

    outcome, code, detail = await outcome_of(sink_of(aws, client, arn))

    assert (outcome, code) == (Outcome.DISCARD, 93104)
    assert detail.startswith("ResourceNotFoundException")


async def test_a_partition_that_does_not_exist_discards(
    aws: Aws, client: Watched
) -> None:
    sink = KinesisSink(
        sink_sid="DG",
        configuration={
            "arn": "arn:aws-moon:kinesis:mare-1:123456789012:stream/calls",
            "role_arn": aws.writer,
            "external_id": "x",
        },
        endpoints=Endpoints(),
        own=OwnCredentials(lambda: aws.operator),
        client=client,
        clock=SystemClock(),
    )

    assert (await outcome_of(sink))[:2] == (Outcome.DISCARD, 93104)
    assert client.requests == []


async def test_a_role_that_may_not_write_is_tried_again(
    aws: Aws, client: Watched, stream: str
) -> None:
    sink = sink_of(aws, client, stream, role=aws.reader)

    [answer] = await sink.send([parcel(progress_event())])

    assert (answer.outcome, answer.code) == (Outcome.RETRY, 93102)
    assert answer.http_status == 403
    assert b"not authorized to perform: kinesis:PutRecords" in answer.excerpt


async def test_an_operator_who_may_not_assume_the_role_is_refused(
    aws: Aws, client: Watched, stream: str
) -> None:
    sink = sink_of(aws, client, stream, own=aws.stranger)

    outcome, code, detail = await outcome_of(sink)

    assert (outcome, code) == (Outcome.RETRY, 93102)
    assert detail.startswith("AssumeRole: AccessDenied")


async def test_a_wrong_secret_is_found_by_its_signature_and_not_told(
    aws: Aws, client: Watched, stream: str
) -> None:
    forged = Credentials(aws.operator.access_key, "another-secret")
    sink = sink_of(aws, client, stream, own=forged)

    outcome, code, detail = await outcome_of(sink)

    assert (outcome, code) == (Outcome.RETRY, 93102)
    assert detail.startswith("AssumeRole: SignatureDoesNotMatch")
    assert "another-secret" not in detail


async def test_without_a_connection_it_is_tried_again(
    aws: Aws, client: Watched, stream: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = "http://{}:{}".format(*closed.getsockname())
    sink = sink_of(aws, client, stream, url=url)

    assert (await outcome_of(sink))[:2] == (Outcome.RETRY, 93101)


async def test_a_bug_of_ours_loses_nothing(aws: Aws, stream: str) -> None:
    class Broken:
        async def send(self, request: Request) -> Response:
            raise RuntimeError("a bug")

    sink = KinesisSink(
        sink_sid="DG",
        configuration={"arn": stream, "role_arn": aws.writer, "external_id": "x"},
        endpoints=Endpoints(kinesis=aws.url, sts=aws.url),
        own=OwnCredentials(lambda: aws.operator),
        client=Broken(),
        clock=SystemClock(),
    )

    assert (await outcome_of(sink))[:2] == (Outcome.RETRY, 93101)
