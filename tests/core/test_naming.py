"""Ids that the log gives: SIDs that sort by time and tell their positions."""

from hypothesis import given
from hypothesis import strategies as st

from trunkline.events.envelope import Event
from trunkline.events.ids import is_sid
from trunkline.log import naming


times = st.integers(0, 2**48 - 1)
positions = st.integers(1, 2**48 - 1)


def named(at_ms: int, position: int) -> str:
    event = Event("", "", "", "", "", "", b"")
    assert naming.name_all([event], at_ms, position) == [1]
    return event.id


def test_an_id_is_its_time_its_position_and_something_drawn() -> None:
    assert named(0x1A2B, 0x3C)[:-8] == "EZ" + "000000001a2b" + "00000000003c"


@given(times, positions)
def test_an_id_is_a_sid_that_tells_the_position(at_ms: int, position: int) -> None:
    assert is_sid(named(at_ms, position), "EZ")
    assert naming.position_told(named(at_ms, position)) == position


@given(times, times, positions, positions)
def test_ids_sort_by_time_then_by_position(
    at_ms: int, later_ms: int, position: int, higher: int
) -> None:
    pair = sorted([(at_ms, position), (later_ms, higher)])
    first, second = (named(*each) for each in pair)
    assert first < second or pair[0] == pair[1]


@given(st.text() | st.from_regex(r"[A-Z]{2}[0-9a-fA-F]{32}", fullmatch=True))
def test_of_any_text_the_position_is_one_that_a_log_can_have_or_none(
    text: str,
) -> None:
    position = naming.position_told(text)
    assert 0 <= position < 2**48
    assert naming.positions_told([text]) == ([position] if position else [])


def test_an_event_that_has_an_id_keeps_it() -> None:
    new, old, other = (Event(id_, "", "", "", "", "", b"") for id_ in ("", "VW1", ""))
    assert naming.name_all([new, old, other], 1, 5) == [1, 0, 1]
    assert old.id == "VW1"
    assert [naming.position_told(event.id) for event in (new, other)] == [5, 7]


def test_nobody_can_foretell_an_id() -> None:
    assert len({named(1, 5) for _ in range(100)}) == 100
