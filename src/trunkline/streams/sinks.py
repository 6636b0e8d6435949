"""Sinks, and the machine of their status (spec event-streams 4.1, 4.2).

Rule 1: every change of a sink's status is a row of a table in this file.
Rule 2: this file does not read a clock, a socket or a database.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto

from trunkline.errors import Refused
from trunkline.events.catalogue import SinkType
from trunkline.streams import configuration as configurations
from trunkline.streams.descriptions import flaw
from trunkline.streams.policy import DEFAULT, DeliveryPolicy


MAX_SINKS = 100
"""Sinks of one account (spec event-streams 2.3)."""


class SinkStatus(StrEnum):
    """Where a sink is between its creation and its use."""

    INITIALIZED = "initialized"
    """Created and never tested. Kinesis and Segment sinks start here."""
    VALIDATING = "validating"
    """A test event is on its way; left by its confirmation or its failure."""
    ACTIVE = "active"
    """In use. Webhook sinks start here."""
    FAILED = "failed"
    """The test event could not be delivered; left by the next test."""


class Step(Enum):
    """What can happen to the status of a sink."""

    TEST = auto()
    VALIDATE = auto()
    TEST_FAILED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """A place to which events go.

    `configuration` is shown as it is here. `live` is true from the first time that
    the sink was active, for good: a live sink can be subscribed and gets events.
    `test_id` is the id of its newest test; `policy` is how it is delivered to.
    """

    sid: str
    account_sid: str
    description: str
    sink_type: SinkType
    configuration: Mapping[str, object]
    status: SinkStatus
    live: bool
    created_ms: int
    updated_ms: int
    test_id: str | None = None
    policy: DeliveryPolicy = DEFAULT


_FIRST = {
    SinkType.WEBHOOK: SinkStatus.ACTIVE,
    SinkType.KINESIS: SinkStatus.INITIALIZED,
    SinkType.SEGMENT: SinkStatus.INITIALIZED,
}

# (what happens, is the sink live) -> {from: to}. What is not here changes nothing.
_NEXT = {
    (Step.TEST, False): dict.fromkeys(SinkStatus, SinkStatus.VALIDATING),
    (Step.TEST, True): dict.fromkeys(SinkStatus, SinkStatus.VALIDATING),
    (Step.VALIDATE, False): dict.fromkeys(SinkStatus, SinkStatus.ACTIVE),
    (Step.VALIDATE, True): dict.fromkeys(SinkStatus, SinkStatus.ACTIVE),
    (Step.TEST_FAILED, False): {SinkStatus.VALIDATING: SinkStatus.FAILED},
    # A bad test must not stop a running stream.
    (Step.TEST_FAILED, True): {SinkStatus.VALIDATING: SinkStatus.ACTIVE},
}


def create(
    *,
    sid: str,
    account_sid: str,
    description: str,
    sink_type: str,
    configuration: str,
    now_ms: int,
) -> Sink:
    """Return a new sink made from request parameters. Raises Refused 91000."""
    _check_description(description)
    kind = _kind(sink_type)
    try:
        checked = configurations.parse(kind, configuration)
    except configurations.Misconfigured as error:
        raise _not_created(str(error)) from None
    status = _FIRST[kind]
    return Sink(
        sid=sid,
        account_sid=account_sid,
        description=description,
        sink_type=kind,
        configuration=checked,
        status=status,
        live=status is SinkStatus.ACTIVE,
        created_ms=now_ms,
        updated_ms=now_ms,
    )


def describe(sink: Sink, description: str, now_ms: int) -> Sink:
    """Return the sink with another description. Raises Refused 91000."""
    _check_description(description)
    return replace(sink, description=description, updated_ms=now_ms)


def test(sink: Sink, test_id: str, now_ms: int) -> Sink:
    """Return the sink with a new test on its way; the older test id is void."""
    return replace(_step(sink, Step.TEST, now_ms), test_id=test_id)


def validate(sink: Sink, test_id: str, now_ms: int) -> Sink:
    """Return the sink whose test event has arrived, which the test id proves.

    The id stays good until the next test. Raises Refused: 91004 where there was no
    test, 91005 for any id but the newest.
    """
    if sink.test_id is None:
        raise Refused(91004, 400, f"Test event not found for sink {sink.sid}")
    if test_id != sink.test_id:
        raise Refused(91005, 400, "Test id is not valid")
    return _step(sink, Step.VALIDATE, now_ms)


def test_failed(sink: Sink, test_id: str, now_ms: int) -> Sink:
    """Return the sink whose test event was given up; older tests change nothing."""
    if test_id != sink.test_id:
        return sink
    return _step(sink, Step.TEST_FAILED, now_ms)


def _step(sink: Sink, step: Step, now_ms: int) -> Sink:
    status = _NEXT[step, sink.live].get(sink.status, sink.status)
    if status is sink.status:
        return sink
    live = sink.live or status is SinkStatus.ACTIVE
    return replace(sink, status=status, live=live, updated_ms=now_ms)


def _kind(sink_type: str) -> SinkType:
    try:
        return SinkType(sink_type)
    except ValueError:
        pass
    if sink_type == "email":
        raise _not_created("SinkType email is not supported")
    kinds = ", ".join(SinkType)
    raise _not_created(f"SinkType must be one of {kinds}")


def _check_description(description: str) -> None:
    wrong = flaw(description)
    if wrong is not None:
        raise _not_created(wrong)


def _not_created(reason: str) -> Refused:
    return Refused(91000, 400, f"Sink could not be created: {reason}")
