"""Requests that carry callbacks. Oracle for signatures: Twilio's own validator."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from trunkline.capture.calls.callback import Callback, Hop, first_hop, headers, next_hop
from trunkline.capture.calls.parameters import Parameters
from trunkline.capture.calls.progress import Progress
from trunkline.outgoing.messages import Response
from trunkline.outgoing.urls import InvalidUrl


TOKEN = "0123456789abcdef0123456789abcdef"
PARAMETERS = (("CallSid", "CA1"), ("To", "+1 415"), ("FromCity", ""))


def callback(
    url: str, method: str = "POST", fields: Parameters = PARAMETERS
) -> Callback:
    return Callback(
        call_sid="CA1",
        account_sid="AC1",
        progress=Progress.RINGING,
        url=url,
        method=method,
        parameters=fields,
        token="b7e4f2c1-0d5a-4b3e-9c86-1f2a3b4c5d6e",
        event_sid="VW1",
        twin_event_sid="VW2",
        fired_ms=0,
    )


def sent(owed: Callback, hop: Hop) -> dict[str, str]:
    return dict(headers(hop, owed.token, auth_token=TOKEN, region="us1", cookies=""))


def test_a_post_carries_the_form_in_its_body() -> None:
    owed = callback("https://user:secret@a.example/status?x=1#rc=3")
    hop = first_hop(owed)

    assert hop.url == "https://a.example/status?x=1"
    assert hop.body == b"CallSid=CA1&To=%2B1+415&FromCity="
    assert sent(owed, hop) == {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "X-Twilio-Signature": sent(owed, hop)["X-Twilio-Signature"],
        "I-Twilio-Idempotency-Token": "b7e4f2c1-0d5a-4b3e-9c86-1f2a3b4c5d6e",
        "Accept": "*/*",
        "User-Agent": "TwilioProxy/1.1",
        "X-Home-Region": "us1",
    }


@pytest.mark.parametrize(
    ("url", "wire"),
    [
        ("http://a.example", "http://a.example/?CallSid=CA1&To=%2B1%20415&FromCity="),
        (
            "http://a.example/s?",
            "http://a.example/s?CallSid=CA1&To=%2B1%20415&FromCity=",
        ),
        (
            "http://a.example/s?q=a+b&r=%20",
            "http://a.example/s?q=a+b&r=%20&CallSid=CA1&To=%2B1%20415&FromCity=",
        ),
    ],
)
def test_a_get_carries_them_after_the_urls_own_query(url: str, wire: str) -> None:
    owed = callback(url, "GET")
    hop = first_hop(owed)

    assert hop.url == wire
    assert hop.body == b""
    assert "Content-Type" not in sent(owed, hop)


names = st.text(st.sampled_from("ABCabc_-1é"), min_size=1, max_size=6)
fields = st.dictionaries(
    names, st.text(max_size=12).filter(lambda v: v.isprintable()), min_size=1
)


@given(
    fields=fields,
    method=st.sampled_from(["GET", "POST"]),
    base=st.sampled_from(
        [
            "https://app.example.com/voice/status?order=812",
            "https://app.example.com:8443/voice",
            "http://app.example.com:8080/voice?a=b#rc=2",
            "https://user:pass@app.example.com",
            "http://app.example.com/caf%C3%A9?q=é",
        ]
    ),
)
def test_twilios_validator_accepts_every_callback(
    fields: dict[str, str], method: str, base: str
) -> None:
    owed = callback(base, method, tuple(fields.items()))
    hop = first_hop(owed)
    seen = dict(parse_qsl(hop.body.decode(), keep_blank_values=True))

    assert seen == ({} if method == "GET" else fields)
    assert RequestValidator(TOKEN).validate(
        hop.url, seen, sent(owed, hop)["X-Twilio-Signature"]
    )


def test_over_https_the_port_is_not_signed() -> None:
    with_port = callback("https://a.example:8443/s")
    without = callback("https://a.example/s")

    assert (
        sent(with_port, first_hop(with_port))["X-Twilio-Signature"]
        == sent(without, first_hop(without))["X-Twilio-Signature"]
    )


@pytest.mark.parametrize(
    ("method", "signature"),
    [("POST", "akL7+jex4lyleiT+gH4yFVTizks="), ("GET", "dYxhY6dywpStuDBsUqnObb5NEFo=")],
)
def test_the_specifications_vectors_c_and_d(method: str, signature: str) -> None:
    pairs = (
        ("Called", "+14155550142"),
        ("ToState", "CA"),
        ("CallerCountry", "US"),
        ("Direction", "outbound-api"),
        ("Timestamp", "Mon, 14 Sep 2026 09:30:57 +0000"),
        ("CallbackSource", "call-progress-events"),
        ("CallerState", "DC"),
        ("ToZip", "94105"),
        ("SequenceNumber", "3"),
        ("CallSid", "CA9b2f61d07ce34a1fa85d40e6b37c1f92"),
        ("To", "+14155550142"),
        ("CallerZip", "20001"),
        ("ToCountry", "US"),
        ("CalledZip", "94105"),
        ("ApiVersion", "2010-04-01"),
        ("CalledCity", "SAN FRANCISCO"),
        ("CallStatus", "completed"),
        ("Duration", "1"),
        ("From", "+12025550123"),
        ("CallDuration", "42"),
        ("AccountSid", "AC4c1e9a7b02d84f5e8b6a1d3f90c7e258"),
        ("CalledCountry", "US"),
        ("CallerCity", "WASHINGTON"),
        ("ToCity", "SAN FRANCISCO"),
        ("FromCountry", "US"),
        ("Caller", "+12025550123"),
        ("FromCity", "WASHINGTON"),
        ("CalledState", "CA"),
        ("FromZip", "20001"),
        ("FromState", "DC"),
    )
    owed = callback("https://app.example.com/voice/status?order=812", method, pairs)

    assert sent(owed, first_hop(owed))["X-Twilio-Signature"] == signature


@pytest.mark.parametrize(
    ("status", "method"),
    [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")],
)
def test_a_redirect_keeps_the_parameters(status: int, method: str) -> None:
    hop = first_hop(callback("https://a.example/one/two"))
    answer = Response(status=status, headers=(("Location", "../three?z=1"),))

    following = next_hop(hop, answer, "t")

    assert following is not None
    assert following.method == method
    assert following.parameters == PARAMETERS
    assert following.target.url == "https://a.example/three?z=1"


def test_the_last_answer_asks_for_nothing() -> None:
    hop = first_hop(callback("https://a.example/"))

    for answer in (
        Response(status=200, headers=(("Location", "/x"),)),
        Response(status=302),
        Response(status=304, headers=(("Location", "/x"),)),
        Response(status=401, headers=(("WWW-Authenticate", "Basic"),)),
    ):
        assert next_hop(hop, answer, "t") is None


@pytest.mark.parametrize("location", ["ftp://a.example/", "http://", "http://[::1"])
def test_a_redirect_to_nowhere_is_an_error(location: str) -> None:
    hop = first_hop(callback("https://a.example/"))
    answer = Response(status=302, headers=(("Location", location),))

    with pytest.raises(InvalidUrl):
        next_hop(hop, answer, "t")


CHALLENGE = Response(status=401, headers=(("WWW-Authenticate", 'Basic realm="x"'),))


def test_user_and_password_come_only_when_asked_for_and_once() -> None:
    owed = callback("https://user:p%40ss@a.example/")
    first = first_hop(owed)
    assert "Authorization" not in sent(owed, first)

    second = next_hop(first, CHALLENGE, "t")

    assert second is not None
    assert sent(owed, second)["Authorization"] == "Basic dXNlcjpwQHNz"
    assert next_hop(second, CHALLENGE, "t") is None


@pytest.mark.parametrize(
    ("location", "kept"),
    [
        ("/next", True),
        ("https://b.example/", False),
        ("https://you:own@b.example/", False),
        ("http://a.example/", False),
    ],
)
def test_user_and_password_stay_with_their_host(location: str, kept: bool) -> None:
    first = first_hop(callback("https://user:pass@a.example/"))
    answer = Response(status=307, headers=(("Location", location),))

    following = next_hop(first, answer, "t")

    assert following is not None
    assert (next_hop(following, CHALLENGE, "t") is not None) == kept
