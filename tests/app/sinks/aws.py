"""AWS in a thread: moto, told to check signatures and policies.

Two traps. A trust policy must not name an external id: moto refuses it even where it is
right. So tests look for it in the request. And a role that does not exist is assumed.
"""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from trunkline.sinks.aws.credentials import Credentials


REGION = "us-east-1"

_TRUST = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}


@dataclass(frozen=True, slots=True)
class Aws:
    """An account of AWS.

    `operator` may assume roles and nothing else, `stranger` nothing at all; `writer`
    may put records into every stream, `reader` may not.
    """

    url: str
    admin: Credentials
    operator: Credentials
    stranger: Credentials
    writer: str
    reader: str

    def client(self, service: str) -> Any:
        return _client(self.url, service, self.admin)

    def new_stream(self, name: str, shards: int = 2) -> str:
        """Make a stream and return its ARN."""
        kinesis = self.client("kinesis")
        kinesis.create_stream(StreamName=name, ShardCount=shards)
        told = kinesis.describe_stream_summary(StreamName=name)
        kinesis.close()
        return str(told["StreamDescriptionSummary"]["StreamARN"])

    def records(self, name: str) -> list[tuple[str, dict[str, Any]]]:
        """Return partition key and event of each record of a stream, by shard."""
        kinesis = self.client("kinesis")
        found = records_of(kinesis, name)
        kinesis.close()
        return found


def records_of(kinesis: Any, name: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=name,
            ShardId=shard["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        while records := (
            page := kinesis.get_records(ShardIterator=iterator, Limit=10_000)
        )["Records"]:
            iterator = page["NextShardIterator"]
            found += [
                (each["PartitionKey"], json.loads(each["Data"])) for each in records
            ]
    return found


@contextmanager
def running_aws() -> Iterator[Aws]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    try:
        yield _furnished(url)
    finally:
        server.stop()


def _furnished(url: str) -> Aws:
    iam = _client(url, "iam", Credentials("anyone", "anything"))
    aws = Aws(
        url=url,
        admin=_user(iam, "admin", "*"),
        operator=_user(iam, "operator", "sts:AssumeRole"),
        stranger=_user(iam, "stranger", "s3:ListAllMyBuckets"),
        writer=_role(iam, "writer", "kinesis:PutRecords"),
        reader=_role(iam, "reader", "kinesis:GetRecords"),
    )
    iam.close()
    # From now on every request is checked.
    check = urllib.request.Request(
        f"{url}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"}
    )
    urllib.request.urlopen(check).close()
    return aws


def _user(iam: Any, name: str, action: str) -> Credentials:
    iam.create_user(UserName=name)
    iam.put_user_policy(
        UserName=name, PolicyName="it", PolicyDocument=_policy(_allowed(action))
    )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def _role(iam: Any, name: str, action: str) -> str:
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(_TRUST))
    iam.put_role_policy(
        RoleName=name, PolicyName="it", PolicyDocument=_policy(_allowed(action))
    )
    return str(role["Role"]["Arn"])


def _allowed(action: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": "*"}


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _client(url: str, service: str, credentials: Credentials) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        config=Config(retries={"max_attempts": 0}),
    )
