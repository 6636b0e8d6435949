"""Streams by their ARN; botocore knows where AWS is."""

from typing import Any

import pytest
from botocore.regions import EndpointResolver
from botocore.session import Session

from trunkline.sinks.aws.places import DNS_SUFFIXES, Stream


def test_an_arn_is_taken_apart() -> None:
    arn = "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/calls.of-all_kinds"

    assert Stream.of(arn) == Stream(
        arn=arn, partition="aws-cn", region="cn-north-1", name="calls.of-all_kinds"
    )


KNOWN = Session().get_component("data_loader").load_data("endpoints")


@pytest.mark.parametrize(
    "partition", KNOWN["partitions"], ids=lambda each: each["partition"]
)
def test_services_are_where_botocore_finds_them(partition: Any) -> None:
    resolver = EndpointResolver(KNOWN)
    for region in partition["regions"]:
        stream = Stream("", partition["partition"], region, "calls")
        for service in ("kinesis", "sts"):
            known = resolver.construct_endpoint(service, region)
            assert stream.endpoint(service) == f"https://{known['hostname']}"


def test_no_partition_is_left_out() -> None:
    assert {each["partition"] for each in KNOWN["partitions"]} == set(DNS_SUFFIXES)


def test_an_unheard_of_partition_has_no_address() -> None:
    assert Stream("", "aws-moon", "mare-1", "calls").endpoint("kinesis") is None
