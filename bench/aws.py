"""As much of AWS as a Kinesis sink needs: answers to AssumeRole and PutRecords. Pure."""

import base64

import msgspec


_CREDENTIALS = b"""\
<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult><Credentials><AccessKeyId>ASIABENCH</AccessKeyId>
<SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>
</AssumeRoleResponse>"""


class _Record(msgspec.Struct, frozen=True, rename="pascal"):
    data: str


class _Call(msgspec.Struct, frozen=True, rename="pascal"):
    records: list[_Record]


_decode = msgspec.json.Decoder(_Call).decode


def assume_role() -> bytes:
    """Return credentials for a role: they never have to be renewed."""
    return _CREDENTIALS


def put_records(body: bytes) -> tuple[bytes, bytes]:
    """Return the data of all records, and the answer that takes every one of them."""
    records = _decode(body).records
    data = b"".join(base64.b64decode(record.data) for record in records)
    taken = b",".join(
        b'{"SequenceNumber":"%d","ShardId":"shardId-000000000000"}' % number
        for number in range(1, len(records) + 1)
    )
    return data, b'{"FailedRecordCount":0,"Records":[%b]}' % taken
