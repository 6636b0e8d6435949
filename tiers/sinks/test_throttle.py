"""The throttling proxy keeps AWS's limits."""

import json
from base64 import b64encode

from tiers.sinks.throttle import Limits, Shard, ThrottlingProxy


HALF = 2**127


def test_a_shard_takes_its_rate_and_no_more() -> None:
    limits = Limits(1000, 1024 * 1024, now=0)

    assert sum(limits.take(100, 0) for _ in range(1500)) == 1000
    assert sum(limits.take(100, 0.25) for _ in range(1500)) == 250
    assert sum(limits.take(100, 9) for _ in range(1500)) == 1000


def test_a_shard_takes_a_mebibyte_a_second() -> None:
    limits = Limits(1000, 1024 * 1024, now=0)

    assert sum(limits.take(300_000, 0) for _ in range(10)) == 3


def test_each_shard_has_limits_of_its_own() -> None:
    shards = [Shard("low", 0, HALF - 1), Shard("high", HALF, 2**128 - 1)]
    proxy = ThrottlingProxy("http://127.0.0.1:1", shards, records=0.5, now=lambda: 0)
    # No record is taken, so nothing is passed on.
    call = {
        "Records": [
            {"Data": b64encode(b"x").decode(), "PartitionKey": key}
            for key in ("CA1", "CA2", "CA3", "CA4")
        ]
    }

    answered = proxy.answer(
        {"X-Amz-Target": "Kinesis_20131202.PutRecords"}, json.dumps(call).encode()
    )

    assert answered is not None
    status, body = answered
    told = json.loads(body)
    assert (status, told["FailedRecordCount"]) == (200, 4)
    messages = {each["ErrorMessage"] for each in told["Records"]}
    assert messages == {
        "Rate exceeded for shard low.",
        "Rate exceeded for shard high.",
    }
