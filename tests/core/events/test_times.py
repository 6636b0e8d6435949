"""The forms of time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.events.times import (
    EARLIEST_MS,
    LATEST_MS,
    iso_ms,
    iso_seconds,
    parse_iso,
    rfc2822,
)


AT = 1_769_803_200_123  # 2026-01-30T20:00:00.123Z

moments = st.integers(EARLIEST_MS, LATEST_MS)


def test_a_time_has_three_forms_on_the_wire() -> None:
    assert iso_ms(AT) == "2026-01-30T20:00:00.123Z"
    assert iso_seconds(AT) == "2026-01-30T20:00:00Z"
    assert rfc2822(AT) == "Fri, 30 Jan 2026 20:00:00 +0000"


@given(moments)
def test_what_is_written_reads_as_the_same_millisecond(at_ms: int) -> None:
    assert parse_iso(iso_ms(at_ms)) == at_ms
    assert parse_iso(iso_seconds(at_ms)) == at_ms - at_ms % 1000


@given(moments, moments)
def test_written_times_sort_as_the_times_do(one: int, other: int) -> None:
    assert (iso_ms(one) < iso_ms(other)) == (one < other)


def test_the_earliest_and_the_latest_time_can_be_written() -> None:
    assert iso_ms(EARLIEST_MS) == "0001-01-01T00:00:00.000Z"
    assert iso_ms(LATEST_MS) == "9999-12-31T23:59:59.999Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-30T20:00:00.123Z",
        "2026-01-30t20:00:00.123z",
        "2026-01-30 20:00:00,123Z",
        "2026-01-30T20:00:00.123999999999Z",
        "2026-01-30T22:00:00.123+02:00",
        "2026-01-30T14:30:00.123-0530",
    ],
)
def test_other_spellings_of_a_time_are_read(text: str) -> None:
    assert parse_iso(text) == AT


def test_fractions_are_read_as_fractions() -> None:
    assert parse_iso("2026-01-30T20:00:00.1Z") == AT - 23
    assert parse_iso("2026-01-30T20:00:00Z") == AT - 123


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-01-30",
        "2026-01-30T20:00:00",
        "2026-02-30T20:00:00Z",
        "2026-01-30T24:00:00Z",
        "2026-01-30T20:00:00+24:00",
        "2026-01-30T20:00:00+02:60",
        "0000-01-30T20:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+01:00",
        "\N{FULLWIDTH DIGIT TWO}026-01-30T20:00:00Z",
        " 2026-01-30T20:00:00Z",
        "2026-01-30T20:00:00Z\n",
    ],
)
def test_what_is_no_time_with_zone_is_not_read(text: str) -> None:
    assert parse_iso(text) is None


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    at_ms = parse_iso(text)

    assert at_ms is None or EARLIEST_MS <= at_ms <= LATEST_MS
