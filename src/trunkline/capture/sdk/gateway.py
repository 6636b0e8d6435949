"""The event gateway that Voice SDKs post to (spec voice-sdk 2).

Bare ASGI: a call makes some thirty posts within 0.3 s, each for one event.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from uuid import UUID

import msgspec
import structlog

from trunkline.capture.sdk import device, worker
from trunkline.capture.sdk.arrival import Arrival
from trunkline.capture.sdk.client import Client, hint_headers
from trunkline.capture.sdk.client_address import client_address
from trunkline.capture.sdk.device import Hints
from trunkline.capture.sdk.failures import TokenFailures
from trunkline.capture.sdk.http import (
    Answer,
    ClientGone,
    HeaderList,
    Receive,
    Scope,
    Send,
    answer,
    answer_of,
    error_body,
    peer_of,
    read_body,
    send_whole,
    too_large,
)
from trunkline.capture.sdk.joiner import Joiner
from trunkline.capture.sdk.mapping import NOWHERE, Place, Sender
from trunkline.capture.sdk.metrics import Metrics
from trunkline.capture.sdk.ports import Delivery, Repeated
from trunkline.capture.sdk.post import CallIds, parse_event, parse_metrics
from trunkline.capture.sdk.privacy import Privacy
from trunkline.capture.sdk.throttle import FailureThrottle
from trunkline.capture.sdk.token import Caller, Expired, Tokens
from trunkline.capture.sdk.turns import Turns
from trunkline.clock import Clock
from trunkline.errors import Refused, TrunklineError
from trunkline.settings import Settings


_EVENTS = frozenset({"/v3/EndpointEvents", "/v4/EndpointEvents"})
_METRICS = frozenset({"/v3/EndpointMetrics", "/v4/EndpointMetrics"})

_PREFLIGHT: HeaderList = [
    (b"access-control-allow-methods", b"POST, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"content-type, x-twilio-token, x-trunkline-delivery",
    ),
    # Two hours is what Chromium caps it to. Saves the last events of closing tabs.
    (b"access-control-max-age", b"7200"),
]
_ANYONE: HeaderList = [(b"access-control-allow-origin", b"*")]
_TOKEN = b"x-twilio-token"
# What our service worker names the attempts of one post by.
_DELIVERY = b"x-trunkline-delivery"
_JSON = (b"content-type", b"application/json")
_TAKEN = answer_of(200, _ANYONE)

# Headers that only some errors have.
_EXTRA: dict[int, HeaderList] = {
    405: [(b"allow", b"POST, OPTIONS")],
    # What is left of the body is not worth reading.
    408: [(b"connection", b"close")],
    413: [(b"connection", b"close")],
    429: [(b"retry-after", b"60")],
    503: [(b"retry-after", b"5")],
}

#: Where posts come that may be taken at once, as they stand in a request.
HOT_PATHS = frozenset(path.encode() for path in _EVENTS)

_Receiver = Callable[[Scope, dict[bytes, bytes], Receive], Awaitable[None]]

_logger = structlog.get_logger("sdk")


class Gateway:
    """An ASGI application for `/v3/...`, `/v4/...` and `/voice-sdk/...`.

    Lives as long as the server. `place_of` tells where an IP address is. `counts` are
    of posts: events, repeated, `refused_{code}` for each code of an error, and those
    of `Metrics`.
    """

    def __init__(
        self,
        *,
        tokens: Tokens,
        failures: TokenFailures,
        joiner: Joiner,
        metrics: Metrics,
        privacy: Privacy,
        settings: Settings,
        clock: Clock,
        place_of: Callable[[str], Place] = lambda _address: NOWHERE,
    ) -> None:
        self._tokens = tokens
        self._failures = failures
        self._joiner = joiner
        self._metrics = metrics
        self._privacy = privacy
        self._clock = clock
        self._place_of = place_of
        # A client posts some thirty times in a call: it is described once.
        self._sender = lru_cache(maxsize=4096)(self._make_sender)
        self._public_url = settings.public_url
        self._throttle = FailureThrottle()
        self._turns = Turns()
        self._trusted = settings.sdk_trusted_proxies
        self._ip_header = settings.sdk_client_ip_header.lower().encode("ascii")
        self._origins = frozenset(
            origin.encode("latin-1", "replace")
            for origin in settings.sdk_allowed_origins
        )
        self._max_event_bytes = settings.sdk_max_event_bytes
        self._max_metrics_bytes = settings.sdk_max_metrics_bytes
        # One table of all posts, whichever of the two took them.
        self.counts = metrics.counts
        device.load()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        cors = self._cors(headers)
        error: BaseException | None = None
        try:
            if scope["method"] == "POST":
                await self._receiver(scope["path"])(scope, headers, receive)
            elif scope["path"] == worker.PATH:
                await self._send_worker(scope, send)
                return
            else:
                _check_preflight(scope)
                await answer(send, 204, [*cors, *_PREFLIGHT])
                return
        except ClientGone:
            return
        except TrunklineError as raised:
            error = raised
        await send_whole(send, self._answer_to(error, cors, scope["path"]))

    def client_of(
        self,
        headers: Sequence[tuple[bytes, bytes]],
        peer: str,
        tell: Callable[[Answer], None],
    ) -> Client | None:
        """Return who posts with that head, for any number of posts that have it.

        `peer` is the socket's address; `tell` gets the answer to each post once it is
        due. None for an attempt of our service worker, which may have to wait for
        another of the same post: it goes by `__call__`.
        """
        named = dict(headers)
        if _DELIVERY in named:
            return None
        client = self._client(named, headers, peer)
        counts, cors = self.counts, client.cors
        taken = _taken(cors)

        def done(error: BaseException | None) -> None:
            if error is None:
                counts["events"] += 1
                tell(taken)
            else:
                tell(self._answer_to(error, cors))

        client.done = done
        return client

    def take_at_once(self, client: Client, body: bytes) -> None:
        """Take a whole event post without a task."""
        try:
            if len(body) > self._max_event_bytes:
                raise too_large()
            self._joiner.take(self._arrival(body, client), client.done)
        except TrunklineError as error:
            client.done(error)

    def _answer_to(
        self, error: BaseException | None, cors: HeaderList, path: str = ""
    ) -> Answer:
        """Return the answer to a post that has come to its end."""
        if error is None:
            return _taken(cors)
        if isinstance(error, Repeated):
            self.counts["repeated"] += 1
            return answer_of(200, cors)
        if not isinstance(error, Refused):
            _logger.error("sdk_post_not_stored", error=str(error))
            error = Refused(20503, 503, "Service unavailable")
        self.counts[f"refused_{error.code}"] += 1
        extra = _EXTRA.get(error.status, [])
        if error.status == 405 and path == worker.PATH:  # noqa: PLR2004
            extra = [(b"allow", b"GET, HEAD")]
        headers = [*cors, _JSON, *extra]
        return answer_of(error.status, headers, error_body(error))

    def _receiver(self, path: str) -> _Receiver:
        if path in _EVENTS:
            return self._event
        if path in _METRICS:
            return self._samples
        if path == worker.PATH:
            raise _not_allowed()
        raise _not_found()

    async def _send_worker(self, scope: Scope, send: Send) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            raise _not_allowed()
        script = worker.script(self._public_url, scope.get("query_string", b""))
        await answer(send, 200, worker.HEADERS, script)

    async def _event(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive
    ) -> None:
        body = await read_body(receive, headers, self._max_event_bytes)
        client = self._client(headers, scope["headers"], peer_of(scope))
        arrival = self._arrival(body, client)
        delivery = _delivery(headers, arrival.sender.account_sid, arrival.now_ms)
        if delivery is None:
            await self._kept(arrival)
        else:
            async with self._turns.turn(delivery):
                await self._kept(arrival, delivery)
        self.counts["events"] += 1

    async def _kept(self, arrival: Arrival, delivery: Delivery | None = None) -> None:
        """Return once a post is kept. Raises StorageFailed and Repeated."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(error: BaseException | None) -> None:
            if kept.done():
                return  # whoever waited has gone; the write stands
            if error is None:
                kept.set_result(None)
            else:
                kept.set_exception(error)

        self._joiner.take(arrival, done, delivery)
        await kept

    def _client(
        self,
        named: dict[bytes, bytes],
        headers: Sequence[tuple[bytes, bytes]],
        peer: str,
    ) -> Client:
        return Client(
            token=named.get(_TOKEN, b""),
            address=client_address(peer, headers, self._trusted, self._ip_header),
            hints=hint_headers(named),
            cors=self._cors(named),
        )

    def _arrival(self, body: bytes, client: Client) -> Arrival:
        """Return a post as it may be kept. Raises Refused: for its token, or 70001."""
        now_ms = self._clock.now_ms()
        if client.good is None or now_ms >= client.good.until_ms:
            self._recognise(client, now_ms, lambda: [parse_event(body, now_ms).ids])
        return Arrival(
            post=parse_event(body, now_ms),
            body=self._privacy.body(body),
            sender=client.sender,
            now_ms=now_ms,
        )

    def _recognise(
        self, client: Client, now_ms: int, ids: Callable[[], list[CallIds]]
    ) -> None:
        """Say who a client is, for as long as its token is good. Raises Refused."""
        caller = self._caller(client.token, client.address, now_ms, ids)
        place = self._place_of(client.address)
        client.sender = self._sender(caller, client.address, place, *client.hints)
        client.good = self._tokens.remembered(client.token, now_ms)

    def _make_sender(
        self, caller: Caller, address: str, place: Place, *hints: bytes
    ) -> Sender:
        account_sid, privacy = caller.account_sid, self._privacy
        return Sender(
            account_sid=account_sid,
            client_name=privacy.client_name(account_sid, caller.client_name),
            address=privacy.address(address),
            hints=Hints(*(hint.decode("latin-1") for hint in hints)),
            place=place,
        )

    async def _samples(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive
    ) -> None:
        now_ms = self._clock.now_ms()
        body = await read_body(receive, headers, self._max_metrics_bytes)
        token = headers.get(_TOKEN, b"")
        caller = self._caller(
            token, self._address(scope), now_ms, lambda: parse_metrics(body).ids
        )
        account_sid = caller.account_sid
        await self._metrics.take(
            parse_metrics(self._privacy.body(body)),
            account_sid,
            now_ms,
            _delivery(headers, account_sid, now_ms),
        )

    def _caller(
        self,
        token: bytes,
        address: str,
        now_ms: int,
        ids: Callable[[], list[CallIds]],
    ) -> Caller:
        """Return who posts. `ids` are the post's, wanted if its token has expired."""
        known = self._tokens.remembered(token, now_ms)
        if known is not None:
            return known.caller
        if self._throttle.is_blocked(address, now_ms):
            raise Refused(20429, 429, "Too Many Requests")
        try:
            try:
                return self._tokens.verify(token, now_ms)
            except Expired as expired:
                if not self._joiner.knows(expired.account_sid, _readable(ids)):
                    raise
                return self._tokens.verify(token, now_ms, known_call=True)
        except Refused as error:
            self._throttle.failed(address, now_ms)
            shown = self._privacy.address(address)
            failure = self._failures.add(token, error, shown, now_ms)
            _logger.warning("sdk_token_refused", **msgspec.structs.asdict(failure))
            raise

    def _address(self, scope: Scope) -> str:
        return client_address(
            peer_of(scope), scope["headers"], self._trusted, self._ip_header
        )

    def _cors(self, headers: dict[bytes, bytes]) -> HeaderList:
        if not self._origins:
            return _ANYONE
        origin = headers.get(b"origin", b"")
        allowed = [(b"access-control-allow-origin", origin)]
        return [*(allowed if origin in self._origins else ()), (b"vary", b"Origin")]


