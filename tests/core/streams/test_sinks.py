"""Sinks, and the machine of their status."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import Refused
from trunkline.events.catalogue import SinkType
from trunkline.streams import sinks
from trunkline.streams.sinks import Sink, SinkStatus


WEBHOOK = '{"destination":"http://example.org/"}'
SEGMENT = '{"write_key":"abc"}'


@contextmanager
def refusals() -> Iterator[list[Refused]]:
    """Collect what is refused."""
    refused: list[Refused] = []
    try:
        yield refused
    except Refused as error:
        refused.append(error)


def new(sink_type: str = "webhook", configuration: str = WEBHOOK) -> Sink:
    return sinks.create(
        sid="DG" + "1" * 32,
        account_sid="AC" + "1" * 32,
        description="A sink",
        sink_type=sink_type,
        configuration=configuration,
        now_ms=1000,
    )


def test_a_webhook_sink_is_active_from_the_start() -> None:
    sink = new()
    assert (sink.status, sink.live) == (SinkStatus.ACTIVE, True)
    assert (sink.created_ms, sink.updated_ms, sink.test_id) == (1000, 1000, None)


def test_another_sink_must_be_tested_first() -> None:
    sink = new("segment", SEGMENT)
    assert (sink.status, sink.live) == (SinkStatus.INITIALIZED, False)
    tested = sinks.test(sink, "one", 2000)
    assert (tested.status, tested.live) == (SinkStatus.VALIDATING, False)
    assert (tested.test_id, tested.updated_ms) == ("one", 2000)
    validated = sinks.validate(tested, "one", 3000)
    assert (validated.status, validated.live) == (SinkStatus.ACTIVE, True)
    assert validated.updated_ms == 3000


@pytest.mark.parametrize("status", SinkStatus)
@pytest.mark.parametrize("live", [True, False])
def test_a_test_may_be_sent_at_any_time(status: SinkStatus, *, live: bool) -> None:
    sink = replace(new(), status=status, live=live, test_id="old")
    tested = sinks.test(sink, "new", 2000)
    assert (tested.status, tested.live) == (SinkStatus.VALIDATING, live)
    assert tested.test_id == "new"


@pytest.mark.parametrize(
    ("status", "live"),
    [
        (status, live)
        for status in SinkStatus
        for live in (True, False)
        if live or status is not SinkStatus.ACTIVE  # which no sink can be
    ],
)
def test_the_newest_id_validates_from_any_status(
    status: SinkStatus, *, live: bool
) -> None:
    sink = replace(new(), status=status, live=live, test_id="it")
    validated = sinks.validate(sink, "it", 2000)
    assert (validated.status, validated.live) == (SinkStatus.ACTIVE, True)
    assert sinks.validate(validated, "it", 9000) == validated


def test_only_the_newest_id_validates() -> None:
    never = new()
    with pytest.raises(Refused, match=f"^Test event not found for sink {never.sid}$"):
        sinks.validate(never, "x", 2000)
    tested = sinks.test(sinks.test(never, "older", 2000), "newest", 3000)
    with pytest.raises(Refused, match=r"^Test id is not valid$") as refusal:
        sinks.validate(tested, "older", 4000)
    assert (refusal.value.code, refusal.value.status) == (91005, 400)


@pytest.mark.parametrize(
    ("live", "after"), [(False, SinkStatus.FAILED), (True, SinkStatus.ACTIVE)]
)
def test_a_failed_test_stops_no_running_stream(
    after: SinkStatus, *, live: bool
) -> None:
    tested = sinks.test(replace(new(), live=live), "it", 2000)
    failed = sinks.test_failed(tested, "it", 3000)
    assert (failed.status, failed.live) == (after, live)
    assert sinks.test_failed(tested, "older", 3000) is tested


@pytest.mark.parametrize("status", set(SinkStatus) - {SinkStatus.VALIDATING})
@pytest.mark.parametrize("live", [True, False])
def test_a_test_fails_only_while_it_is_awaited(
    status: SinkStatus, *, live: bool
) -> None:
    sink = replace(new(), status=status, live=live, test_id="it")
    assert sinks.test_failed(sink, "it", 2000) is sink


@given(st.lists(st.sampled_from(["test", "validate", "fail"])))
def test_a_sink_that_was_active_once_stays_live(steps: list[str]) -> None:
    sink = new("segment", SEGMENT)
    was_active = False
    for step in steps:
        if step == "test":
            sink = sinks.test(sink, "it", 2000)
        elif step == "fail":
            sink = sinks.test_failed(sink, "it", 2000)
        elif sink.test_id is not None:
            sink = sinks.validate(sink, "it", 2000)
        was_active = was_active or sink.status is SinkStatus.ACTIVE
        assert sink.live is was_active


def test_a_description_moves_the_date() -> None:
    sink = sinks.describe(new(), "Línea 1\n\U0001f468‍\U0001f469", 5000)
    assert (sink.description[:7], sink.updated_ms) == ("Línea 1", 5000)


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ("", "Description is empty"),
        (" \n", "Description is empty"),
        ("a\x00b", "Description has control characters"),
        ("x" * 1025, "Description is longer than 1024 characters"),
    ],
)
def test_a_bad_description_is_refused(description: str, reason: str) -> None:
    with pytest.raises(Refused, match=f"^Sink could not be created: {reason}$"):
        sinks.describe(new(), description, 5000)


@given(st.text(), st.sampled_from([*SinkType, "email"]) | st.text(), st.text())
def test_any_parameters_make_a_sink_or_are_refused_as_documented(
    description: str, sink_type: str, configuration: str
) -> None:
    with refusals() as refused:
        sinks.create(
            sid="DG" + "1" * 32,
            account_sid="AC" + "1" * 32,
            description=description,
            sink_type=sink_type,
            configuration=configuration,
            now_ms=0,
        )
    assert {(error.code, error.status) for error in refused} <= {(91000, 400)}
