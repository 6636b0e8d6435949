"""Requests to Segment, and what is made of the answers."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.sinks.events import event_with, parcel, progress_event

from trunkline.outgoing.client import Reason, Request, Response, SendFailed
from trunkline.sinks.answer import DELIVERED, Answer, Level, Outcome
from trunkline.sinks.segment import (
    MAX_MESSAGE,
    MAX_MESSAGES,
    MAX_REQUEST,
    SegmentSink,
    batches,
    prepare,
    read_answer,
    read_failure,
)
from trunkline.testing import ManualClock


KEY = "the-write-key"
NOON = 1_767_268_800_000  # 1 January 2026, 12:00:00 UTC


class Played:
    """An HTTP client whose answers a test writes; the last one is said again."""

    def __init__(self, *answers: int | SendFailed | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Response(status=answer)


def sink_of(client: Played) -> SegmentSink:
    return SegmentSink(
        sink_sid="DG", write_key=KEY, client=client, clock=ManualClock(NOON)
    )


def message(size: int) -> bytes:
    return b'"%b"' % (b"x" * (size - 2))


# --- the request -------------------------------------------------------------------


def test_a_whole_request() -> None:
    request = prepare("https://api.segment.io", KEY, [b'{"a":1}', b'{"b":2}'], NOON)

    assert request.method == "POST"
    assert request.url == "https://api.segment.io/v1/batch"
    assert request.body == (
        b'{"batch":[{"a":1},{"b":2}],"sentAt":"2026-01-01T12:00:00.000Z"}'
    )
    headers = dict(request.headers)
    assert headers["Content-Type"] == "application/json"
    scheme, pair = headers["Authorization"].split()
    assert (scheme, base64.b64decode(pair)) == ("Basic", b"the-write-key:")


def test_the_wait_for_an_answer_is_five_seconds() -> None:
    request = prepare("https://api.segment.io", KEY, [b"{}"], NOON)

    assert request.total_timeout == 5


@given(st.lists(st.integers(2, MAX_MESSAGE).map(message), max_size=150))
def test_batches_hold_every_message_once_in_order_and_fit(
    messages: list[bytes],
) -> None:
    made = list(batches(messages))

    assert [each for batch in made for each in batch] == messages
    assert all(0 < len(batch) <= MAX_MESSAGES for batch in made)
    for batch in made:
        assert len(prepare("https://x", KEY, batch, NOON).body) <= MAX_REQUEST


def test_a_batch_is_as_full_as_it_may_be() -> None:
    first, second = batches([message(MAX_MESSAGE)] * 16)

    assert (len(first), len(second)) == (15, 1)
    assert [len(batch) for batch in batches([b"{}"] * 101)] == [100, 1]


# --- the answer --------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_delivery(status: int) -> None:
    assert read_answer(Response(status=status), KEY, NOON) is DELIVERED


@pytest.mark.parametrize("status", [301, 302, 307, 308, 429, 500, 502, 503, 599])
def test_redirects_throttling_and_5xx_are_tried_again(status: int) -> None:
    assert read_answer(Response(status=status), KEY, NOON) == Answer(
        outcome=Outcome.RETRY,
        code=93101,
        level=Level.ERROR,
        detail=f"HTTP {status}",
        http_status=status,
    )


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 499])
def test_other_4xx_are_discarded(status: int) -> None:
    answer = read_answer(Response(status=status, body=b"no"), KEY, NOON)

    assert (answer.outcome, answer.code) == (Outcome.DISCARD, 93101)
    assert answer.excerpt == b"no"


@pytest.mark.parametrize(
    ("status", "wait_ms"), [(429, 7_000), (503, 7_000), (500, None)]
)
def test_a_wish_to_wait_is_heard(status: int, wait_ms: int | None) -> None:
    response = Response(status=status, headers=(("Retry-After", "7"),))

    assert read_answer(response, KEY, NOON).retry_after_ms == wait_ms


def test_an_answer_that_repeats_the_write_key_is_not_kept() -> None:
    pair = base64.b64encode(f"{KEY}:".encode())
    for body in (b"key: " + KEY.encode(), b"Authorization: Basic " + pair):
        assert read_answer(Response(status=400, body=body), KEY, NOON).excerpt == b""


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("connected", [False, True])
def test_no_answer_is_tried_again(reason: Reason, connected: bool) -> None:
    answer = read_failure(SendFailed(reason, "why", connected=connected))

    assert (answer.outcome, answer.code) == (Outcome.RETRY, 93101)
    assert answer.detail == "why"


# --- the sink ----------------------------------------------------------------------


async def test_a_batch_succeeds_or_fails_as_a_whole() -> None:
    client = Played(400)
    parcels = [parcel(progress_event(number)) for number in range(3)]

    answers = await sink_of(client).send(parcels)

    assert [answer.outcome for answer in answers] == [Outcome.DISCARD] * 3
    [request] = client.requests
    sent = [each["messageId"] for each in json.loads(request.body)["batch"]]
    assert sent == [each.event.id for each in parcels]


async def test_an_event_that_is_too_large_is_discarded_alone() -> None:
    client = Played(200)
    frame = len(b'{"a":""}')
    spare = len(
        b'{"type":"track","event":"com.twilio.voice.status-callback.call.ringing",'
        b'"messageId":"VW00000000000000000000000000000001",'
        b'"timestamp":"2026-01-01T00:00:00.000Z","properties":,'
        b'"anonymousId":"CA22222222222222222222222222222222"}'
    )
    room = 32_768 - spare - frame
    parcels = [
        parcel(event_with(b'{"a":"%b"}' % (b"x" * size), number))
        for number, size in enumerate([1, room, room + 1, 2])
    ]

    answers = await sink_of(client).send(parcels)

    outcomes = [answer.outcome for answer in answers]
    assert outcomes == [
        Outcome.DELIVERED,
        Outcome.DELIVERED,
        Outcome.DISCARD,
        Outcome.DELIVERED,
    ]
    assert answers[2].code == 93101
    assert "32769 bytes" in answers[2].detail
    [request] = client.requests
    assert len(json.loads(request.body)["batch"]) == 3


async def test_what_is_too_much_for_one_request_goes_in_several() -> None:
    client = Played(200, 500)
    parcels = [
        parcel(event_with(b'{"a":"%b"}' % (b"x" * 32_000), number))
        for number in range(20)
    ]

    answers = await sink_of(client).send(parcels)

    outcomes = [answer.outcome for answer in answers]
    assert outcomes == [Outcome.DELIVERED] * 15 + [Outcome.RETRY] * 5


async def test_nothing_is_sent_where_nothing_fits() -> None:
    client = Played(200)
    large = parcel(event_with(b'{"a":"%b"}' % (b"x" * 40_000)))

    [answer] = await sink_of(client).send([large])

    assert answer.outcome is Outcome.DISCARD
    assert client.requests == []


@pytest.mark.parametrize(
    "trouble", [SendFailed(Reason.NO_ANSWER, "silence"), RuntimeError("a bug")]
)
async def test_trouble_is_an_answer(trouble: Exception) -> None:
    [answer] = await sink_of(Played(trouble)).send([parcel(progress_event())])

    assert (answer.outcome, answer.code) == (Outcome.RETRY, 93101)
    assert KEY not in answer.detail


def test_the_kinds_deadline_has_its_code() -> None:
    assert SegmentSink.expired_code == 93101
