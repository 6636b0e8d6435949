"""The webhook sink: events as signed POST or GET requests (spec event-streams 5).

`prepare`, `read_answer` and `read_failure` are pure: what goes out, and what is made of
what comes back. `WebhookSink` puts a client between them; where that can send at once,
a `Mould` of what `prepare` returns saves preparing each request.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import structlog

import trunkline
from trunkline.clock import Clock
from trunkline.outgoing.client import Reason, Request, Response, SendFailed, Stale
from trunkline.outgoing.urls import DEFAULT_PORTS, InvalidUrl, split
from trunkline.signing import body_hash, sign_url
from trunkline.sinks.answer import Answer, Level, Outcome, Parcel
from trunkline.sinks.http import Exchange, ReadyClient
from trunkline.sinks.mould import Mould
from trunkline.sinks.retry_after import retry_after_ms


MAX_EVENTS = 100
MAX_BYTES = 65_536

#: Receivers cut longer URLs.
MAX_URL = 16_000

#: From start of connect to end of response headers, in seconds.
TIMEOUT = 5.0
#: The answer's body is only looked at; it gets as long again.
BODY_TIMEOUT = 5.0
BODY_LIMIT = 65_536
EXCERPT_BYTES = 1024

#: Delivery codes (spec 5.4).
UNUSABLE_ANSWER = 91300
THROTTLED = 91302
EXPIRED = 91303
INTERNAL_TROUBLE = 91304
REFUSED = 91305
SERVER_FAILED = 91306
NOT_CONNECTED = 91307
NO_ANSWER = 91308

# Scheme, authority, path and query; a fragment is left out.
_DESTINATION = re.compile(r"(https?)://([^/?#]*)([^#]*)", re.IGNORECASE)

_USER_AGENT = f"Trunkline/{trunkline.__version__}"

_REDIRECTS = range(300, 400)

_logger = structlog.get_logger("sinks.webhook")


class UrlTooLong(ValueError):
    """A GET whose URL, with the event in it, is longer than receivers take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A sink's destination, taken apart once.

    `url` is what is requested up to where Trunkline's own query parameter begins, its
    `?` or `&` included; `url_with_userinfo` is the same with `user:password@` left in;
    `authorization` is the header that the user info stands for.
    """

    url: str
    url_with_userinfo: str
    authorization: str | None

    @classmethod
    def parse(cls, destination: str) -> "Destination":
        """Take a destination apart as spec 5.2 says. Raises InvalidUrl.

        Default port and fragment go, an empty path becomes `/`, and the rest stays as
        it is, byte for byte.
        """
        match = _DESTINATION.match(destination)
        if match is None:
            raise InvalidUrl("not an absolute http or https URL with a host")
        scheme, authority, target = match.groups()
        userinfo, at, host = authority.rpartition("@")
        host = host.removesuffix(f":{DEFAULT_PORTS[scheme.lower()]}")
        if not target.startswith("/"):
            target = f"/{target}"
        target += "&" if "?" in target else "?"
        url = f"{scheme}://{host}{target}"
        split(url)
        return cls(
            url=url,
            url_with_userinfo=f"{scheme}://{userinfo}{at}{host}{target}",
            authorization=_basic(userinfo) if at else None,
        )


def _basic(userinfo: str) -> str:
    user, _, password = userinfo.partition(":")
    pair = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return f"Basic {b64encode(pair).decode('ascii')}"


def prepare(
    destination: Destination,
    method: str,
    events: Sequence[bytes],
    auth_token: str,
    *,
    sign_with_userinfo: bool = False,
) -> Request:
    """Return the signed request that carries events (spec 5.1, 5.2).

    `events` are CloudEvents as JSON objects, `method` is POST or GET; a GET carries
    one event. Raises UrlTooLong.
    """
    array = b"[" + b",".join(events) + b"]"
    if method == "GET":
        if len(events) != 1:
            raise ValueError("a GET carries one event")
        parameter, body = f"event={quote(array, safe='')}", b""
    else:
        parameter, body = f"bodySHA256={body_hash(array)}", array
    url = destination.url + parameter
    if method == "GET" and len(url) > MAX_URL:
        raise UrlTooLong(f"the URL has {len(url)} characters, {MAX_URL} are the limit")
    signed = destination.url_with_userinfo + parameter if sign_with_userinfo else url
    headers = [
        ("User-Agent", _USER_AGENT),
        ("Accept", "*/*"),
        ("X-Twilio-Signature", sign_url(signed, auth_token)),
    ]
    if body:
        headers.append(("Content-Type", "application/json"))
    if destination.authorization:
        headers.append(("Authorization", destination.authorization))
    return Request(
        method=method,
        url=url,
        headers=headers,
        body=body,
        connect_timeout=TIMEOUT,
        read_timeout=TIMEOUT,
        total_timeout=TIMEOUT,
        body_timeout=BODY_TIMEOUT,
        body_limit=BODY_LIMIT,
    )


def read_answer(response: Response, now_ms: int) -> Answer:
    """Return what a response means (spec 5.4)."""
    if (delivered := _plainly_delivered(response)) is not None:
        return delivered
    outcome, code, level = _meaning(response.status)
    return Answer(
        outcome=outcome,
        code=code,
        level=level,
        detail=(
            f"HTTP {response.status}"
            if response.status not in _REDIRECTS
            else f"HTTP {response.status}: redirects are not followed"
        ),
        http_status=response.status,
        retry_after_ms=(
            retry_after_ms(response.header("retry-after"), now_ms)
            if response.status in {429, 503}
            else None
        ),
        excerpt=response.body[:EXCERPT_BYTES],
    )


def _plainly_delivered(response: Response) -> Answer | None:
    """Return what most answers are: one object for all that have this status."""
    return None if response.body else _DELIVERED.get(response.status)


_DELIVERED = {
    status: Answer(
        outcome=Outcome.DELIVERED, detail=f"HTTP {status}", http_status=status
    )
    for status in range(200, 300)
}


def _meaning(status: int) -> tuple[Outcome, int | None, Level | None]:
    match status // 100:
        case 2:
            return Outcome.DELIVERED, None, None
        case 4 if status == 429:  # noqa: PLR2004 - the table's own number
            return Outcome.RETRY, THROTTLED, Level.WARNING
        case 4:
            return Outcome.DISCARD, REFUSED, Level.ERROR
        case 5:
            return Outcome.RETRY, SERVER_FAILED, Level.WARNING
        case _:  # Redirects among them: followed, they would leak credentials.
            return Outcome.RETRY, UNUSABLE_ANSWER, Level.ERROR


def read_failure(failure: SendFailed) -> Answer:
    """Return what a failure to get an answer means (spec 5.4).

    An answer that breaks off is no answer, whatever its status: sent again, the event
    may arrive twice, but it cannot be lost.
    """
    if not failure.connected:
        code, level = NOT_CONNECTED, Level.WARNING
    elif failure.reason in {Reason.NO_ANSWER, Reason.TOTAL_TIMEOUT}:
        code, level = NO_ANSWER, Level.WARNING
    else:
        code, level = UNUSABLE_ANSWER, Level.ERROR
    response = failure.response
    return Answer(
        outcome=Outcome.RETRY,
        code=code,
        level=level,
        detail=failure.detail,
        http_status=response.status if response else None,
        excerpt=response.body[:EXCERPT_BYTES] if response else b"",
    )


class WebhookSink:
    """One sink's way out. Lives as long as the sink; the client is shared.

    `destination` and `method` are as the sink's configuration has them.
    """

    expired_code = EXPIRED
    max_bytes = MAX_BYTES

    def __init__(
        self,
        *,
        sink_sid: str,
        destination: str,
        method: str,
        batch_events: bool,
        auth_token: str,
        client: ReadyClient,
        clock: Clock,
        sign_with_userinfo: bool = False,
    ) -> None:
        self._sink_sid = sink_sid
        self._method = method.upper()
        self._auth_token = auth_token
        self._client = client
        self._clock = clock
        self._sign_with_userinfo = sign_with_userinfo
        self._destination: Destination | InvalidUrl
        try:
            self._destination = Destination.parse(destination)
        except InvalidUrl as error:
            self._destination = error  # Told with every attempt.
        self._mould = self._make_mould()
        # `batch_events` has no effect on GET.
        self.max_events = MAX_EVENTS if batch_events and self._method != "GET" else 1

    async def send(self, parcels: Sequence[Parcel]) -> Sequence[Answer]:
        """Send events together; they share one answer. Never raises."""
        answer = await self.post([parcel.body for parcel in parcels])
        return [answer] * len(parcels)

    def begin(
        self,
        bodies: Sequence[bytes],
        hear: Callable[[Answer | None, Any], None],
        about: object,
    ) -> Exchange | None:
        """Send rendered events together if that can be at once; return None if not.

        `hear` is told the answer that they share, None where they were not sent after
        all; and what this is `about`, which is the caller's.
        """
        mould = self._mould
        if mould is None:
            return None
        return self._client.send_at_once(
            mould.request,
            mould.origin,
            mould.fill(bodies),
            self._heard,
            (hear, about),
        )

    def _heard(
        self,
        result: Response | SendFailed | Stale,
        told: tuple[Callable[[Answer | None, Any], None], object],
    ) -> None:
        hear, about = told
        if isinstance(result, Response):
            answer = _plainly_delivered(result)
            hear(answer or read_answer(result, self._clock.now_ms()), about)
        elif isinstance(result, Stale):
            hear(None, about)
        else:
            hear(read_failure(result), about)

    def _make_mould(self) -> Mould | None:
        """Return what all requests are made from, if they are POSTs to somewhere."""
        destination = self._destination
        if isinstance(destination, InvalidUrl) or self._method != "POST":
            return None
        signed = (
            destination.url_with_userinfo
            if self._sign_with_userinfo
            else destination.url
        )
        try:
            return Mould(self._request([]), f"{signed}bodySHA256=", self._auth_token)
        except (SendFailed, UnicodeError):
            return None  # told with every attempt

    async def post(self, events: Sequence[bytes]) -> Answer:
        """Send rendered events in one request and return the answer. Never raises."""
        if isinstance(self._destination, InvalidUrl):
            detail = f"destination: {self._destination}"
            return read_failure(SendFailed(Reason.INVALID_REQUEST, detail))
        try:
            response = await self._client.send(self._request(events))
        except SendFailed as failure:
            return read_failure(failure)
        except UrlTooLong as error:
            return Answer(
                outcome=Outcome.DISCARD,
                code=UNUSABLE_ANSWER,
                level=Level.ERROR,
                detail=str(error),
            )
        except Exception:  # whatever goes wrong here, no event is lost
            _logger.exception("webhook.trouble", sink_sid=self._sink_sid)
            return Answer(
                outcome=Outcome.RETRY,
                code=INTERNAL_TROUBLE,
                level=Level.WARNING,
                detail="trouble inside Trunkline",
            )
        return read_answer(response, self._clock.now_ms())

    def _request(self, events: Sequence[bytes]) -> Request:
        assert isinstance(self._destination, Destination)
        return prepare(
            self._destination,
            self._method,
            events,
            self._auth_token,
            sign_with_userinfo=self._sign_with_userinfo,
        )

    async def close(self) -> None:
        """Let go: the connections are the client's."""
