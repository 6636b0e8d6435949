"""What a mould is filled with goes out as if it had been prepared by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.outgoing.client import SendFailed
from trunkline.outgoing.messages import Request, compose
from trunkline.signing import body_hash
from trunkline.sinks.mould import Mould
from trunkline.sinks.webhook import Destination, prepare


DESTINATIONS = [
    "https://example.org/events",
    "http://example.org:8080",
    "http://user:p%40ss@h.example/a%2Fb?c=%d&e=%b",
    "http://bücher.example/ü?x=1",
    "https://[::1]:8443/",
    # As if the parts that vary were in the destination already.
    f"http://h.example/{body_hash(b'[]')}?bodySHA256={body_hash(b'[]')}",
    "http://h.example/Content-Length:2/X-Twilio-Signature:",
]


def prepared(
    destination: str, events: list[bytes], token: str, *, with_userinfo: bool
) -> Request:
    return prepare(
        Destination.parse(destination),
        "POST",
        events,
        token,
        sign_with_userinfo=with_userinfo,
    )


def mould(
    destination: str, token: str = "12345", *, with_userinfo: bool = False
) -> Mould:
    parsed = Destination.parse(destination)
    beginning = parsed.url_with_userinfo if with_userinfo else parsed.url
    first = prepared(destination, [], token, with_userinfo=with_userinfo)
    return Mould(first, f"{beginning}bodySHA256=", token)


@given(
    st.sampled_from(DESTINATIONS),
    st.lists(st.binary(max_size=200), max_size=3),
    st.text(st.characters(codec="ascii"), max_size=100),
    st.booleans(),
)
def test_what_is_filled_in_is_what_would_have_been_prepared(
    destination: str, events: list[bytes], token: str, with_userinfo: bool
) -> None:
    filled = mould(destination, token, with_userinfo=with_userinfo).fill(events)

    whole = prepared(destination, events, token, with_userinfo=with_userinfo)
    assert filled == compose(whole)[1]


def test_a_mould_goes_where_its_requests_go() -> None:
    made = mould("http://h.example:8080/a")
    assert made.origin is compose(made.request)[0]
    assert made.origin.port == 8080


def test_what_cannot_be_sent_has_no_mould() -> None:
    request = prepared(DESTINATIONS[0], [], "12345", with_userinfo=False)
    broken = Request(
        method="PO ST",
        url=request.url,
        connect_timeout=1,
        read_timeout=1,
        total_timeout=1,
    )
    with pytest.raises(SendFailed):
        Mould(broken, "", "12345")
