"""The Segment sink: events as Track messages, in batches (spec event-streams 6.2).

`batches`, `prepare`, `read_answer` and `read_failure` are pure. `SegmentSink` puts a
client between them.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence

import structlog

import trunkline
from trunkline.clock import Clock
from trunkline.events.times import iso_ms
from trunkline.outgoing.client import Request, Response, SendFailed
from trunkline.sinks.answer import DELIVERED, Answer, Level, Outcome, Parcel
from trunkline.sinks.http import HttpClient, excerpt_of
from trunkline.sinks.retry_after import retry_after_ms
from trunkline.sinks.track import message_of


DEFAULT_ENDPOINT = "https://api.segment.io"

#: Segment's limits of a request and of a message in it, in bytes.
MAX_REQUEST = 500_000
MAX_MESSAGE = 32 * 1024
#: As many as its own clients put together.
MAX_MESSAGES = 100

#: The one delivery code of this kind of sink (spec 6.3).
CODE = 93101

#: From start of connect to end of response headers, in seconds; the body gets as long.
TIMEOUT = 5.0
BODY_LIMIT = 65_536

_HEAD = b'{"batch":['
_TAIL = b'],"sentAt":"2026-01-01T00:00:00.000Z"}'
_ROOM = MAX_REQUEST - len(_HEAD) - len(_TAIL)

_logger = structlog.get_logger("sinks.segment")


def batches(messages: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Put messages together, in order, as many as a request holds.

    None of them is larger than MAX_MESSAGE.
    """
    batch: list[bytes] = []
    size = 0
    for message in messages:
        size += len(message) + len(",")
        if batch and (size > _ROOM or len(batch) == MAX_MESSAGES):
            yield batch
            batch, size = [], len(message) + len(",")
        batch.append(message)
    if batch:
        yield batch


def prepare(
    endpoint: str, write_key: str, messages: Sequence[bytes], now_ms: int
) -> Request:
    """Return the request that carries a batch of messages."""
    body = b'%b%b],"sentAt":"%b"}' % (
        _HEAD,
        b",".join(messages),
        iso_ms(now_ms).encode(),
    )
    return Request(
        method="POST",
        url=f"{endpoint}/v1/batch",
        headers=[
            ("User-Agent", f"Trunkline/{trunkline.__version__}"),
            ("Content-Type", "application/json"),
            ("Authorization", f"Basic {_pair(write_key)}"),
        ],
        body=body,
        connect_timeout=TIMEOUT,
        read_timeout=TIMEOUT,
        total_timeout=TIMEOUT,
        body_timeout=TIMEOUT,
        body_limit=BODY_LIMIT,
    )


def _pair(write_key: str) -> str:
    return b64encode(f"{write_key}:".encode()).decode("ascii")


def read_answer(response: Response, write_key: str, now_ms: int) -> Answer:
    """Return what a response means for the whole batch (spec 6.3).

    The write key stays out of it.
    """
    status = response.status
    match status // 100:
        case 2:
            return DELIVERED
        case 4 if status != 429:  # noqa: PLR2004 - the table's own number
            outcome = Outcome.DISCARD
        case _:
            outcome = Outcome.RETRY
    return _failed(
        f"HTTP {status}",
        outcome=outcome,
        http_status=status,
        retry_after=(
            retry_after_ms(response.header("retry-after"), now_ms)
            if status in {429, 503}
            else None
        ),
        excerpt=excerpt_of(response, write_key, _pair(write_key)),
    )


def read_failure(failure: SendFailed) -> Answer:
    """Return what a failure to get an answer means (spec 6.3)."""
    status = failure.response.status if failure.response else None
    return _failed(failure.detail, http_status=status)


def _failed(
    detail: str,
    *,
    outcome: Outcome = Outcome.RETRY,
    http_status: int | None = None,
    retry_after: int | None = None,
    excerpt: bytes = b"",
) -> Answer:
    return Answer(
        outcome=outcome,
        code=CODE,
        level=Level.ERROR,
        detail=detail,
        http_status=http_status,
        retry_after_ms=retry_after,
        excerpt=excerpt,
    )


class SegmentSink:
    """One sink's way out. Lives as long as the sink; the client is shared."""

    expired_code = CODE
    max_events = MAX_MESSAGES
    # Of events; their messages are as a rule shorter, and are measured again.
    max_bytes = MAX_REQUEST

    def __init__(
        self,
        *,
        sink_sid: str,
        write_key: str,
        client: HttpClient,
        clock: Clock,
        endpoint: str | None = None,
    ) -> None:
        self._sink_sid = sink_sid
        self._write_key = write_key
        self._client = client
        self._clock = clock
        self._endpoint = endpoint or DEFAULT_ENDPOINT

    async def send(self, parcels: Sequence[Parcel]) -> Sequence[Answer]:
        """Send events together; those of a request share its answer. Never raises."""
        messages = [message_of(parcel.event) for parcel in parcels]
        small = (message for message in messages if len(message) <= MAX_MESSAGE)
        sent = [
            answer
            for batch in batches(small)
            for answer in [await self._post(batch)] * len(batch)
        ]
        answers = iter(sent)
        return [
            next(answers) if len(message) <= MAX_MESSAGE else _too_large(message)
            for message in messages
        ]

    async def _post(self, messages: Sequence[bytes]) -> Answer:
        try:
            request = prepare(
                self._endpoint, self._write_key, messages, self._clock.now_ms()
            )
            response = await self._client.send(request)
        except SendFailed as failure:
            return read_failure(failure)
        except Exception:  # whatever goes wrong here, no event is lost
            _logger.exception("segment.trouble", sink_sid=self._sink_sid)
            return _failed("trouble inside Trunkline")
        return read_answer(response, self._write_key, self._clock.now_ms())

    async def close(self) -> None:
        """Let go: the connections are the client's."""


def _too_large(message: bytes) -> Answer:
    return _failed(
        f"the message has {len(message)} bytes, {MAX_MESSAGE} are the limit",
        outcome=Outcome.DISCARD,
    )
