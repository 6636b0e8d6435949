"""Samples and their roll-ups."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.capture.sdk.post import parse_metrics
from trunkline.capture.sdk.samples import RollUp, Sample, roll_ups, samples_of, total


CA = "CA" + "1" * 32
TJS = "TJS86cbb486-ccff-4689-b2da-587321b75215"

MEASURES = st.none() | st.floats(0, 1e4) | st.integers(0, 10_000).map(str)
SECONDS = st.lists(
    st.fixed_dictionaries({"jitter": MEASURES, "rtt": MEASURES, "mos": MEASURES}),
    min_size=1,
    max_size=40,
)


def samples(*payload: dict[str, Any]) -> list[Sample]:
    body = {"group": "g", "name": "n", "payload": list(payload)}
    return samples_of(parse_metrics(json.dumps(body).encode()), 1_000)


def test_a_sample_has_its_calls_id_and_its_own_time() -> None:
    at = "2026-11-20T09:17:21.153Z"
    found = samples(
        {"call_sid": CA, "timestamp": at},
        {"call_sid": TJS, "timestamp_ms": 77},
        {"mos": 4},
        {},
    )
    assert [(s.call_id, s.at_ms) for s in found] == [
        (CA, 1_795_166_241_153),
        (TJS, 77),
        ("", 1_002),
        ("", 1_003),
    ]


def test_a_roll_up_skips_what_is_null_and_sums_packets() -> None:
    found = roll_ups(
        samples(
            {"call_sid": CA, "timestamp_ms": 30, "jitter": 4, "packets_lost": 2,
             "total_packets_lost": 5, "mos": 4.2},
            {"call_sid": CA, "timestamp_ms": 10, "jitter": "1", "mos": None},
            {"call_sid": CA, "timestamp_ms": 20, "jitter": 1, "packets_lost": 1,
             "total_packets_lost": 3},
        )
    )  # fmt: skip
    [(call_id, roll_up)] = found.items()
    assert call_id == CA
    assert (roll_up.samples, roll_up.first_ms, roll_up.last_ms) == (3, 10, 30)
    jitter, mos = roll_up.spreads["jitter"], roll_up.spreads["mos"]
    assert (jitter.min, jitter.avg, jitter.max, jitter.count) == (1, 2, 4, 3)
    assert (mos.min, mos.max, mos.count) == (4.2, 4.2, 1)
    assert "rtt" not in roll_up.spreads
    assert roll_up.sums == {"packets_lost": 3, "packets_received": 0}
    assert roll_up.totals == {"total_packets_lost": 5}


@given(SECONDS, st.integers(1, 10))
def test_roll_ups_of_parts_come_to_the_roll_up_of_the_whole(
    seconds: list[dict[str, Any]], size: int
) -> None:
    found = samples(
        *({"call_sid": CA, "timestamp_ms": n, **s} for n, s in enumerate(seconds))
    )
    parts = [
        roll_ups(found[start : start + size])[CA]
        for start in range(0, len(found), size)
    ]
    whole, joined = roll_ups(found)[CA], total(parts)
    assert joined is not None
    assert (joined.samples, joined.last_ms) == (whole.samples, whole.last_ms)
    assert joined.spreads.keys() == whole.spreads.keys()
    for name, spread in whole.spreads.items():
        other = joined.spreads[name]
        assert (other.min, other.max, other.count) == (
            spread.min,
            spread.max,
            spread.count,
        )
        assert other.avg == pytest.approx(spread.avg)


ANY_NUMBER = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.floats().map(str)
)
LARGEST = ("1e300", "1e308", 10**300, "-1e308", "1e999", "Infinity", "NaN", "9" * 32)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["jitter", "mos", "packets_lost", "total_bytes_sent"]),
            ANY_NUMBER | st.sampled_from(LARGEST),
        ),
        max_size=99,
    )
)
def test_whatever_samples_say_their_roll_up_can_be_read_again(
    fields: list[dict[str, Any]],
) -> None:
    [roll_up] = roll_ups(samples(*fields, {})).values()

    for parts in ([roll_up], [roll_up, roll_up]):
        raw = msgspec.json.encode(total(parts))
        read = msgspec.json.decode(raw, type=RollUp)
        assert read.samples == (len(fields) + 1) * len(parts)


def test_no_parts_come_to_nothing() -> None:
    assert total([]) is None