def _taken(cors: HeaderList) -> Answer:
    """Return the answer to a post that is kept; mostly it is the same object."""
    return _TAKEN if cors is _ANYONE else answer_of(200, cors)


def _check_preflight(scope: Scope) -> None:
    if scope["path"] not in _EVENTS | _METRICS:
        raise _not_found()
    if scope["method"] != "OPTIONS":
        raise _not_allowed()


def _not_allowed() -> Refused:
    return Refused(20004, 405, "Method not allowed")


def _not_found() -> Refused:
    return Refused(20404, 404, "Not Found")


def _delivery(
    headers: dict[bytes, bytes], account_sid: str, now_ms: int
) -> Delivery | None:
    """Return the delivery that a post is an attempt of; None where it tells none."""
    header = headers.get(_DELIVERY)
    if header is None:
        return None
    try:
        delivery_id = UUID(header.decode("ascii")).bytes
    except ValueError:
        raise Refused(
            70001,
            400,
            "The request has constraint violations: "
            "X-Trunkline-Delivery must be a UUID",
        ) from None
    return Delivery(account_sid, delivery_id, now_ms)


def _readable(ids: Callable[[], list[CallIds]]) -> list[CallIds]:
    try:
        return ids()
    except Refused:
        return []  # what is wrong with the token comes first
