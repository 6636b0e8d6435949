"""Webhook requests, and what is made of their answers."""

import base64
import json
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from trunkline.outgoing.client import Reason, Request, Response, SendFailed
from trunkline.outgoing.urls import InvalidUrl
from trunkline.signing import body_hash, sign_url
from trunkline.sinks.answer import Level, Outcome
from trunkline.sinks.webhook import (
    Destination,
    UrlTooLong,
    WebhookSink,
    prepare,
    read_answer,
    read_failure,
)
from trunkline.testing import ManualClock


TOKEN = "12345"
EVENT = b'{"specversion":"1.0","id":"EZ00000000000000000000000000000001"}'
NOW_MS = 1_767_268_800_000


def request_of(
    destination: str,
    *events: bytes,
    method: str = "POST",
    sign_with_userinfo: bool = False,
) -> Request:
    return prepare(
        Destination.parse(destination),
        method,
        events or (EVENT,),
        TOKEN,
        sign_with_userinfo=sign_with_userinfo,
    )


def header(request: Request, name: str) -> str:
    return dict(request.headers)[name]


def verifies(request: Request, body: str | None = None) -> bool:
    validator = RequestValidator(TOKEN)
    text = request.body.decode() if body is None else body
    signature = header(request, "X-Twilio-Signature")
    return bool(validator.validate(request.url, text or {}, signature))


# --- the request -------------------------------------------------------------------


@pytest.mark.parametrize(
    "destination",
    [
        "https://example.org/events",
        "https://example.org:443/events",
        "https://user:pass@example.org/events",
        "https://user:pass@example.org:443/events#rc=3",
    ],
)
def test_the_published_vector_of_a_post(destination: str) -> None:
    request = request_of(destination)
    assert request.body == b"[" + EVENT + b"]"
    assert request.url == (
        "https://example.org/events?bodySHA256="
        "b7da1cc6126dfea4da52911ef2744dcc8b945a8873f67eded7d2052bf3b1ef82"
    )
    assert header(request, "X-Twilio-Signature") == "OEae3KycJ5pi7d29kKQhYpohyZU="
    assert header(request, "Content-Type") == "application/json"
    assert header(request, "Accept") == "*/*"
    assert header(request, "User-Agent").startswith("Trunkline/")


