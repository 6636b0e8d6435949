"""How far a bookmark may move."""

from hypothesis import given
from hypothesis import strategies as st

from trunkline.delivery.settlement import Settlement


@given(
    st.lists(st.integers(min_value=1, max_value=1000), unique=True, min_size=1),
    st.randoms(use_true_random=False),
)
def test_the_bookmark_never_passes_an_unsettled_position(
    positions: list[int], random: object
) -> None:
    """Whatever the order of settling, the bookmark stops before what is still owed."""
    positions.sort()
    settlement = Settlement()
    for position in positions:
        settlement.take([position])
    order = list(positions)
    random.shuffle(order)  # type: ignore[attr-defined]
    owed = set(positions)
    before = 0
    for position in order:
        settlement.settle([position])
        owed.discard(position)
        bookmark = settlement.settled_up_to(positions[-1])

        assert bookmark >= before
        assert bookmark == (min(owed) - 1 if owed else positions[-1])
        before = bookmark
    assert settlement.owed == 0


@given(st.data())
def test_what_is_owed_is_what_was_taken_and_not_settled(data: st.DataObject) -> None:
    settlement, owed, last = Settlement(), list[int](), 0
    for _ in range(data.draw(st.integers(0, 30))):
        settles = data.draw(st.booleans())
        if owed and settles:
            positions = data.draw(st.lists(st.sampled_from(owed), unique=True))
            owed = [position for position in owed if position not in positions]
            settlement.settle(positions)
        else:
            count = data.draw(st.integers(0, 5))
            settlement.take(range(last + 1, last + 1 + count))
            owed += range(last + 1, last + 1 + count)
            last += count
        assert settlement.owed == len(owed)
        assert settlement.settled_up_to(last) == (owed[0] - 1 if owed else last)


def test_with_nothing_owed_the_bookmark_is_as_far_as_was_read() -> None:
    assert Settlement().settled_up_to(17) == 17
