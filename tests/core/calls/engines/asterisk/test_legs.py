"""What is reported of legs: from recorded traffic, to the final words of calls."""

import pytest
from tests.core.calls.engines.asterisk.recorded import (
    at_ms,
    inbound,
    outbound,
    recording,
    reports_of,
    reports_of_followed,
    reports_of_originated,
)

from trunkline.capture.calls.call import Call, advance
from trunkline.capture.calls.engines.asterisk.events import Channel, Event
from trunkline.capture.calls.engines.asterisk.legs import Legs
from trunkline.capture.calls.progress import EndedBy, Report


ALL_FOUR = ["initiated", "ringing", "answered", "ended"]


def states(reports: list[Report]) -> list[str]:
    return [report.state.value for report in reports]


def word(reports: list[Report]) -> str:
    """The final word that a call gets by these reports."""
    call = Call(
        sid="CA" + "0" * 32,
        account_sid="AC" + "0" * 32,
        to="",
        from_="",
        direction=inbound(recording("answered")[0]).direction,
        created_ms=0,
        updated_ms=0,
    )
    for report in reports:
        call = advance(call, report, 0).call
    return call.status


def test_an_originated_call_that_is_answered_reports_all_four_states() -> None:
    reports = reports_of_originated("originate-answered")

    assert states(reports) == ALL_FOUR
    assert word(reports) == "completed"
    assert reports[1].sip_call_id == "7983a1f1-69f5-48ef-8bb0-476e2773b619"
    assert reports[2].at_ms == 1795168639573  # 2026-11-20T09:57:19.573Z


@pytest.mark.parametrize(
    ("name", "sip_code", "q850", "final"),
    [("originate-busy", 486, 17, "busy"), ("originate-declined", 603, 21, "busy")],
)
def test_a_refusal_is_reported_with_its_codes(
    name: str, sip_code: int, q850: int, final: str
) -> None:
    reports = reports_of_originated(name)

    assert (reports[-1].sip_code, reports[-1].q850) == (sip_code, q850)
    assert reports[-1].ended_by is EndedBy.CALLEE
    assert word(reports) == final


@pytest.mark.parametrize("name", ["answered", "followed-answered"])
def test_both_legs_of_a_dialplan_call_that_is_answered_complete(name: str) -> None:
    caller, callee = reports_of_followed(name)

    assert states(caller) == ["initiated", "answered", "ended"]
    assert states(callee) == ALL_FOUR
    assert word(caller) == word(callee) == "completed"
    assert caller[-1].ended_by is EndedBy.CALLER


def test_both_legs_of_a_busy_dialplan_call_are_busy() -> None:
    caller, callee = reports_of_followed("busy")

    assert word(caller) == word(callee) == "busy"


@pytest.mark.parametrize("name", ["no-answer", "followed-no-answer"])
def test_who_rings_for_too_long_did_not_answer(name: str) -> None:
    _, callee = reports_of_followed(name)

    assert states(callee) == ["initiated", "ringing", "ended"]
    # Asterisk gives the callee's leg no code, only the word of its Dial.
    assert (callee[-1].sip_code, callee[-1].cause) == (None, "NOANSWER")
    assert word(callee) == "no-answer"


def test_both_legs_are_canceled_where_the_caller_gave_up() -> None:
    caller, callee = reports_of_followed("followed-canceled")

    assert word(caller) == word(callee) == "canceled"
    assert caller[-1].ended_by is callee[-1].ended_by is EndedBy.CALLER


@pytest.mark.parametrize("name", ["followed-canceled", "followed-no-answer", "busy"])
def test_the_end_of_a_dialled_leg_waits_for_word_and_codes_in_either_order(
    name: str,
) -> None:
    heard = recording(name)
    late = [e for e in heard if e.type == "Dial" and e.dialstatus.isupper()][-1]
    reordered = [event for event in heard if event is not late] + [late]

    assert word(reports_of(reordered)[1]) == word(reports_of(heard)[1])


def test_nothing_is_reported_twice() -> None:
    heard = recording("originate-answered")
    legs = Legs()
    legs.dial(outbound(heard[0]))
    once = [r for event in heard[:-1] for r in legs.hear(event, at_ms(event))]
    again = [r for event in heard[:-1] for r in legs.hear(event, at_ms(event))]

    assert states(once) == ["ringing", "answered"]
    assert again == []


@pytest.mark.parametrize("skew_ms", [-6000, 6000])
def test_a_time_that_our_clock_cannot_confirm_is_not_believed(skew_ms: int) -> None:
    heard = recording("originate-busy")
    legs = Legs()
    legs.dial(outbound(heard[0]))
    reports = [r for e in heard for r in legs.hear(e, at_ms(e) + skew_ms)]

    assert [report.at_ms for report in reports] == [None]


def test_nothing_is_heard_of_channels_that_are_not_followed() -> None:
    legs = Legs()

    assert [legs.hear(event, 0) for event in recording("busy")] == [[]] * len(
        recording("busy")
    )


class Looks:
    """A leg that is followed, and looks at Asterisk's channels."""

    def __init__(self, *heard: Event) -> None:
        self.legs = Legs()
        self.call = outbound(recording("originate-answered")[0])
        self.legs.follow(self.call)
        for event in heard:
            self.legs.hear(event, at_ms(event))

    def look(self, *channels: Channel) -> list[Report]:
        return self.legs.look(channels, 0)


def test_a_leg_that_two_looks_miss_is_over() -> None:
    looks = Looks()

    assert looks.look() == []
    [report] = looks.look()
    assert word([report]) == "failed"
    assert looks.look() == []
    assert looks.legs.get(looks.call.sid) is None


def test_a_leg_that_was_answered_and_is_gone_is_completed() -> None:
    heard = recording("originate-answered")
    answered = reports_of_originated("originate-answered")[:3]
    looks = Looks(*heard[:-1])

    looks.look()
    gone = looks.look()
    assert word([*answered, *gone]) == "completed"


def test_a_leg_that_is_seen_again_is_not_gone() -> None:
    looks = Looks()
    there = Channel(id=looks.call.sid, state="Down")

    assert [looks.look(), looks.look(there), looks.look()] == [[], [], []]
    assert looks.legs.get(looks.call.sid) is not None


def test_a_look_reports_what_was_missed_meanwhile() -> None:
    looks = Looks()
    channel = recording("originate-answered")[-1].about  # Up

    assert states(looks.look(channel)) == ["answered"]
    assert looks.look(channel) == []


def test_a_leg_that_asterisk_is_being_asked_for_is_not_missed() -> None:
    legs = Legs()
    legs.dial(outbound(recording("originate-busy")[0]))

    assert [legs.look([], 0) for _ in range(3)] == [[], [], []]


def test_a_channel_that_is_gone_before_we_could_ask_ends_by_the_word_of_its_dial() -> (
    None
):
    heard = [e for e in recording("busy") if e.type == "Dial"]
    caller = inbound(recording("busy")[0])
    legs = Legs()
    legs.follow(caller)
    legs.follow(outbound(heard[0]))
    legs.hear(heard[0], 0)

    assert legs.vanished(heard[0].about, 0) == []
    [report] = legs.hear(heard[-1], 0)
    assert word([report]) == "busy"
