"""When deliveries were settled lately."""

from trunkline.delivery.recent import Recent
from trunkline.delivery.records import Arrival, Delivery
from trunkline.events.envelope import Event
from trunkline.log.records import Entry
from trunkline.sinks.answer import DELIVERED


EVENT = Event("EZ", "AC", "type", "source", "time", "CA", b"{}")
LIMIT = 10


def arrival(*positions: int) -> Arrival:
    deliveries = [
        Delivery(Entry(position, 0, EVENT), b"{}", 0, lambda *_: None)
        for position in positions
    ]
    return Arrival("DG", "AC", deliveries, DELIVERED, 0, 1000 * positions[0])


def test_the_last_that_arrived_are_remembered() -> None:
    recent = Recent(LIMIT)
    for position in range(1, 101):
        recent.arrived([arrival(position)])
    assert [recent.settled_ms("DG", p) for p in range(91, 101)] == [
        1000 * p for p in range(91, 101)
    ]


def test_no_more_than_twice_as_many_are_remembered() -> None:
    recent = Recent(LIMIT)
    for position in range(1, 101):
        recent.arrived([arrival(position)])
    known = [p for p in range(1, 101) if recent.settled_ms("DG", p) is not None]
    assert len(known) <= 2 * LIMIT


def test_what_arrives_together_is_remembered_each() -> None:
    recent = Recent(LIMIT)
    recent.arrived([arrival(1, 2), arrival(5)])
    assert [recent.settled_ms("DG", p) for p in (1, 2, 3, 5)] == [
        1000,
        1000,
        None,
        5000,
    ]
    assert recent.settled_ms("another", 1) is None
