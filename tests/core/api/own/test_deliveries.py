"""Where an event stands at each sink."""

from dataclasses import dataclass, field

import pytest

from trunkline.api.own.deliveries import Delivery, explain
from trunkline.events.catalogue import SinkType
from trunkline.events.envelope import Event
from trunkline.log.records import DeadLetter, DeliveryException, Entry
from trunkline.streams.sinks import Sink, SinkStatus


SINK = "DG" + "1" * 32
EVENT = Event("VW1", "AC1", "t", "/s", "2026-01-01T00:00:00.000Z", "CA1", b"{}")


@dataclass
class State:
    entry: Entry = field(default_factory=lambda: Entry(7, 0, EVENT))
    exceptions: list[DeliveryException] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    bookmarks: dict[str, int] = field(default_factory=dict)
    settled: dict[tuple[str, int], int] = field(default_factory=dict)

    def settled_ms(self, sink_sid: str, position: int) -> int | None:
        return self.settled.get((sink_sid, position))


def sink() -> Sink:
    return Sink(
        sid=SINK,
        account_sid="AC1",
        description="receiver",
        sink_type=SinkType.WEBHOOK,
        configuration={},
        status=SinkStatus.ACTIVE,
        live=True,
        created_ms=0,
        updated_ms=0,
    )


def waiting() -> DeliveryException:
    return DeliveryException(
        sink_sid=SINK,
        position=7,
        call="CA1",
        attempt=3,
        due_ms=60_000,
        deadline_ms=3_600_000,
        code=91306,
        detail="HTTP 500",
        http_status=500,
        first_ms=1000,
        last_ms=2000,
    )


def dead(sink_sid: str = SINK) -> DeadLetter:
    return DeadLetter(
        sid="DL1",
        sink_sid=sink_sid,
        position=7,
        account_sid="AC1",
        event_id="VW1",
        event_type="t",
        call_sid="CA1",
        code=91305,
        reason="HTTP 404",
        attempts=1,
        http_status=404,
        last_answer="gone",
        first_ms=1000,
        last_ms=2000,
    )


def stands(state: State, *, subscribed: bool = True) -> Delivery:
    versions = {SINK: 2} if subscribed else {}
    [delivery] = explain(state, sinks=[sink()], versions=versions, recent=state)
    return delivery


def test_an_event_behind_the_bookmark_was_delivered() -> None:
    assert stands(State(bookmarks={SINK: 7})).status == "delivered"


def test_an_event_beyond_the_bookmark_is_queued() -> None:
    assert stands(State(bookmarks={SINK: 6})).status == "queued"
    assert stands(State()).status == "queued"


def test_a_delivery_that_is_remembered_has_its_time() -> None:
    delivery = stands(State(settled={(SINK, 7): 1500}))

    assert delivery.status == "delivered"
    assert delivery.delivered_at == "1970-01-01T00:00:01.500Z"


def test_an_event_that_nobody_subscribed_to_is_told_apart() -> None:
    delivery = stands(State(bookmarks={SINK: 9}), subscribed=False)

    assert delivery.status == "not_subscribed"


def test_a_failed_delivery_waits_until_its_next_attempt_and_says_why() -> None:
    assert stands(State(exceptions=[waiting()], bookmarks={SINK: 9})) == Delivery(
        sink_sid=SINK,
        sink_description="receiver",
        status="waiting",
        next_attempt_at="1970-01-01T00:01:00.000Z",
        gives_up_at="1970-01-01T01:00:00.000Z",
        attempts=3,
        code=91306,
        reason="HTTP 500",
        http_status=500,
        first_at="1970-01-01T00:00:01.000Z",
        last_at="1970-01-01T00:00:02.000Z",
    )


def test_a_dead_delivery_names_its_dead_letter() -> None:
    delivery = stands(State(letters=[dead()], bookmarks={SINK: 9}))

    assert (delivery.status, delivery.dead_letter_sid) == ("dead", "DL1")
    assert (delivery.code, delivery.reason) == (91305, "HTTP 404")


def test_a_delivery_that_is_sent_again_waits_and_is_not_dead() -> None:
    state = State(exceptions=[waiting()], letters=[dead()])

    assert stands(state).status == "waiting"


def test_an_event_that_died_at_a_sink_that_is_gone_is_shown() -> None:
    state = State(letters=[dead("DG" + "9" * 32)])

    deliveries = explain(state, sinks=[sink()], versions={SINK: 1}, recent=state)

    assert [delivery.status for delivery in deliveries] == ["queued", "dead"]


@pytest.mark.parametrize("subscribed", [True, False])
def test_a_row_counts_whether_or_not_the_type_is_subscribed_still(
    subscribed: bool,
) -> None:
    state = State(exceptions=[waiting()])

    assert stands(state, subscribed=subscribed).status == "waiting"
