"""When an event goes out, and under which id."""

import pytest

from trunkline.capture.sdk.identity import Hold, ends_call, join, settled
from trunkline.capture.sdk.post import CallIds, parse_event


CA, OTHER_CA, TJS = "CA" + "1" * 32, "CA" + "2" * 32, "TJS-1"


@pytest.mark.parametrize(
    ("known", "ids", "decision"),
    [
        (None, CallIds(CA, TJS), CA),
        (None, CallIds(CA, None), CA),
        (CA, CallIds(None, TJS), CA),
        (CA, CallIds(OTHER_CA, TJS), OTHER_CA),
        (None, CallIds(None, TJS), Hold(61_000)),
    ],
)
def test_a_known_sid_goes_out_and_an_unknown_one_waits(
    known: str | None, ids: CallIds, decision: object
) -> None:
    assert join(known, ids, now_ms=1_000, hold_ms=60_000, over=False) == decision


def test_a_call_that_is_over_waits_five_seconds() -> None:
    ids = CallIds(None, TJS)
    assert join(None, ids, now_ms=0, hold_ms=60_000, over=True) == Hold(5_000)
    assert join(None, ids, now_ms=0, hold_ms=2_000, over=True) == Hold(2_000)


@pytest.mark.parametrize("known", [None, CA])
@pytest.mark.parametrize(
    "ids",
    [CallIds(CA, TJS), CallIds(OTHER_CA, None), CallIds(None, TJS), CallIds(CA, None)],
)
@pytest.mark.parametrize("over", [False, True])
def test_what_is_settled_is_what_would_be_decided(
    known: str | None, ids: CallIds, over: bool
) -> None:
    found = settled(known, ids)
    assert (found is None) is (known is None or ids.call_sid == OTHER_CA)
    if found is not None:
        assert join(known, ids, now_ms=0, hold_ms=60_000, over=over) == found


def test_without_holding_the_browsers_id_must_do() -> None:
    assert join(None, CallIds(None, TJS), now_ms=0, hold_ms=0, over=False) == TJS


def test_a_post_that_names_no_call_is_not_decided_about() -> None:
    with pytest.raises(ValueError, match="no call"):
        join(None, CallIds(None, None), now_ms=0, hold_ms=0, over=False)


@pytest.mark.parametrize(
    ("group", "name", "level", "last"),
    [
        ("connection", "disconnected-by-local", "INFO", True),
        ("connection", "disconnected-by-remote", "INFO", True),
        ("connection", "rejected-by-local", "INFO", True),
        ("connection", "ignored-by-local", "INFO", True),
        ("connection", "cancel", "INFO", True),
        ("connection", "error", "ERROR", True),
        ("connection", "error", "WARNING", False),
        ("connection", "outgoing", "INFO", False),
        ("call-message", "cancel", "INFO", False),
    ],
)
def test_a_calls_last_events_are_known(
    group: str, name: str, level: str, last: bool
) -> None:
    raw = f'{{"group":"{group}","name":"{name}","level":"{level}","payload":{{}}}}'
    assert ends_call(parse_event(raw.encode(), 0)) is last
