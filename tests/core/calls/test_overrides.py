"""The grammar of connection overrides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.capture.calls.overrides import Overrides, RetryOn, overrides_of


def test_without_a_fragment_the_documented_defaults_hold() -> None:
    assert overrides_of("https://a.example/?rc=5") == (
        Overrides(
            connect=5000,
            read=15_000,
            total=15_000,
            retries=1,
            retry_on=frozenset({RetryOn.CONNECT}),
            send_sni=True,
        ),
        (),
    )


def test_every_key_is_read() -> None:
    url = "https://a.example/#ct=100&rt=4000&tt=9000&rc=5&rp=5xx,ct&sni=n&e=ashburn"

    assert overrides_of(url) == (
        Overrides(
            connect=100,
            read=4000,
            total=9000,
            retries=5,
            retry_on=frozenset({RetryOn.STATUS_5XX, RetryOn.CONNECT}),
            send_sni=False,
        ),
        (),
    )


def test_all_is_all_four() -> None:
    assert overrides_of("http://a/#rp=all").overrides.retry_on == set(RetryOn)
    assert overrides_of("http://a/#rp=4xx,all").overrides.retry_on == set(RetryOn)


@pytest.mark.parametrize(
    "bad",
    [
        "ct=99",
        "ct=10001",
        "rt=99",
        "rt=15001",
        "tt=99",
        "tt=15001",
        "rc=6",
        "rc=-1",
        "rc=",
        "rc=1.5",
        "rc=٣",
        "rp=",
        "rp=6xx",
        "rp=ct,",
        "rp=CT",
        "sni=yes",
        "sni=",
    ],
)
def test_a_bad_value_counts_as_not_given_and_is_told(bad: str) -> None:
    assert overrides_of(f"https://a.example/#{bad}") == (
        Overrides(),
        (bad.partition("=")[0],),
    )


@pytest.mark.parametrize("fragment", ["", "section", "rc", "RC=3", "x=1", "&&", "=3"])
def test_what_is_no_override_is_ignored(fragment: str) -> None:
    assert overrides_of(f"https://a.example/#{fragment}") == (Overrides(), ())


def test_of_a_repeated_key_the_last_counts() -> None:
    assert overrides_of("http://a/#rc=3&rc=x&rc=2") == (Overrides(retries=2), ())


def test_a_fragment_beats_the_operators_defaults() -> None:
    defaults = Overrides(retries=3, read=1000)

    assert overrides_of("http://a/#rt=2000&rc=9", defaults) == (
        Overrides(retries=3, read=2000),
        ("rc",),
    )


@given(st.text())
def test_no_fragment_fails_a_call(fragment: str) -> None:
    overrides, _ = overrides_of(f"https://a.example/#{fragment}")

    assert 100 <= overrides.total <= 15_000
    assert 0 <= overrides.retries <= 5
