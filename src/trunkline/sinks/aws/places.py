"""Streams by their ARN, and where AWS serves its services. Pure."""

from typing import NamedTuple


#: Where the hosts of a partition are, and have been since it opened.
DNS_SUFFIXES = {
    "aws": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-eusc": "amazonaws.eu",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
    "aws-us-gov": "amazonaws.com",
}


class Stream(NamedTuple):
    """A Kinesis stream."""

    arn: str
    partition: str
    region: str
    name: str

    @classmethod
    def of(cls, arn: str) -> "Stream":
        """Take `arn:{partition}:kinesis:{region}:{account}:stream/{name}` apart."""
        _, partition, _, region, _, resource = arn.split(":", 5)
        return cls(arn, partition, region, resource.removeprefix("stream/"))

    def endpoint(self, service: str) -> str | None:
        """Return the address of a service in the stream's region.

        None where the partition is not one of AWS's.
        """
        suffix = DNS_SUFFIXES.get(self.partition)
        return suffix and f"https://{service}.{self.region}.{suffix}"
