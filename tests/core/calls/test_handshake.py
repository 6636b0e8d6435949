"""User and password for a server that asks. Oracle: the examples of RFC 7616 3.9.1."""

import pytest

from trunkline.capture.calls.handshake import authorization


NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"


def challenge(algorithm: str, qop: str = "auth, auth-int") -> str:
    return (
        f'Digest realm="http-auth@example.org", qop="{qop}", algorithm={algorithm},'
        f' nonce="{NONCE}", opaque="{OPAQUE}"'
    )


def answer(*challenges: str) -> str | None:
    return authorization(
        challenges,
        credentials="Mufasa:Circle of Life",
        method="GET",
        uri="/dir/index.html",
        cnonce=CNONCE,
    )


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_rfcs_examples(algorithm: str, response: str) -> None:
    assert answer(challenge(algorithm)) == (
        f'Digest username="Mufasa", realm="http-auth@example.org", nonce="{NONCE}",'
        f' uri="/dir/index.html", response="{response}", cnonce="{CNONCE}",'
        f' opaque="{OPAQUE}", algorithm={algorithm}, qop=auth, nc=00000001'
    )


def test_the_older_form_without_quality_of_protection() -> None:
    # RFC 2069's own example, with the response of its erratum.
    found = authorization(
        [
            (
                'Digest realm="testrealm@host.com",'
                ' nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
            )
        ],
        credentials="Mufasa:CircleOfLife",
        method="GET",
        uri="/dir/index.html",
        cnonce="",
    )

    assert found is not None
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in found


def test_basic_is_user_and_password_in_base64() -> None:
    assert answer('basic realm="x"') == "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl"


def test_the_first_usable_challenge_is_answered() -> None:
    found = answer("Negotiate", challenge("SHA-512-256"), challenge("MD5"), "Basic")

    assert found is not None
    assert "algorithm=MD5" in found


@pytest.mark.parametrize(
    "unusable",
    ["", "Bearer", "Digest", 'Digest realm="x"', challenge("MD5", "auth-int")],
)
def test_what_cannot_be_answered_is_not(unusable: str) -> None:
    assert answer(unusable) is None
