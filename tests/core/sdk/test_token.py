"""Tokens as Twilio's own library makes them, and attacks on them."""

import base64
import hashlib
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.sdk.tokens import (
    ACCOUNT,
    HEADER,
    KEY,
    NOW,
    OTHER_ACCOUNT,
    OTHER_KEY,
    claims,
    code_of,
    encoded,
    signed,
    tokens,
)
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VideoGrant, VoiceGrant
from twilio.jwt.client import ClientCapabilityToken

from trunkline.accounts import Accounts
from trunkline.capture.sdk.token import Caller, Expired, Tokens
from trunkline.errors import Refused


def from_twilio(**options: Any) -> bytes:
    token = AccessToken(ACCOUNT.sid, KEY.sid, KEY.secret, identity="alice", **options)
    token.add_grant(VoiceGrant(outgoing_application_sid="AP" + "0" * 32))
    return str(token.to_jwt()).encode()


def test_an_access_token_of_twilios_library_tells_account_and_identity() -> None:
    now_ms = time.time_ns() // 1_000_000
    assert tokens().verify(from_twilio(), now_ms) == Caller(
        account_sid=ACCOUNT.sid, client_name="alice"
    )


def test_the_longest_token_twilio_allows_is_good() -> None:
    now_ms = time.time_ns() // 1_000_000
    assert tokens().verify(from_twilio(ttl=86_400), now_ms).client_name == "alice"


def test_an_access_token_without_a_voice_grant_is_refused() -> None:
    token = AccessToken(ACCOUNT.sid, KEY.sid, KEY.secret, identity="alice")
    token.add_grant(VideoGrant(room="r"))
    now = int(time.time_ns() // 1_000_000_000)
    assert code_of(str(token.to_jwt()).encode(), now) == 20106


def test_a_capability_token_of_twilios_library_tells_account_and_client() -> None:
    token = ClientCapabilityToken(ACCOUNT.sid, ACCOUNT.auth_token)
    token.allow_client_incoming("bob & co")
    token.allow_client_outgoing("AP" + "0" * 32)
    now_ms = time.time_ns() // 1_000_000
    caller = tokens().verify(str(token.to_jwt()).encode(), now_ms)
    assert caller == Caller(account_sid=ACCOUNT.sid, client_name="bob & co")


def test_a_capability_token_names_its_client_even_if_it_may_only_call() -> None:
    scope = f"scope:client:outgoing?appSid=AP{'0' * 32}&clientName=carol"
    token = signed(
        {"iss": ACCOUNT.sid, "exp": NOW + 60, "scope": scope},
        ACCOUNT.auth_token,
        {"alg": "HS256", "typ": "JWT"},
    )
    assert tokens().verify(token, NOW * 1000).client_name == "carol"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        pytest.param(None, 20101, id="no header"),
        pytest.param(b"", 20101, id="empty header"),
        pytest.param(b"abc", 20160, id="one part"),
        pytest.param(b"a.b.c.d", 20160, id="four parts"),
        pytest.param(b"e30..abc", 20160, id="no claims"),
        pytest.param(b"e30.e3 0.abc", 20160, id="not base64url"),
        pytest.param(b"e30.e.abc", 20160, id="cut base64"),
        pytest.param(b"YWJj.e30.abc", 20160, id="header not JSON"),
        pytest.param(b"W10.e30.abc", 20160, id="header an array"),
        pytest.param(b"e30.W10.abc", 20160, id="claims an array"),
        pytest.param(b"x" * 9000, 20160, id="huge"),
        pytest.param(
            encoded(HEADER) + b"." + base64.urlsafe_b64encode(b"[" * 3000) + b".abc",
            20160,
            id="nested",
        ),
    ],
)
def test_what_is_no_token_is_refused(token: bytes | None, code: int) -> None:
    assert code_of(token) == code


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({**HEADER, "alg": "none"}, id="none"),
        pytest.param({**HEADER, "alg": "None"}, id="None"),
        pytest.param({**HEADER, "alg": "hs256"}, id="lower case"),
        pytest.param({**HEADER, "alg": "RS256"}, id="RS256"),
        pytest.param({**HEADER, "alg": "HS512"}, id="HS512"),
        pytest.param({**HEADER, "alg": ["HS256"]}, id="list"),
        pytest.param({"typ": "JWT", "cty": "twilio-fpa;v=1"}, id="no alg"),
        pytest.param({**HEADER, "cty": "other"}, id="other cty"),
        pytest.param({**HEADER, "cty": None}, id="null cty"),
        pytest.param({"alg": "HS256", "typ": "JWT"}, id="no cty, no scope"),
        pytest.param({**HEADER, "crit": ["b64"], "b64": False}, id="crit"),
    ],
)
def test_another_header_is_refused(header: dict[str, Any]) -> None:
    assert code_of(signed(claims(), header=header)) == 20102


