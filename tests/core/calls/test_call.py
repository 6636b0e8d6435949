"""Laws and examples of the call's state machine."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.capture.calls.call import (
    Advance,
    Call,
    Direction,
    Owed,
    advance,
    limit_ms,
    time_is_up,
    with_callback,
)
from trunkline.capture.calls.callback_config import CallbackConfig
from trunkline.capture.calls.progress import (
    EndedBy,
    Progress,
    Report,
    Reported,
    State,
)


NOW_MS = 1_789_378_200_000
SID = "CA9b2f61d07ce34a1fa85d40e6b37c1f92"

reports = st.lists(
    st.builds(
        Report,
        leg=st.just(SID),
        state=st.sampled_from(Reported),
        at_ms=st.none() | st.integers(NOW_MS - 100_000, NOW_MS + 100_000),
        sip_code=st.none() | st.integers(100, 699),
        q850=st.none() | st.integers(0, 127),
        cause=st.none() | st.sampled_from(["USER_BUSY", "CANCEL", "no-answer", "?"]),
        ended_by=st.none() | st.sampled_from(EndedBy),
    ),
    max_size=12,
)
subscriptions = st.none() | st.builds(
    CallbackConfig,
    url=st.just("https://app.example.com/"),
    events=st.lists(st.sampled_from(Progress), unique=True).map(
        lambda events: tuple(p for p in Progress if p in events)
    ),
)


def new_call(callback: CallbackConfig | None) -> Call:
    return Call(
        sid=SID,
        account_sid="AC4c1e9a7b02d84f5e8b6a1d3f90c7e258",
        to="+14155550142",
        from_="+12025550123",
        direction=Direction.OUTBOUND_API,
        created_ms=NOW_MS,
        updated_ms=NOW_MS,
        callback=callback,
    )


def run(call: Call, given_reports: list[Report]) -> tuple[list[Advance], list[Owed]]:
    advances = []
    for tick, report in enumerate(given_reports):
        advances.append(advance(call, report, NOW_MS + tick))
        call = advances[-1].call
    return advances, [each.owed for each in advances if each.owed is not None]


@given(reports, subscriptions)
def test_each_progress_event_fires_at_most_once_and_in_order(
    given_reports: list[Report], callback: CallbackConfig | None
) -> None:
    _, owed = run(new_call(callback), given_reports)

    fired = [list(Progress).index(each.progress) for each in owed]
    assert fired == sorted(set(fired))


@given(reports, subscriptions)
def test_sequence_numbers_have_no_gaps(
    given_reports: list[Report], callback: CallbackConfig | None
) -> None:
    _, owed = run(new_call(callback), given_reports)

    assert [each.sequence for each in owed] == list(range(len(owed)))


@given(reports, subscriptions)
def test_only_subscribed_events_fire(
    given_reports: list[Report], callback: CallbackConfig | None
) -> None:
    _, owed = run(new_call(callback), given_reports)

    assert {each.progress for each in owed} <= set(callback.events if callback else ())


@given(reports)
def test_completed_fires_if_and_only_if_the_call_has_ended(
    given_reports: list[Report],
) -> None:
    call = new_call(CallbackConfig(url="https://app.example.com/"))
    advances, owed = run(call, given_reports)

    ended = any(report.state is Reported.ENDED for report in given_reports)
    assert [each.progress for each in owed] == [Progress.COMPLETED] * ended
    assert ended == bool(advances and advances[-1].call.over)


@given(reports)
def test_nothing_changes_a_call_that_is_over(given_reports: list[Report]) -> None:
    advances, _ = run(new_call(None), given_reports)

    over = [each.call for each in advances if each.call.over]
    assert all(call is over[0] for call in over)


@given(reports)
def test_times_never_go_back(given_reports: list[Report]) -> None:
    call = new_call(CallbackConfig(url="https://a.example/", events=tuple(Progress)))
    _, owed = run(call, given_reports)

    times = [each.fired_ms for each in owed]
    assert times == sorted(times)


@given(reports)
def test_a_repeated_report_is_harmless(given_reports: list[Report]) -> None:
    call = new_call(CallbackConfig(url="https://a.example/", events=tuple(Progress)))
    _, once = run(call, given_reports)
    twice = [report for report in given_reports for _ in range(2)]

    assert [each.progress for each in run(call, twice)[1]] == [
        each.progress for each in once
    ]


@given(reports, subscriptions)
def test_a_call_survives_storage(
    given_reports: list[Report], callback: CallbackConfig | None
) -> None:
    advances, _ = run(new_call(callback), given_reports)

    for each in advances:
        stored = msgspec.json.encode(each.call)
        assert msgspec.json.decode(stored, type=Call) == each.call


def test_an_answered_call_goes_through_all_states() -> None:
    call = new_call(CallbackConfig(url="https://a.example/", events=tuple(Progress)))
    seen = []
    for seconds, state in enumerate(Reported):
        report = Report(leg=SID, state=state, at_ms=NOW_MS + 1000 * seconds)
        call, owed = advance(call, report, NOW_MS + 60_000)
        assert owed is not None
        seen.append((owed.progress.value, owed.sequence, call.state.value, call.status))

    assert seen == [
        ("initiated", 0, "initiated", "queued"),
        ("ringing", 1, "ringing", "ringing"),
        ("answered", 2, "in-progress", "in-progress"),
        ("completed", 3, "completed", "completed"),
    ]
    assert call.started_ms == NOW_MS + 2000
    assert call.talk_seconds == 1


def test_a_busy_call_after_ringing_has_completed_as_number_two() -> None:
    call = new_call(CallbackConfig(url="https://a.example/", events=tuple(Progress)))
    _, owed = run(
        call,
        [
            Report(leg=SID, state=Reported.INITIATED),
            Report(leg=SID, state=Reported.RINGING),
            Report(leg=SID, state=Reported.ENDED, sip_code=486),
        ],
    )

    assert owed[-1].progress is Progress.COMPLETED
    assert owed[-1].sequence == 2


def test_a_call_cancelled_while_queued_has_only_completed() -> None:
    call = new_call(CallbackConfig(url="https://a.example/", events=tuple(Progress)))
    report = Report(leg=SID, state=Reported.ENDED, ended_by=EndedBy.API)
    after, owed = advance(call, report, NOW_MS)

    assert after.state is State.CANCELED
    assert after.started_ms is None
    assert owed == Owed(Progress.COMPLETED, 0, NOW_MS)


@pytest.mark.parametrize(
    ("direction", "status"),
    [
        (Direction.OUTBOUND_API, "queued"),
        (Direction.OUTBOUND_DIAL, "ringing"),
        (Direction.INBOUND, "ringing"),
    ],
)
def test_rest_has_no_word_for_dialling(direction: Direction, status: str) -> None:
    call = msgspec.structs.replace(new_call(None), direction=direction)
    report = Report(leg=SID, state=Reported.INITIATED)

    assert advance(call, report, NOW_MS).call.status == status


def test_a_report_is_never_before_the_previous_event() -> None:
    call = new_call(None)
    first = Report(leg=SID, state=Reported.INITIATED, at_ms=NOW_MS + 5000)
    second = Report(leg=SID, state=Reported.ANSWERED, at_ms=NOW_MS + 1000)
    call = advance(call, first, NOW_MS).call

    assert advance(call, second, NOW_MS).call.answered_ms == NOW_MS + 5000


def test_a_call_rings_for_as_long_as_its_timeout_and_talks_for_four_hours() -> None:
    call = new_call(None)
    assert limit_ms(call) is None
    call = advance(call, Report(leg=SID, state=Reported.INITIATED), NOW_MS).call
    assert limit_ms(call) == NOW_MS + 60_000
    assert not time_is_up(call, NOW_MS + 59_999)
    assert time_is_up(call, NOW_MS + 60_000)
    call = advance(call, Report(leg=SID, state=Reported.ANSWERED), NOW_MS).call
    assert limit_ms(call) == NOW_MS + 14_400_000
    call = advance(call, Report(leg=SID, state=Reported.ENDED), NOW_MS).call
    assert limit_ms(call) is None


def test_another_callback_url_keeps_events_and_numbers() -> None:
    call = new_call(CallbackConfig(url="https://a.example/", events=tuple(Progress)))
    call = advance(call, Report(leg=SID, state=Reported.INITIATED), NOW_MS).call
    call = with_callback(call, "https://b.example/", None, NOW_MS)
    _, owed = advance(call, Report(leg=SID, state=Reported.RINGING), NOW_MS)

    assert owed is not None
    assert owed.sequence == 1
    assert call.callback == CallbackConfig(
        url="https://b.example/", events=tuple(Progress)
    )


def test_a_call_without_callback_gets_completed() -> None:
    call = with_callback(new_call(None), "https://b.example/", "GET", NOW_MS)

    assert call.callback == CallbackConfig(
        url="https://b.example/", method="GET", events=(Progress.COMPLETED,)
    )
    assert with_callback(new_call(None), None, "GET", NOW_MS).callback is None
