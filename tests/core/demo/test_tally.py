"""The verdict of the demo, from arrivals alone."""

from dataclasses import replace

import pytest

from trunkline.demo.arrivals import Arrival, Callback
from trunkline.demo.tally import Tally


CALL = "CA" + "1" * 32
SDK_CALL = "CA" + "2" * 32
PROGRESS = ("initiated", "ringing", "answered", "completed")
SDK = "com.twilio.voice.insights.call-event.sdk"


def arrival(type_: str, call_sid: str, number: int) -> Arrival:
    return Arrival(
        id=f"VW{number:032}",
        type=type_,
        call_sid=call_sid,
        detail="",
        time_ms=1_000,
        received_ms=1_000 + number,
        verified=True,
    )


def everything() -> list[Arrival]:
    """The ten events of one answered call and of an SDK call with two posts."""
    types = [
        f"com.twilio.voice.{family}.call.{word}"
        for family in ("status-callback", "webhook.status-callback")
        for word in PROGRESS
    ]
    on_call = [arrival(type_, CALL, n) for n, type_ in enumerate(types, start=1)]
    return [*on_call, arrival(SDK, SDK_CALL, 9), arrival(SDK, SDK_CALL, 10)]


def tally_of(
    arrivals: list[Arrival],
    called_back: tuple[str, ...] = PROGRESS,
    *,
    callbacks_verified: bool = True,
) -> Tally:
    tally = Tally()
    tally.expect_call(CALL, PROGRESS)
    tally.expect_sdk_call(SDK_CALL, 2)
    for event in arrivals:
        tally.add(event)
    for word in called_back:
        tally.add_callback(
            Callback(call_sid=CALL, progress=word, verified=callbacks_verified)
        )
    return tally


def test_all_that_was_owed_and_nothing_else_is_well() -> None:
    tally = tally_of(everything())

    assert tally.missing() == []
    assert tally.faults() == []
    assert tally.events == 10
    assert tally.callbacks == (4, 4, 4)


@pytest.mark.parametrize("index", range(10))
def test_any_one_event_that_is_missing_is_named(index: int) -> None:
    arrivals = everything()
    lost = arrivals.pop(index)

    [sentence] = tally_of(arrivals).missing()

    assert lost.type in sentence
    assert lost.call_sid in sentence


def test_a_missing_callback_is_named() -> None:
    tally = tally_of(everything(), PROGRESS[:3])

    assert tally.missing() == [f"{CALL}: no status callback for completed"]


def test_an_event_that_comes_again_counts_once() -> None:
    arrivals = everything()

    tally = tally_of([*arrivals, *arrivals])

    assert tally.faults() == []
    assert tally.events == 10


def test_a_second_event_where_one_was_owed_is_a_fault() -> None:
    arrivals = everything()
    extra = replace(arrivals[0], id="VW" + "f" * 32)

    [sentence] = tally_of([*arrivals, extra]).faults()

    assert sentence == f"{CALL}: 2 of {extra.type}, 1 were owed"


def test_an_event_of_one_call_does_not_make_up_for_another_call() -> None:
    arrivals = everything()
    arrivals[0] = replace(arrivals[0], call_sid=SDK_CALL)

    assert tally_of(arrivals).missing() == [f"{CALL}: 0 of 1 {arrivals[0].type}"]


def test_a_wrong_signature_is_a_fault() -> None:
    arrivals = everything()
    arrivals[4] = replace(arrivals[4], verified=False)

    [sentence] = tally_of(arrivals).faults()

    assert sentence.startswith(f"{CALL}: wrong signature on {arrivals[4].type}")
    assert len(tally_of(everything(), callbacks_verified=False).faults()) == 4


def test_a_run_that_owes_nothing_proves_nothing() -> None:
    assert len(Tally().faults()) == 9


def test_the_summary_has_a_row_for_each_of_the_nine_types() -> None:
    rows = tally_of(everything()).rows()

    assert [(row.owed, row.arrived, row.verified) for row in rows] == [
        (2, 2, 2),
        *[(1, 1, 1)] * 8,
    ]
    assert rows[0].type == SDK
    # The two SDK events took 9 and 10 ms.
    assert (rows[0].median_ms, rows[0].max_ms) == (10, 10)


def test_a_type_that_did_not_come_has_no_latency() -> None:
    row = Tally().rows()[0]

    assert (row.arrived, row.median_ms, row.max_ms) == (0, None, None)
