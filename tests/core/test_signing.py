"""Signatures, held against public vectors and against Twilio's own validator."""

import hashlib
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import MultiDict
from twilio.request_validator import RequestValidator

from trunkline.signing import (
    UrlSigner,
    body_hash,
    is_hash,
    is_signed,
    sign_form,
    sign_url,
)


TOKEN = "0123456789abcdef0123456789abcdef"

EVENT = '[{"specversion":"1.0","id":"EZ00000000000000000000000000000001"}]'

PUBLIC_FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675310",
    "Digits": "1234",
    "From": "+14158675310",
    "To": "+18005551212",
}

COMPLETED = {
    "Called": "+14155550142",
    "ToState": "CA",
    "CallerCountry": "US",
    "Direction": "outbound-api",
    "Timestamp": "Mon, 14 Sep 2026 09:30:57 +0000",
    "CallbackSource": "call-progress-events",
    "CallerState": "DC",
    "ToZip": "94105",
    "SequenceNumber": "3",
    "CallSid": "CA9b2f61d07ce34a1fa85d40e6b37c1f92",
    "To": "+14155550142",
    "CallerZip": "20001",
    "ToCountry": "US",
    "CalledZip": "94105",
    "ApiVersion": "2010-04-01",
    "CalledCity": "SAN FRANCISCO",
    "CallStatus": "completed",
    "Duration": "1",
    "From": "+12025550123",
    "CallDuration": "42",
    "AccountSid": "AC4c1e9a7b02d84f5e8b6a1d3f90c7e258",
    "CalledCountry": "US",
    "CallerCity": "WASHINGTON",
    "ToCity": "SAN FRANCISCO",
    "FromCountry": "US",
    "Caller": "+12025550123",
    "FromCity": "WASHINGTON",
    "CalledState": "CA",
    "FromZip": "20001",
    "FromState": "DC",
}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
tokens = st.text("0123456789abcdef", min_size=32, max_size=32)
forms = st.lists(st.tuples(texts, texts), max_size=8)
urls = st.builds(
    "https://{}.example.org{}/{}?{}".format,
    st.sampled_from(["a", "events"]),
    st.sampled_from(["", ":443", ":8443"]),
    st.text("abc-._~%20", max_size=10),
    st.text("abc=&%20+", min_size=1, max_size=20),
)


@pytest.mark.parametrize(
    ("url", "body", "body_sha256", "signature"),
    [
        (
            "https://mycompany.com/myapp.php?foo=1&bar=2",
            '{"property": "value", "boolean": true}',
            "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620",
            "a9nBmqA0ju/hNViExpshrM61xv4=",
        ),
        (
            "https://example.org/events",
            EVENT,
            "b7da1cc6126dfea4da52911ef2744dcc8b945a8873f67eded7d2052bf3b1ef82",
            "OEae3KycJ5pi7d29kKQhYpohyZU=",
        ),
    ],
)
def test_a_json_body_is_signed_by_its_hash_in_the_url(
    url: str, body: str, body_sha256: str, signature: str
) -> None:
    separator = "&" if "?" in url else "?"

    assert body_hash(body.encode()) == body_sha256
    signed = f"{url}{separator}bodySHA256={body_sha256}"
    assert sign_url(signed, "12345") == signature


def test_an_event_in_the_query_is_signed_as_part_of_the_url() -> None:
    url = f"https://example.org/events?foo=1&event={quote(EVENT, safe='-._~')}"

    assert sign_url(url, "12345") == "Ou7bhMUkdHAlGUlGu4/spxkce5g="


