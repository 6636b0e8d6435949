"""Failed tokens, shown without the tokens."""

from typing import Any

import jwt
import msgspec

from trunkline.accounts import Account, Accounts, ApiKey
from trunkline.capture.sdk.failures import MAX_FAILURES, TokenFailures
from trunkline.errors import Refused


ACCOUNT = Account(sid="AC" + "0" * 32, auth_token="a" * 32)
KEY = ApiKey(sid="SK" + "0" * 32, account_sid=ACCOUNT.sid, secret="c" * 32)
ERROR = Refused(20107, 403, "Invalid Access Token signature")


def failures() -> TokenFailures:
    return TokenFailures(Accounts([ACCOUNT], [KEY]))


def token(**claims: Any) -> bytes:
    return jwt.encode(claims, "x" * 32, "HS256").encode()


def test_a_failure_shows_who_the_token_says_it_is_and_why_it_was_refused() -> None:
    kept = failures()
    kept.add(token(iss=KEY.sid, sub=ACCOUNT.sid, exp=99), ERROR, "192.0.2.1", 5)

    [failure] = kept.of(ACCOUNT.sid)
    assert (failure.code, failure.iss, failure.sub) == (20107, KEY.sid, ACCOUNT.sid)
    assert (failure.exp, failure.address, failure.at_ms) == (99, "192.0.2.1", 5)


def test_a_failure_is_found_by_its_key_or_by_its_account() -> None:
    kept = failures()
    kept.add(token(iss=KEY.sid, sub="AC" + "f" * 32), ERROR, "", 1)
    kept.add(token(iss="SK" + "f" * 32, sub=ACCOUNT.sid), ERROR, "", 2)
    kept.add(token(iss=ACCOUNT.sid, scope=""), ERROR, "", 3)
    kept.add(token(iss="SK" + "f" * 32, sub="AC" + "f" * 32), ERROR, "", 4)

    assert [failure.at_ms for failure in kept.of(ACCOUNT.sid)] == [3, 2, 1]
    assert kept.of("AC" + "f" * 32) == []


def test_what_a_token_claims_is_shown_only_where_it_has_the_form() -> None:
    odd = token(iss="a secret\nline", sub=[1], exp="soon")
    for bad in (odd, b"no token", b"", token(exp=1e300), token(exp=True)):
        failure = failures().add(bad, ERROR, "", 1)
        assert (failure.iss, failure.sub, failure.exp) == ("", "", None)
        assert bad.decode() not in msgspec.json.encode(failure).decode() or not bad


def test_only_the_latest_failures_are_remembered() -> None:
    kept = failures()
    for number in range(MAX_FAILURES + 10):
        kept.add(token(sub=ACCOUNT.sid), ERROR, "", number)

    found = kept.of(ACCOUNT.sid)
    assert len(found) == MAX_FAILURES
    assert found[0].at_ms == MAX_FAILURES + 9
