"""The real server before a Kinesis that throttles and fails: nothing is lost."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.app.sinks.aws import REGION, Aws, records_of
from tests.system.server import Server
from tiers.sinks.posting import (
    CALLS,
    client_of,
    new_sink,
    post_events,
    subscribe,
    validate,
)
from tiers.sinks.throttle import Fault, Shard, ThrottlingProxy


_names = (f"calls-{number}" for number in itertools.count())


class Stream:
    """A stream of kinesalite, behind the throttling proxy."""

    def __init__(self, kinesis: Any, url: str) -> None:
        self._kinesis = kinesis
        self.name = next(_names)
        kinesis.create_stream(StreamName=self.name, ShardCount=2)
        kinesis.get_waiter("stream_exists").wait(
            StreamName=self.name, WaiterConfig={"Delay": 0.05}
        )
        told = kinesis.describe_stream(StreamName=self.name)["StreamDescription"]
        shards = [
            Shard(
                each["ShardId"],
                int(each["HashKeyRange"]["StartingHashKey"]),
                int(each["HashKeyRange"]["EndingHashKey"]),
            )
            for each in told["Shards"]
        ]
        self.arn = f"arn:aws:kinesis:{REGION}:123456789012:stream/{self.name}"
        self.proxy = ThrottlingProxy(url, shards, records=200)

    def records(self) -> list[tuple[str, dict[str, Any]]]:
        return records_of(self._kinesis, self.name)

    def names(self) -> set[str]:
        """The names of the SDK events that are in the stream."""
        return {event["data"].get("name", "") for _, event in self.records()}

    def test_id(self) -> str | None:
        found = [event["data"].get("test_id") for _, event in self.records()]
        return next((test_id for test_id in found if test_id), None)


@pytest.fixture
def stream(kinesis_url: str) -> Iterator[Stream]:
    kinesis = boto3.client(
        "kinesis",
        endpoint_url=kinesis_url,
        region_name=REGION,
        aws_access_key_id="anyone",
        aws_secret_access_key="anything",
    )
    stream = Stream(kinesis, kinesis_url)
    with stream.proxy:
        yield stream
    kinesis.close()


@pytest.fixture
def start(aws: Aws, stream: Stream, tmp_path: Path) -> Callable[[], Server]:
    return lambda: Server(
        tmp_path,
        AWS_ACCESS_KEY_ID=aws.operator.access_key,
        AWS_SECRET_ACCESS_KEY=aws.operator.secret_key,
        TRUNKLINE_KINESIS_ENDPOINT_URL=stream.proxy.url,
        TRUNKLINE_STS_ENDPOINT_URL=aws.url,
    )


def connect(server: Server, aws: Aws, stream: Stream) -> None:
    """Make the sink, show that its test event arrives, and subscribe."""
    sink_sid = new_sink(
        server,
        "kinesis",
        {"arn": stream.arn, "role_arn": aws.writer, "external_id": "x1"},
    )
    client_of(server).events.v1.sinks(sink_sid).sink_test.create()
    wait_until(lambda: stream.test_id() is not None)
    validate(server, sink_sid, stream.test_id() or "")
    subscribe(server, sink_sid)


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.timeout(100)
def test_thousands_of_events_pass_a_stream_that_throttles(
    start: Callable[[], Server], aws: Aws, stream: Stream
) -> None:
    with start() as server:
        connect(server, aws, stream)
        stream.proxy.faults += [
            Fault.FAIL,
            Fault.FAIL_HALF,
            Fault.LOSE_ANSWER,
            Fault.EXPIRE,
        ]
        before = stream.proxy.calls

        accepted = post_events(server, range(4000))

        assert len(accepted) == 4000
        wait_until(lambda: accepted <= stream.names())
        assert server.stop() == 0
    assert stream.proxy.throttled > 0
    assert stream.proxy.calls - before < len(accepted)  # They travel together.
    keys = {
        (key, event["data"]["call_sid"])
        for key, event in stream.records()
        if "call_sid" in event["data"]
    }
    assert keys == {(sid, sid) for sid in (f"CA{call:032x}" for call in range(CALLS))}


@pytest.mark.timeout(100)
def test_nothing_is_lost_when_the_power_goes_while_a_stream_throttles(
    start: Callable[[], Server], aws: Aws, stream: Stream
) -> None:
    accepted: set[str] = set()
    with start() as server:
        connect(server, aws, stream)
        posting = threading.Thread(
            target=lambda: accepted.update(post_events(server, range(100_000)))
        )
        posting.start()
        wait_until(lambda: stream.proxy.throttled > 0)
        server.kill()
        posting.join()
    with start():
        wait_until(lambda: accepted <= stream.names())
    assert len(accepted) > 100
