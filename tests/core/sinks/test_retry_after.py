"""How long a sink asks us to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sinks.retry_after import retry_after_ms


NOON = 1_767_268_800_000  # 1 January 2026, 12:00:00 UTC


@pytest.mark.parametrize(
    ("value", "wait_ms"),
    [
        ("0", 0),
        ("7", 7_000),
        (" 120 ", 120_000),
        ("3600", 3_600_000),
        ("3601", 3_600_000),
        ("9" * 60, 3_600_000),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30_000),
        ("Thu, 01 Jan 2026 13:00:30 +0100", 30_000),
        ("Thu, 01 Jan 2026 12:00:30 -0000", 30_000),
        ("Thu, 01 Jan 2026 11:59:00 GMT", 0),
        ("Fri, 01 Jan 2027 12:00:00 GMT", 3_600_000),
    ],
)
def test_seconds_and_dates_are_read_and_cut_to_an_hour(
    value: str, wait_ms: int
) -> None:
    assert retry_after_ms(value, NOON) == wait_ms


@pytest.mark.parametrize(
    "value",
    [None, "", "soon", "-1", "1.5", "١٢", "9" * 65, "Thu, 99 Jan 2026 12:00:30 GMT"],
)
def test_anything_else_is_no_wish(value: str | None) -> None:
    assert retry_after_ms(value, NOON) is None


@given(st.text(max_size=70))
def test_no_header_breaks_it(value: str) -> None:
    wait_ms = retry_after_ms(value, NOON)
    assert wait_ms is None or 0 <= wait_ms <= 3_600_000
