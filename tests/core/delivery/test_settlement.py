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
        settlement.settle(position)
        owed.discard(position)
        bookmark = settlement.settled_up_to(positions[-1])

        assert bookmark >= before
        assert bookmark == (min(owed) - 1 if owed else positions[-1])
        before = bookmark
    assert settlement.owed == 0


def test_with_nothing_owed_the_bookmark_is_as_far_as_was_read() -> None:
    assert Settlement().settled_up_to(17) == 17
