"""When failing deliveries are worth a notice."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from trunkline.delivery.notices import PERIOD_MS, Failure, Notice, Notices
from trunkline.sinks.answer import Level


SINK = "DG" + "1" * 32
MINUTE = 60_000


def failure(at_ms: int = 0, *, code: int = 91306, sink: str = SINK) -> Failure:
    return Failure(
        account_sid="AC" + "1" * 32,
        sink_sid=sink,
        code=code,
        level=Level.WARNING,
        message="HTTP 500",
        at_ms=at_ms,
        event_type="type",
        event_id=f"VW{at_ms}",
        http_status=500,
    )


def counts(notices: list[Notice]) -> list[int]:
    return [notice.count for notice in notices]


def test_the_first_failure_is_told_at_once_with_all_its_fields() -> None:
    assert Notices().failed(failure(5)) == [
        Notice(
            account_sid="AC" + "1" * 32,
            sink_sid=SINK,
            code=91306,
            level="WARNING",
            message="HTTP 500",
            count=1,
            first_ms=5,
            last_ms=5,
            event_type="type",
            event_id="VW5",
            http_status=500,
        )
    ]


def test_then_the_tenth_the_hundredth_and_the_thousandth_are_told() -> None:
    notices = Notices()

    told = [notice for at in range(1500) for notice in notices.failed(failure(at))]

    assert counts(told) == [1, 10, 100, 1000]


def test_each_sink_and_each_code_is_counted_by_itself() -> None:
    notices = Notices()
    notices.failed(failure())

    assert counts(notices.failed(failure(code=91302))) == [1]
    assert counts(notices.failed(failure(sink="DG" + "2" * 32))) == [1]
    assert notices.failed(failure()) == []


def test_what_came_since_is_summed_up_after_twenty_minutes() -> None:
    notices = Notices()
    notices.failed(failure(0))
    notices.failed(failure(MINUTE))
    notices.failed(failure(2 * MINUTE))

    assert notices.summaries(19 * MINUTE) == []
    [summary] = notices.summaries(20 * MINUTE)
    assert (summary.count, summary.first_ms, summary.last_ms) == (3, 0, 2 * MINUTE)
    assert notices.summaries(21 * MINUTE) == []


def test_there_is_no_summary_of_nothing_new() -> None:
    notices = Notices()
    notices.failed(failure(0))

    assert notices.summaries(20 * MINUTE) == []


def test_the_count_begins_anew_after_twenty_minutes_without_a_failure() -> None:
    notices = Notices()
    notices.failed(failure(0))
    notices.failed(failure(1))

    told = notices.failed(failure(1 + PERIOD_MS))

    assert counts(told) == [2, 1]  # what was not told yet, then the new first


def test_failures_told_together_count_as_many() -> None:
    notices = Notices()
    notices.failed(failure())

    assert counts(notices.failed(replace(failure(), count=49))) == [50]
    assert notices.failed(replace(failure(), count=49)) == []


@given(st.lists(st.integers(0, 40 * MINUTE), max_size=60))
def test_every_failure_is_in_a_notice_within_twenty_minutes(waits: list[int]) -> None:
    notices = Notices()
    now_ms, untold = 0, 0
    oldest_untold: int | None = None
    for wait_ms in waits:
        end_ms = now_ms + wait_ms
        while now_ms + MINUTE <= end_ms:  # somebody looks once a minute
            now_ms += MINUTE
            if notices.summaries(now_ms):
                untold, oldest_untold = 0, None
            if oldest_untold is not None:
                assert now_ms - oldest_untold <= PERIOD_MS + MINUTE
        now_ms = end_ms
        told = notices.failed(failure(now_ms))
        untold += 1
        if oldest_untold is None:
            oldest_untold = now_ms
        if told:
            untold, oldest_untold = 0, None
    for _ in range(21):
        now_ms += MINUTE
        if notices.summaries(now_ms):
            untold = 0

    assert untold == 0


@given(st.integers(1, 5000))
def test_a_storm_makes_few_notices(failures: int) -> None:
    notices = Notices()

    told = [n for at in range(failures) for n in notices.failed(failure(at))]

    assert len(told) == len(str(failures))


def test_what_has_ceased_takes_no_memory() -> None:
    notices = Notices()
    for number in range(100):
        notices.failed(failure(code=number))

    notices.summaries(PERIOD_MS)

    assert not notices._runs
