"""Calls of PutRecords, and what their answers mean for each record."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.outgoing.client import Response
from trunkline.sinks.answer import DELIVERED, Outcome
from trunkline.sinks.aws.credentials import Credentials
from trunkline.sinks.aws.places import Stream
from trunkline.sinks.aws.put_records import Record, prepare, read


ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/calls"
STREAM = Stream.of(ARN)
ROLE = Credentials("ASIAEXAMPLE", "the-secret-key", "the-session-token")
PUT = {"SequenceNumber": "495", "ShardId": "shardId-000000000000"}


def answered(*records: object, status: int = 200) -> Response:
    body = {"FailedRecordCount": 0, "Records": records}
    return Response(status=status, body=json.dumps(body).encode())


def refused(kind: str, status: int = 400) -> Response:
    body = {"__type": kind, "message": "because"}
    return Response(status=status, body=json.dumps(body).encode())


def test_a_whole_call() -> None:
    records = [Record(b'{"a":1}', "CA1"), Record("Ä".encode(), "CA2")]
    request = prepare("http://127.0.0.1:4567", STREAM, records, ROLE)

    assert (request.method, request.url) == ("POST", "http://127.0.0.1:4567/")
    assert json.loads(request.body) == {
        "StreamName": "calls",
        "StreamARN": ARN,
        "Records": [
            {"Data": base64.b64encode(b'{"a":1}').decode(), "PartitionKey": "CA1"},
            {"Data": "w4Q=", "PartitionKey": "CA2"},
        ],
    }
    headers = dict(request.headers)
    assert headers["X-Amz-Target"] == "Kinesis_20131202.PutRecords"
    assert headers["Content-Type"] == "application/x-amz-json-1.1"
    assert headers["X-Amz-Security-Token"] == "the-session-token"
    assert "/eu-west-1/kinesis/aws4_request" in headers["Authorization"]


def test_the_size_of_a_record_counts_bytes_of_data_and_key() -> None:
    assert Record(b"12345", "Ä").size == 7


def test_each_record_has_its_own_answer() -> None:
    slow = {
        "ErrorCode": "ProvisionedThroughputExceededException",
        "ErrorMessage": "Rate exceeded for shard shardId-000000000000",
    }
    broken = {"ErrorCode": "InternalFailure", "ErrorMessage": "Internal error."}

    answers = read(answered(PUT, slow, PUT, broken), 4, ROLE)

    assert answers[0] is answers[2] is DELIVERED
    assert [answer.code for answer in answers] == [None, 93103, None, 93101]
    assert answers[1].outcome is answers[3].outcome is Outcome.RETRY
    assert answers[1].detail == (
        "ProvisionedThroughputExceededException: "
        "Rate exceeded for shard shardId-000000000000"
    )


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("ResourceNotFoundException", 93104),
        ("com.amazonaws.kinesis.v20131202#ResourceNotFoundException", 93104),
        ("AccessDeniedException", 93102),
        ("LimitExceededException", 93103),
        ("ValidationException", 93101),
    ],
)
def test_an_error_of_the_call_is_every_records(kind: str, code: int) -> None:
    answers = read(refused(kind), 3, ROLE)

    assert [answer.code for answer in answers] == [code] * 3


@pytest.mark.parametrize(
    "response",
    [
        answered(),
        answered(PUT),
        answered(PUT, PUT, PUT),
        answered({}, {}),
        Response(status=200),
        Response(status=200, body=b"OK"),
        Response(status=200, body=b'{"Records":' + b"[" * 9_999),
        Response(status=204),
        Response(status=302),
        Response(status=413),
        Response(status=500, body=b"<html>\xff</html>"),
    ],
)
def test_an_answer_that_tells_nothing_is_tried_again(response: Response) -> None:
    answers = read(response, 2, ROLE)

    assert [(each.outcome, each.code) for each in answers] == [
        (Outcome.RETRY, 93101)
    ] * 2


def test_words_that_are_not_awss_are_kept_unless_they_repeat_a_secret() -> None:
    [kept] = read(Response(status=502, body=b"<h1>Bad gateway</h1>"), 1, ROLE)
    [dropped] = read(Response(status=502, body=b"token: the-session-token"), 1, ROLE)

    assert kept.excerpt == b"<h1>Bad gateway</h1>"
    assert dropped.excerpt == b""


@given(st.integers(200, 599), st.binary(), st.integers(1, 3))
def test_no_answer_breaks_it(status: int, body: bytes, count: int) -> None:
    answers = read(Response(status=status, body=body), count, ROLE)

    assert len(answers) == count
    assert DELIVERED not in answers
