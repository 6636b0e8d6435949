"""PutRecords: records into a stream. Pure, but for the time in a signature."""

from collections.abc import Sequence

import msgspec

import trunkline
from trunkline.outgoing.client import Request, Response
from trunkline.sinks.answer import DELIVERED, Answer
from trunkline.sinks.aws.credentials import Credentials, sign
from trunkline.sinks.aws.outcomes import (
    ANY_OTHER,
    AwsError,
    failed,
    refused_call,
    refused_record,
)
from trunkline.sinks.aws.places import Stream
from trunkline.sinks.http import excerpt_of


#: Limits: records a call, bytes of a call and of a record, both with their partition
#: keys, and characters of a key.
MAX_RECORDS = 500
MAX_CALL_BYTES = 5 * 1024 * 1024
MAX_RECORD_BYTES = 1024 * 1024
MAX_KEY = 256

_TARGET = "Kinesis_20131202.PutRecords"

# In seconds. A call of full size takes its time on a slow line.
_CONNECT_TIMEOUT = 5.0
_TIMEOUT = 30.0

# 500 records with an error each.
_BODY_LIMIT = 1024 * 1024

_OK = 200


class Record(msgspec.Struct, frozen=True, rename="pascal"):
    """One record. On the wire the data is base64."""

    data: bytes
    partition_key: str

    @property
    def size(self) -> int:
        """The bytes that count towards AWS's limits."""
        return len(self.data) + len(self.partition_key.encode())


class _Call(msgspec.Struct, frozen=True, rename="pascal"):
    # The name is for servers that know no ARN in this place; the ARN for streams of
    # another account than the role's.
    stream_name: str
    stream_arn: str = msgspec.field(name="StreamARN")
    records: Sequence[Record]


class _RecordAnswer(msgspec.Struct, frozen=True, rename="pascal"):
    sequence_number: str | None = None
    error_code: str | None = None
    error_message: str | None = None


class _CallAnswer(msgspec.Struct, frozen=True, rename="pascal"):
    records: list[_RecordAnswer]


class _ErrorAnswer(msgspec.Struct, frozen=True):
    type: str = msgspec.field(name="__type")
    message: str | None = None
    capital_message: str | None = msgspec.field(name="Message", default=None)


_encode = msgspec.json.Encoder().encode
_decode_answer = msgspec.json.Decoder(_CallAnswer).decode
_decode_error = msgspec.json.Decoder(_ErrorAnswer).decode


def prepare(
    endpoint: str, stream: Stream, records: Sequence[Record], credentials: Credentials
) -> Request:
    """Return the signed request that puts records into a stream."""
    url = f"{endpoint}/"
    body = _encode(_Call(stream.name, stream.arn, records))
    headers = [
        ("User-Agent", f"Trunkline/{trunkline.__version__}"),
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", _TARGET),
    ]
    return Request(
        method="POST",
        url=url,
        headers=sign(
            url,
            headers,
            body,
            credentials=credentials,
            service="kinesis",
            region=stream.region,
        ),
        body=body,
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=_TIMEOUT,
        total_timeout=_TIMEOUT,
        body_timeout=_TIMEOUT,
        body_limit=_BODY_LIMIT,
    )


def read(response: Response, count: int, credentials: Credentials) -> list[Answer]:
    """Return what the answer to a call of `count` records means for each of them."""
    if response.status != _OK:
        return [_refusal(response, credentials)] * count
    try:
        answers = _decode_answer(response.body).records
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        answers = []
    if len(answers) != count:
        detail = "the answer does not tell what became of the records"
        return [failed(ANY_OTHER, detail, http_status=response.status)] * count
    return [_answer(answer) for answer in answers]


def _answer(answer: _RecordAnswer) -> Answer:
    if answer.error_code:
        return refused_record(AwsError(answer.error_code, answer.error_message or ""))
    if answer.sequence_number:
        return DELIVERED
    detail = "the record has neither a number nor an error"
    return failed(ANY_OTHER, detail, http_status=_OK)


def _refusal(response: Response, credentials: Credentials) -> Answer:
    try:
        told = _decode_error(response.body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        # Not AWS's own words: a proxy's, or a compatible server's.
        return refused_call(
            AwsError(f"HTTP {response.status}", ""),
            response.status,
            excerpt_of(response, credentials.token, credentials.secret_key),
        )
    code = told.type.rpartition("#")[2]
    message = told.message or told.capital_message or ""
    return refused_call(AwsError(code, message), response.status)
