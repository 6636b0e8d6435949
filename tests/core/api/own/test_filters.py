"""Filters: what is good, and what is refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.api.forms import Form
from trunkline.api.own import filters
from trunkline.errors import Refused


RINGING = "com.twilio.voice.status-callback.call.ringing"
ANSWERED = "com.twilio.voice.status-callback.call.answered"


def form(*pairs: tuple[str, str]) -> Form:
    return Form(pairs)


def test_no_filter_is_no_limit() -> None:
    assert filters.given(form()) == ((), None, None, None)
    assert filters.given(form(("Types", ""), ("From", ""))) == ((), None, None, None)


def test_types_are_repeated_or_comma_separated() -> None:
    repeated = form(("Types", RINGING), ("Types", ANSWERED), ("Types", RINGING))

    assert filters.given(repeated).types == (RINGING, ANSWERED)
    assert filters.given(form(("Types", f"{RINGING}, {ANSWERED}"))).types == (
        RINGING,
        ANSWERED,
    )


def test_times_have_a_zone_or_are_whole_days() -> None:
    chosen = filters.given(
        form(("From", "1970-01-02"), ("To", "1970-01-02T02:00:00.5+01:00"))
    )

    assert (chosen.from_ms, chosen.to_ms) == (86_400_000, 86_400_000 + 3_600_500)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Types", "no.such.type"),
        ("From", "yesterday"),
        ("From", "2026-01-01T00:00:00"),
        ("To", "2026-13-01"),
        ("CallSid", "C" * 101),
    ],
)
def test_a_bad_filter_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(Refused) as refused:
        filters.given(form((name, value)))

    assert (refused.value.code, refused.value.status) == (20001, 400)
    assert refused.value.message == f"Invalid value for parameter {name}"


@given(st.text(max_size=30).filter(lambda text: not text.isdecimal() and text))
def test_a_code_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="Code"):
        filters.code(form(("Code", text)))


def test_a_code_is_a_number() -> None:
    assert filters.code(form(("Code", "91305"))) == 91305
    assert filters.code(form(("Code", ""))) is None