def test_twilios_own_vector() -> None:
    # Its body is no array, so the URL and signature are compared, not the request.
    url = (
        "https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256="
        "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    )
    destination = Destination.parse("https://mycompany.com/myapp.php?foo=1&bar=2")
    body = b'{"property": "value", "boolean": true}'
    assert destination.url + "bodySHA256=" + body_hash(body) == url
    assert sign_url(url, TOKEN) == "a9nBmqA0ju/hNViExpshrM61xv4="


def test_the_published_vector_of_a_get() -> None:
    request = request_of("https://example.org/events?foo=1", method="GET")
    assert header(request, "X-Twilio-Signature") == "Ou7bhMUkdHAlGUlGu4/spxkce5g="
    assert request.url == (
        "https://example.org/events?foo=1&event=%5B%7B%22specversion%22%3A%221.0%22%2C"
        "%22id%22%3A%22EZ00000000000000000000000000000001%22%7D%5D"
    )
    assert request.body == b""
    assert "Content-Type" not in dict(request.headers)
    assert verifies(request)
    [text] = parse_qs(urlsplit(request.url).query)["event"]
    assert text.encode() == b"[" + EVENT + b"]"


def test_several_events_are_one_array() -> None:
    request = request_of("http://example.org/", b'{"id":"1"}', b'{"id":"2"}')
    assert json.loads(request.body) == [{"id": "1"}, {"id": "2"}]
    assert verifies(request)


@pytest.mark.parametrize(
    ("destination", "url"),
    [
        ("http://example.org", "http://example.org/?bodySHA256="),
        ("http://example.org?a=1", "http://example.org/?a=1&bodySHA256="),
        ("http://example.org:80/a", "http://example.org/a?bodySHA256="),
        ("http://example.org:443/a", "http://example.org:443/a?bodySHA256="),
        ("HTTPS://Example.org:443/A", "HTTPS://Example.org/A?bodySHA256="),
        ("https://example.org:8443/a", "https://example.org:8443/a?bodySHA256="),
        ("https://[::1]:443/a", "https://[::1]/a?bodySHA256="),
        ("http://example.org/a%2f%2F?q=%7e@b", "http://example.org/a%2f%2F?q=%7e@b&b"),
        ("http://bücher.example/ü", "http://bücher.example/ü?bodySHA256="),
    ],
)
def test_the_destination_stays_byte_for_byte(destination: str, url: str) -> None:
    assert request_of(destination).url.startswith(url)


@given(
    st.binary(min_size=1, max_size=200),
    st.sampled_from(["https://example.org/x", "http://u:p@h.example:8080?a=b&c=%20"]),
)
def test_what_we_send_verifies(event: bytes, destination: str) -> None:
    text = json.dumps({"data": base64.b64encode(event).decode()})
    assert verifies(request_of(destination, text.encode()))


@given(st.text(min_size=1, max_size=200))
def test_a_tampered_body_never_verifies(body: str) -> None:
    request = request_of("https://example.org/events")
    assert verifies(request, body) == (body.encode() == request.body)


def test_user_info_is_sent_decoded_and_stays_out_of_the_url() -> None:
    request = request_of("https://us%40er:p%3A%C3%BC%0a@example.org/events")
    expected = base64.b64encode("us@er:p:ü\n".encode()).decode()
    assert header(request, "Authorization") == f"Basic {expected}"
    assert "@" not in request.url


def test_without_user_info_there_is_no_authorization() -> None:
    assert "Authorization" not in dict(request_of("https://example.org/").headers)


def test_user_info_is_signed_on_demand() -> None:
    plain = request_of("https://user:pass@example.org/events")
    with_it = request_of(
        "https://user:pass@example.org/events", sign_with_userinfo=True
    )
    assert with_it.url == plain.url
    url = plain.url.replace("https://", "https://user:pass@")
    signature = header(with_it, "X-Twilio-Signature")
    assert RequestValidator(TOKEN).compute_signature(url, {}) == signature


def test_a_get_that_receivers_would_cut_is_not_made() -> None:
    request_of("http://h.example/", b"1" * 15_965, method="GET")
    with pytest.raises(UrlTooLong):
        request_of("http://h.example/", b"1" * 15_971, method="GET")


@pytest.mark.parametrize(
    "destination",
    [
        "",
        "example.org",
        "ftp://example.org/",
        "http://",
        "http://user:pass@/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://example.org/a\nb",
        "http://example.org\t/",
    ],
)
def test_a_destination_that_is_no_url_is_refused(destination: str) -> None:
    with pytest.raises(InvalidUrl):
        Destination.parse(destination)


# --- the answer --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome", "code", "level"),
    [
        (200, Outcome.DELIVERED, None, None),
        (204, Outcome.DELIVERED, None, None),
        (299, Outcome.DELIVERED, None, None),
        (301, Outcome.RETRY, 91300, Level.ERROR),
        (304, Outcome.RETRY, 91300, Level.ERROR),
        (307, Outcome.RETRY, 91300, Level.ERROR),
        (400, Outcome.DISCARD, 91305, Level.ERROR),
        (404, Outcome.DISCARD, 91305, Level.ERROR),
        (408, Outcome.DISCARD, 91305, Level.ERROR),
        (410, Outcome.DISCARD, 91305, Level.ERROR),
        (429, Outcome.RETRY, 91302, Level.WARNING),
        (500, Outcome.RETRY, 91306, Level.WARNING),
        (503, Outcome.RETRY, 91306, Level.WARNING),
        (599, Outcome.RETRY, 91306, Level.WARNING),
    ],
)
def test_every_status_has_its_outcome(
    status: int, outcome: Outcome, code: int | None, level: Level | None
) -> None:
    answer = read_answer(Response(status=status, body=b"x" * 2000), NOW_MS)
    assert (answer.outcome, answer.code, answer.level) == (outcome, code, level)
    assert answer.http_status == status
    assert answer.excerpt == b"x" * 1024


