"""Accounts and keys, and tokens that are signed by hand."""

import base64
import hmac
import json
from typing import Any

import pytest

from trunkline.accounts import Account, Accounts, ApiKey
from trunkline.capture.sdk.token import Tokens
from trunkline.errors import Refused


ACCOUNT = Account(sid="AC" + "0" * 31 + "1", auth_token="a" * 32)
OTHER_ACCOUNT = Account(sid="AC" + "0" * 31 + "2", auth_token="b" * 32)
KEY = ApiKey(sid="SK" + "0" * 31 + "1", account_sid=ACCOUNT.sid, secret="c" * 32)
OTHER_KEY = ApiKey(
    sid="SK" + "0" * 31 + "2", account_sid=OTHER_ACCOUNT.sid, secret="d" * 32
)
NOW = 1_795_168_116
HEADER = {"alg": "HS256", "typ": "JWT", "cty": "twilio-fpa;v=1"}


def tokens(**options: Any) -> Tokens:
    return Tokens(Accounts([ACCOUNT, OTHER_ACCOUNT], [KEY, OTHER_KEY]), **options)


def encoded(part: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")


def claims(**changes: Any) -> dict[str, Any]:
    good = {
        "jti": f"{KEY.sid}-{NOW}",
        "iss": KEY.sid,
        "sub": ACCOUNT.sid,
        "nbf": NOW,
        "exp": NOW + 3600,
        "grants": {"identity": "alice", "voice": {"incoming": {"allow": True}}},
    }
    return {k: v for k, v in {**good, **changes}.items() if v is not ...}


def signed(
    body: object,
    secret: str = KEY.secret,
    header: object = HEADER,
    digest: str = "sha256",
) -> bytes:
    what = encoded(header) + b"." + encoded(body)
    mac = hmac.new(secret.encode(), what, digest).digest()
    return what + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")


def resigned(raw: bytes) -> bytes:
    """Sign claims as they stand."""
    what = encoded(HEADER) + b"." + base64.urlsafe_b64encode(raw).rstrip(b"=")
    mac = hmac.new(KEY.secret.encode(), what, "sha256").digest()
    return what + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")


def code_of(token: bytes | None, now: int = NOW, **options: Any) -> int:
    with pytest.raises(Refused) as refused:
        tokens(**options).verify(token, now * 1000)
    assert refused.value.status == 403
    return refused.value.code
