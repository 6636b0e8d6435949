"""AssumeRole: a role's temporary credentials. Pure, but for the time in a signature."""

from typing import NamedTuple
from urllib.parse import urlencode

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

import trunkline
from trunkline.events.times import parse_iso
from trunkline.outgoing.client import Request, Response
from trunkline.sinks.aws.credentials import Credentials, NoCredentials, sign
from trunkline.sinks.aws.outcomes import ANY_OTHER, AwsError, failed, refused_role


_TIMEOUT = 5.0
_BODY_LIMIT = 65_536

_OK = 200


class Lease(NamedTuple):
    """Credentials, and until when they are good."""

    credentials: Credentials
    expires_ms: int


def prepare(
    endpoint: str,
    *,
    role_arn: str,
    external_id: str,
    session_name: str,
    region: str,
    own: Credentials,
) -> Request:
    """Return the request for a role, signed with the operator's own credentials."""
    url = f"{endpoint}/"
    body = urlencode(
        {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": role_arn,
            "RoleSessionName": session_name,
            "ExternalId": external_id,
        }
    ).encode()
    headers = [
        ("User-Agent", f"Trunkline/{trunkline.__version__}"),
        ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
    ]
    return Request(
        method="POST",
        url=url,
        headers=sign(url, headers, body, credentials=own, service="sts", region=region),
        body=body,
        connect_timeout=_TIMEOUT,
        read_timeout=_TIMEOUT,
        total_timeout=2 * _TIMEOUT,
        body_limit=_BODY_LIMIT,
    )


def read(response: Response) -> Lease:
    """Return the credentials of an answer. Raises NoCredentials."""
    leaves = {} if response.truncated else _leaves(response.body)
    if response.status != _OK:
        error = AwsError(
            leaves.get("Code", f"HTTP {response.status}"), leaves.get("Message", "")
        )
        raise NoCredentials(refused_role(error, response.status))
    expires_ms = parse_iso(leaves.get("Expiration", ""))
    access_key = leaves.get("AccessKeyId")
    secret_key = leaves.get("SecretAccessKey")
    token = leaves.get("SessionToken")
    if expires_ms is None or not (access_key and secret_key and token):
        detail = "AssumeRole: the answer has no credentials"
        raise NoCredentials(failed(ANY_OTHER, detail, http_status=response.status))
    return Lease(Credentials(access_key, secret_key, token), expires_ms)


def _leaves(document: bytes) -> dict[str, str]:
    """Return the text of each XML element, by name, the first of each; {} if it is none.

    A document type is refused, and with it all entities: no answer of AWS's has one.
    """
    try:
        root = fromstring(document, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError, ValueError):
        return {}
    leaves: dict[str, str] = {}
    for element in root.iter():
        name = element.tag.rpartition("}")[2]  # AWS's namespace aside
        leaves.setdefault(name, (element.text or "").strip())
    return leaves
