"""More attacks on tokens: by their header, by who signs, and by what they claim."""

import json
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
    resigned,
    signed,
    tokens,
)

from trunkline.errors import Refused


@pytest.mark.parametrize(
    "kid",
    [OTHER_KEY.sid, "../../dev/null", "' OR 1=1 --", "https://evil.example/k", 7, None],
)
def test_a_kid_changes_nothing(kid: object) -> None:
    header = {**HEADER, "kid": kid, "jku": "https://evil.example/jwks"}
    assert tokens().verify(signed(claims(), header=header), NOW * 1000).client_name
    empty = signed(claims(), "", header)
    assert code_of(empty) == 20107


LEGACY = {"alg": "HS256", "typ": "JWT"}
LEGACY_CLAIMS = {
    "iss": ACCOUNT.sid,
    "exp": NOW + 60,
    "scope": "scope:client:incoming?clientName=bob",
}


@pytest.mark.parametrize(
    ("changes", "secret", "header", "code"),
    [
        pytest.param({}, KEY.secret, LEGACY, 20107, id="secret of a key"),
        pytest.param(
            {}, OTHER_ACCOUNT.auth_token, LEGACY, 20107, id="token of another account"
        ),
        pytest.param(
            {"iss": "AC" + "9" * 32}, "x" * 32, LEGACY, 20103, id="unknown account"
        ),
        pytest.param({"iss": KEY.sid}, KEY.secret, LEGACY, 20102, id="a key as issuer"),
        pytest.param({"scope": 5}, "a" * 32, LEGACY, 20102, id="scope a number"),
        pytest.param({}, "a" * 32, {**LEGACY, "alg": "none"}, 20102, id="none"),
        pytest.param({}, "a" * 32, {**LEGACY, "alg": "RS256"}, 20102, id="RS256"),
        pytest.param({"exp": None}, "a" * 32, LEGACY, 20104, id="no expiry"),
        pytest.param({"exp": NOW + 86_401}, "a" * 32, LEGACY, 20157, id="25 hours"),
        pytest.param({"nbf": NOW + 10**10}, "a" * 32, LEGACY, 20105, id="far future"),
        pytest.param({}, "a" * 32, HEADER, 20103, id="says it is an access token"),
    ],
)
def test_attacks_on_a_capability_token_have_their_codes(
    changes: dict[str, Any], secret: str, header: dict[str, Any], code: int
) -> None:
    assert code_of(signed({**LEGACY_CLAIMS, **changes}, secret, header)) == code


def test_of_a_claim_given_twice_the_last_is_checked() -> None:
    def twice(last: str) -> bytes:
        told = json.dumps(claims())[:-1] + f', "sub": "{last}"}}'
        return resigned(told.encode())

    assert code_of(twice(OTHER_ACCOUNT.sid)) == 20103
    assert tokens().verify(twice(ACCOUNT.sid), NOW * 1000).account_sid == ACCOUNT.sid


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"exp":1e400}', id="1e400"),
        pytest.param(b'{"exp":NaN}', id="NaN"),
        pytest.param(b'{"iss":"\\ud800"}', id="surrogate"),
        pytest.param(b'{"iss":"\xff"}', id="not UTF-8"),
        pytest.param(b'{"exp":' + b"9" * 5000 + b"}", id="many digits"),
    ],
)
def test_claims_that_are_no_json_are_refused_though_they_are_signed(raw: bytes) -> None:
    assert code_of(resigned(raw)) == 20160


@pytest.mark.parametrize("levels", [100, 1000, 3000])
def test_claims_that_are_nested_are_read_or_refused(levels: int) -> None:
    deep = b'{"grants":' + b"[" * levels + b"]" * levels + b"}"
    # Some Pythons read what is as deep as that: it names no issuer.
    assert code_of(resigned(deep)) in {20160, 20103}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10)
    | st.sampled_from([NOW, NOW + 60, KEY.sid, ACCOUNT.sid, "HS256", "twilio-fpa;v=1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["voice", "identity"]) | st.text(max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(["iss", "sub", "nbf", "exp", "grants", "scope", "jti"]),
        json_values,
    ),
    st.dictionaries(st.sampled_from(["alg", "cty", "typ", "kid", "crit"]), json_values),
    st.sampled_from([KEY.secret, ACCOUNT.auth_token]),
)
def test_whatever_a_signed_token_claims_it_is_its_accounts_or_refused(
    changes: dict[str, Any], header: dict[str, Any], secret: str
) -> None:
    token = signed(claims(**changes), secret, {**HEADER, **header})
    try:
        caller = tokens().verify(token, NOW * 1000)
    except Refused as refused:
        assert refused.status == 403  # noqa: PT017 (either is good)
        assert 20101 <= refused.code <= 20160  # noqa: PT017
    else:
        assert caller.account_sid == ACCOUNT.sid
        assert header.get("alg", "HS256") == "HS256"
