"""AWS credentials: what they are, and how a request is signed with them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from trunkline.sinks.answer import Answer


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key; with a session token where it is a temporary one."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class NoCredentials(Exception):
    """There are no credentials now; `answer` is what that means for an attempt."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.detail)
        self.answer = answer


def sign(
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    credentials: Credentials,
    service: str,
    region: str,
) -> list[tuple[str, str]]:
    """Return the headers of a POST with its signature, version 4, at this time."""
    # Whoever has no Kinesis sink need not wait for botocore at every start: it takes
    # longer than all the rest.
    from botocore.auth import SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415

    request: Any = AWSRequest("POST", url, dict(headers), body)
    SigV4Auth(credentials, service, region).add_auth(request)
    return list(request.headers.items())