def test_retry_after_counts_on_429_and_503_only() -> None:
    def wish(status: int) -> int | None:
        response = Response(status=status, headers=(("RETRY-AFTER", "7"),))
        return read_answer(response, NOW_MS).retry_after_ms

    assert wish(429) == 7000
    assert wish(503) == 7000
    assert wish(500) is None
    assert wish(200) is None


@pytest.mark.parametrize(
    ("reason", "connected", "code"),
    [
        (Reason.INVALID_REQUEST, False, 91307),
        (Reason.NAME_NOT_RESOLVED, False, 91307),
        (Reason.ADDRESS_REFUSED, False, 91307),
        (Reason.CONNECT_FAILED, False, 91307),
        (Reason.CONNECT_TIMEOUT, False, 91307),
        (Reason.TLS_FAILED, False, 91307),
        (Reason.CERTIFICATE_HOST, False, 91307),
        (Reason.CERTIFICATE_EXPIRED, False, 91307),
        (Reason.CERTIFICATE_UNTRUSTED, False, 91307),
        (Reason.TOTAL_TIMEOUT, False, 91307),
        (Reason.TOTAL_TIMEOUT, True, 91308),
        (Reason.NO_ANSWER, True, 91308),
        (Reason.CONNECTION_LOST, True, 91300),
        (Reason.NOT_HTTP, True, 91300),
    ],
)
def test_every_failure_has_its_outcome(
    reason: Reason, connected: bool, code: int
) -> None:
    answer = read_failure(SendFailed(reason, "why", connected=connected))
    assert answer.outcome is Outcome.RETRY
    assert answer.code == code
    assert answer.level is (Level.ERROR if code == 91300 else Level.WARNING)
    assert answer.detail == "why"


# --- the sink ----------------------------------------------------------------------


class Receiver:
    """Stands where the client does, and answers what it is told to."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self._answer = answer
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        return self._answer(request)

    def send_at_once(self, *_: object) -> None:
        """Have no connection at rest."""


def sink(
    receiver: Receiver,
    destination: str = "http://user:secret@example.org/",
    method: str = "post",
    *,
    batch_events: bool = False,
) -> WebhookSink:
    return WebhookSink(
        sink_sid="DG00000000000000000000000000000001",
        destination=destination,
        method=method,
        batch_events=batch_events,
        auth_token=TOKEN,
        client=receiver,
        clock=ManualClock(NOW_MS),
    )


async def test_a_sink_sends_and_reads() -> None:
    receiver = Receiver(lambda _: Response(status=204))
    answer = await sink(receiver).post([EVENT])
    assert answer.outcome is Outcome.DELIVERED
    [request] = receiver.requests
    assert request.method == "POST"
    assert request.total_timeout == 5.0
    assert verifies(request)


async def test_an_event_too_long_for_a_get_is_discarded_unsent() -> None:
    receiver = Receiver(lambda _: Response(status=204))
    answer = await sink(receiver, method="GET").post([b"1" * 16_000])
    assert (answer.outcome, answer.code) == (Outcome.DISCARD, 91300)
    assert receiver.requests == []


async def test_an_unusable_destination_is_an_outcome_too() -> None:
    receiver = Receiver(lambda _: Response(status=204))
    answer = await sink(receiver, "http://user:secret@example.org:0/").post([EVENT])
    assert (answer.outcome, answer.code) == (Outcome.RETRY, 91307)
    assert "port" in answer.detail
    assert "secret" not in answer.detail


async def test_trouble_of_our_own_is_tried_again() -> None:
    def broken(_: Request) -> Response:
        raise RuntimeError("http://user:secret@example.org/")

    answer = await sink(Receiver(broken)).post([EVENT])
    assert (answer.outcome, answer.code) == (Outcome.RETRY, 91304)
    assert answer.detail == "trouble inside Trunkline"


def test_batches_are_for_posts_that_ask_for_them() -> None:
    receiver = Receiver(lambda _: Response(status=204))
    assert sink(receiver, batch_events=True).max_events == 100
    assert sink(receiver).max_events == 1
    assert sink(receiver, method="get", batch_events=True).max_events == 1