@pytest.mark.parametrize(
    ("url", "fields", "token", "signature"),
    [
        (
            "https://example.com/myapp.php?foo=1&bar=2",
            PUBLIC_FORM,
            "12345",
            "L/OH5YylLD5NRKLltdqwSvS0BnU=",
        ),
        (
            "https://mycompany.com/myapp.php?foo=1&bar=2",
            PUBLIC_FORM | {"Caller": "+14158675309", "From": "+14158675309"},
            "12345",
            "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        ),
        (
            "https://app.example.com/voice/status?order=812",
            COMPLETED,
            TOKEN,
            "akL7+jex4lyleiT+gH4yFVTizks=",
        ),
    ],
    ids=["A", "B", "C"],
)
def test_a_form_is_signed_with_its_sorted_fields(
    url: str, fields: dict[str, str], token: str, signature: str
) -> None:
    assert sign_form(url, fields.items(), token) == signature


def test_a_callback_by_get_is_signed_by_its_url_alone() -> None:
    url = "https://app.example.com/voice/status?order=812"
    query = urlencode(COMPLETED, quote_via=quote)

    assert sign_url(f"{url}&{query}", TOKEN) == "dYxhY6dywpStuDBsUqnObb5NEFo="


@given(url=urls, fields=forms, token=tokens)
def test_twilios_validator_accepts_every_form_we_sign(
    url: str, fields: list[tuple[str, str]], token: str
) -> None:
    signature = sign_form(url, fields, token)

    assert RequestValidator(token).validate(url, MultiDict(fields), signature)


@given(url=urls, body=st.text(st.characters(exclude_categories=["Cs"])), token=tokens)
def test_twilios_validator_accepts_every_body_we_sign(
    url: str, body: str, token: str
) -> None:
    signed = f"{url}&bodySHA256={body_hash(body.encode())}"

    assert RequestValidator(token).validate(signed, body, sign_url(signed, token))


@given(body=st.text("ab", max_size=8), other=st.text("ab", max_size=8))
def test_a_tampered_body_never_verifies(body: str, other: str) -> None:
    url = f"https://example.org/?bodySHA256={body_hash(body.encode())}"
    accepted = RequestValidator(TOKEN).validate(url, other, sign_url(url, TOKEN))

    assert accepted == (body == other)


@given(fields=forms, data=st.data())
def test_the_order_of_fields_and_their_repetition_do_not_matter(
    fields: list[tuple[str, str]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(fields + fields))
    url = "https://example.org/"

    assert sign_form(url, shuffled, TOKEN) == sign_form(url, fields, TOKEN)


@given(url=urls, token=tokens)
def test_what_twilios_library_signs_is_signed_for_us(url: str, token: str) -> None:
    signature = RequestValidator(token).compute_signature(url, {})

    assert is_signed(url, signature, token)
    assert not is_signed(url + "x", signature, token)
    assert not is_signed(url, signature, token + "x")


@pytest.mark.parametrize(
    ("signed", "seen"),
    [
        ("https://example.org/a?b", "https://example.org:443/a?b"),
        ("https://example.org:443/a?b", "https://example.org/a?b"),
        ("http://example.org:80/", "http://example.org/"),
        ("https://[::1]:443/", "https://[::1]/"),
        ("https://[::1]/", "https://[::1]:443/"),
    ],
)
def test_a_default_port_makes_no_difference(signed: str, seen: str) -> None:
    signature = RequestValidator(TOKEN).compute_signature(signed, {})

    assert is_signed(seen, signature, TOKEN)
    assert RequestValidator(TOKEN).validate(seen, {}, signature) or "[" in seen


@pytest.mark.parametrize(
    "seen", ["https://example.org:8443/", "http://example.org:443/", "example.org", ""]
)
def test_any_other_port_does(seen: str) -> None:
    assert not is_signed(seen, sign_url("https://example.org/", TOKEN), TOKEN)


@pytest.mark.parametrize("signature", ["", "x", "\u00e9", "\ud800", "=" * 5000])
def test_what_is_no_signature_signs_nothing(signature: str) -> None:
    assert not is_signed("https://example.org/", signature, TOKEN)
    assert not is_hash(signature, b"")


@given(body=st.binary(max_size=20), other=st.binary(max_size=20))
def test_a_hash_is_its_bodys_alone(body: bytes, other: bytes) -> None:
    assert is_hash(hashlib.sha256(body).hexdigest(), other) == (body == other)


def test_a_repeated_field_is_signed_with_each_of_its_values() -> None:
    url = "https://example.org/"
    fields = [("b", "2"), ("a", ""), ("b", "10"), ("B", "x")]

    assert sign_form(url, fields, TOKEN) == sign_url(url + "Bxab10b2", TOKEN)


@given(st.text(max_size=150), st.text(max_size=100), st.binary(max_size=100))
def test_urls_that_begin_alike_are_signed_like_any_other(
    token: str, beginning: str, rest: bytes
) -> None:
    url = beginning + rest.hex()
    signer = UrlSigner(beginning, token)
    assert signer.sign(rest.hex().encode()).decode() == sign_url(url, token)
    assert signer.sign(rest.hex().encode()).decode() == sign_url(url, token)