def test_an_unsigned_token_is_refused() -> None:
    unsigned = encoded({**HEADER, "alg": "none"}) + b"." + encoded(claims()) + b"."
    assert code_of(unsigned) == 20102
    assert code_of(unsigned + b"AA") == 20102
    assert code_of(encoded(HEADER) + b"." + encoded(claims()) + b".") == 20107


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "SK" + "9" * 32},
        {"iss": ...},
        {"iss": 5},
        {"iss": ACCOUNT.sid},
        {"sub": OTHER_ACCOUNT.sid},
        {"sub": ...},
        {"sub": None},
        {"sub": KEY.sid},
    ],
    ids=str,
)
def test_another_issuer_or_subject_is_refused(changes: dict[str, Any]) -> None:
    assert code_of(signed(claims(**changes))) == 20103


def test_a_key_speaks_for_no_other_account() -> None:
    stolen = signed(claims(iss=OTHER_KEY.sid), OTHER_KEY.secret)
    assert code_of(stolen) == 20103


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(signed(claims(), "e" * 32), id="other secret"),
        pytest.param(signed(claims(), OTHER_KEY.secret), id="other key"),
        pytest.param(signed(claims(), ACCOUNT.auth_token), id="auth token"),
        pytest.param(signed(claims(), digest="sha512"), id="other digest"),
        pytest.param(
            signed(claims(), "", {**HEADER, "kid": "../../dev/null"}), id="kid path"
        ),
        pytest.param(
            signed(claims(), OTHER_KEY.secret, {**HEADER, "kid": OTHER_KEY.sid}),
            id="kid of another key",
        ),
        pytest.param(
            signed(claims(), "x", {**HEADER, "jwk": {"kty": "oct", "k": "eA"}}),
            id="own key",
        ),
    ],
)
def test_another_signature_is_refused(token: bytes) -> None:
    assert code_of(token) == 20107


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_tampered_token_is_good(at: int, flip: int) -> None:
    token = bytearray(signed(claims()))
    # The last character of the signature has bits that stand for nothing.
    at %= len(token) - 1
    token[at] ^= flip
    with pytest.raises(Refused):
        tokens().verify(bytes(token), NOW * 1000)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"nbf": NOW + 61}, 20105),
        ({"nbf": NOW + 10**9, "exp": NOW + 10**9 + 60}, 20105),
        ({"nbf": 10**400}, 20105),
        ({"nbf": 1e300}, 20105),
        ({"nbf": "soon"}, 20105),
        ({"nbf": True}, 20105),
        ({"exp": ...}, 20104),
        ({"exp": None}, 20104),
        ({"exp": str(NOW + 60)}, 20104),
        ({"exp": True}, 20104),
        ({"exp": 10**400}, 20104),
        ({"nbf": NOW - 4000, "exp": NOW - 60}, 20104),
        ({"nbf": NOW - 90_000, "exp": NOW - 20_000}, 20104),
        ({"exp": NOW + 86_401}, 20157),
        ({"nbf": ..., "exp": NOW + 86_401}, 20157),
        ({"nbf": 0}, 20157),
        ({"grants": ...}, 20106),
        ({"grants": {"identity": "alice"}}, 20106),
        ({"grants": {"voice": True}}, 20106),
        ({"grants": []}, 20106),
    ],
    ids=str,
)
def test_times_and_grants_have_their_codes(changes: dict[str, Any], code: int) -> None:
    assert code_of(signed(claims(**changes))) == code


@pytest.mark.parametrize(
    "changes",
    [
        {"nbf": NOW + 60},
        {"nbf": NOW - 3600, "exp": NOW - 59},
        {"nbf": None},
        {"nbf": NOW - 0.5, "exp": NOW + 60.5},
        {"exp": NOW + 86_400},
        {"iat": "whenever"},
    ],
    ids=str,
)
def test_clocks_may_differ_by_a_minute(changes: dict[str, Any]) -> None:
    assert tokens().verify(signed(claims(**changes)), NOW * 1000).client_name == "alice"


