"""The request for a role, and its answers."""

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.outgoing.client import Response
from trunkline.sinks.aws.credentials import Credentials, NoCredentials
from trunkline.sinks.aws.sts import prepare, read


OWN = Credentials("AKIDEXAMPLE", "the-secret-key")
ROLE = "arn:aws:iam::123456789012:role/trunkline"

ASSUMED = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
    <AssumedRoleUser>
      <AssumedRoleId>AROA123:trunkline</AssumedRoleId>
      <Arn>arn:aws:sts::123456789012:assumed-role/trunkline/DG</Arn>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>ASIAEXAMPLE</AccessKeyId>
      <SecretAccessKey>wJalr&amp;XUtnFEMI/K7</SecretAccessKey>
      <SessionToken>AQoDYXdz+Eiw==</SessionToken>
      <Expiration>2026-01-01T13:00:00Z</Expiration>
    </Credentials>
  </AssumeRoleResult>
</AssumeRoleResponse>"""

DENIED = b"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error><Type>Sender</Type><Code>AccessDenied</Code>
  <Message>User is not authorized to perform: sts:AssumeRole</Message></Error>
  <RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId>
</ErrorResponse>"""

LAUGHS = b"""<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]>
<AssumeRoleResponse><AccessKeyId>&c;</AccessKeyId></AssumeRoleResponse>"""


def test_the_request_names_role_and_external_id() -> None:
    request = prepare(
        "https://sts.eu-west-1.amazonaws.com",
        role_arn=ROLE,
        external_id="of one & only customer",
        session_name="trunkline-DG",
        region="eu-west-1",
        own=OWN,
    )

    assert (request.method, request.url) == (
        "POST",
        "https://sts.eu-west-1.amazonaws.com/",
    )
    assert parse_qs(request.body.decode(), strict_parsing=True) == {
        "Action": ["AssumeRole"],
        "Version": ["2011-06-15"],
        "RoleArn": [ROLE],
        "RoleSessionName": ["trunkline-DG"],
        "ExternalId": ["of one & only customer"],
    }
    signature = dict(request.headers)["Authorization"]
    assert signature.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/sts/aws4_request" in signature
    assert all("the-secret-key" not in value for _, value in request.headers)


def test_credentials_come_with_their_end() -> None:
    credentials, expires_ms = read(Response(status=200, body=ASSUMED))

    assert credentials == Credentials(
        "ASIAEXAMPLE", "wJalr&XUtnFEMI/K7", "AQoDYXdz+Eiw=="
    )
    assert expires_ms == 1_767_272_400_000


def test_credentials_do_not_show_their_secrets() -> None:
    credentials, _ = read(Response(status=200, body=ASSUMED))

    assert "wJalr" not in repr(credentials)
    assert "AQoDYXdz" not in repr(credentials)


def test_a_refusal_is_told() -> None:
    with pytest.raises(NoCredentials) as refused:
        read(Response(status=403, body=DENIED))

    assert refused.value.answer.code == 93102
    assert refused.value.answer.detail == (
        "AssumeRole: AccessDenied: User is not authorized to perform: sts:AssumeRole"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<a>",
        b"<a/>",
        LAUGHS,
        LAUGHS.decode().encode("utf-16"),
        b'<?xml version="1.0" encoding="unheard-of"?><a/>',
        ASSUMED.replace(b"2026-01-01T13:00:00Z", b"soon"),
        ASSUMED.replace(b"<SessionToken>AQoDYXdz+Eiw==</SessionToken>", b""),
    ],
)
def test_an_answer_without_credentials_is_tried_again(body: bytes) -> None:
    with pytest.raises(NoCredentials) as missing:
        read(Response(status=200, body=body))

    assert missing.value.answer.code == 93101
    assert missing.value.answer.excerpt == b""


def test_half_an_answer_is_none() -> None:
    with pytest.raises(NoCredentials):
        read(Response(status=200, body=ASSUMED, truncated=True))


@given(st.integers(200, 599), st.binary() | st.text().map(str.encode))
def test_no_answer_breaks_it(status: int, body: bytes) -> None:
    with pytest.raises(NoCredentials):
        read(Response(status=status, body=body))
