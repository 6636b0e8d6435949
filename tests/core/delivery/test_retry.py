"""When the next attempt is due."""

from hypothesis import given
from hypothesis import strategies as st

from trunkline.delivery import retry


attempts = st.integers(min_value=1, max_value=10_000)
spreads = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(attempts, spreads)
def test_a_wait_stays_below_the_ceiling_of_its_attempt(
    attempt: int, spread: float
) -> None:
    ceiling = min(300_000, 1000 * 2 ** (attempt - 1))

    assert 0 <= retry.wait_ms(attempt, spread) <= ceiling


@given(attempts, spreads, st.integers(min_value=0, max_value=3_600_000))
def test_a_wait_is_never_shorter_than_the_sink_wished(
    attempt: int, spread: float, wish_ms: int
) -> None:
    assert retry.wait_ms(attempt, spread, wish_ms) >= wish_ms


def test_ceilings_double_from_one_second_to_five_minutes() -> None:
    ceilings = [retry.wait_ms(attempt, 0.999999) for attempt in range(1, 12)]

    assert [round(ms / 1000) for ms in ceilings] == [
        1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300,
    ]  # fmt: skip


def test_the_jitter_is_full() -> None:
    assert retry.wait_ms(5, 0.0) == 0
    assert retry.wait_ms(5, 0.5) == 8000