def test_an_earlier_check_speaks_first() -> None:
    all_wrong = claims(exp=NOW - 20_000, nbf=0, grants={})
    assert code_of(signed(all_wrong, "e" * 32)) == 20107
    assert code_of(signed(all_wrong)) == 20104


def test_a_token_that_expired_a_short_while_ago_is_good_for_a_known_call() -> None:
    token = signed(claims(nbf=NOW - 3600, exp=NOW - 14_399))
    with pytest.raises(Expired) as expired:
        tokens().verify(token, NOW * 1000)
    assert expired.value.account_sid == ACCOUNT.sid
    caller = tokens().verify(token, NOW * 1000, known_call=True)
    assert caller.client_name == "alice"


def test_a_token_that_expired_long_ago_is_good_for_nothing() -> None:
    token = signed(claims(nbf=NOW - 20_000, exp=NOW - 14_400))
    with pytest.raises(Refused) as refused:
        tokens().verify(token, NOW * 1000, known_call=True)
    assert refused.value.code == 20104


def test_a_good_token_is_remembered_until_it_expires() -> None:
    checked = tokens()
    token = signed(claims())
    assert checked.remembered(token, NOW * 1000) is None
    caller = checked.verify(token, NOW * 1000)
    good = checked.remembered(token, (NOW + 3599) * 1000)
    assert good is not None
    assert (good.caller, good.until_ms) == (caller, (NOW + 3600) * 1000)
    assert checked.remembered(token, (NOW + 3600) * 1000) is None


@pytest.mark.parametrize("revoked_by", ["change", "others"])
def test_who_holds_a_good_token_learns_that_it_is_not_any_more(
    revoked_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.capture.sdk.token.MAX_CACHED", 2)
    checked = tokens()
    token = signed(claims())
    checked.verify(token, NOW * 1000)
    good = checked.remembered(token, NOW * 1000)
    assert good is not None
    assert good.until_ms > NOW * 1000
    if revoked_by == "change":
        checked.forget()
    else:  # what is remembered is bounded, and only that can be revoked
        for number in range(2):
            checked.verify(signed(claims(jti=str(number))), NOW * 1000)
    assert good.until_ms <= NOW * 1000


def test_a_bad_token_is_not_remembered() -> None:
    checked = tokens()
    token = signed(claims(), "e" * 32)
    with pytest.raises(Refused):
        checked.verify(token, NOW * 1000)
    assert checked.remembered(token, NOW * 1000) is None


def test_claims_alone_can_be_checked() -> None:
    token = signed(claims(iss="SK" + "9" * 32), "not known to us")
    trusting = tokens(check_signature=False)
    assert trusting.verify(token, NOW * 1000).account_sid == ACCOUNT.sid
    assert code_of(signed(claims(sub="x")), check_signature=False) == 20103


def test_no_error_shows_the_token() -> None:
    token = signed(claims(), "e" * 32)
    with pytest.raises(Refused) as refused:
        tokens().verify(token, NOW * 1000)
    shown = f"{refused.value!r} {refused.value.message}"
    assert hashlib.sha256(token).hexdigest() not in shown
    assert token.decode() not in shown


def test_a_token_of_a_suspended_account_is_refused() -> None:
    accounts = Accounts([ACCOUNT], [KEY])
    checked = Tokens(accounts)
    accounts.on_change(checked.forget)
    token = signed(claims())
    checked.verify(token, NOW * 1000)
    accounts.put_account(replace(ACCOUNT, suspended=True))

    assert checked.remembered(token, NOW * 1000) is None
    with pytest.raises(Refused, match=r"^Forbidden$") as refusal:
        checked.verify(token, NOW * 1000)
    assert (refusal.value.code, refusal.value.status) == (20403, 403)


def test_a_token_of_a_revoked_key_is_refused() -> None:
    accounts = Accounts([ACCOUNT], [KEY])
    checked = Tokens(accounts)
    accounts.on_change(checked.forget)
    token = signed(claims())
    checked.verify(token, NOW * 1000)
    accounts.drop_key(KEY.sid.upper())

    assert checked.remembered(token, NOW * 1000) is None
    with pytest.raises(Refused) as refusal:
        checked.verify(token, NOW * 1000)
    assert refusal.value.code == 20103
