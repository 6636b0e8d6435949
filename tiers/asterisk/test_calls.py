"""Calls through a real Asterisk: every outcome, as callbacks, statuses and events."""

import pytest
from tiers.asterisk.phones import call_in
from tiers.asterisk.world import World


# The last digits of a number choose what scenarios/callee.xml does.
ANSWERS = "+15550001000"
BUSY = "+15550000001"
SILENT = "+15550000002"
UNKNOWN = "+15550000003"
DECLINES = "+15550000005"
OUT_OF_SERVICE = "+15550000006"
HANGS_UP = "+15550000009"


def test_a_call_that_is_answered_and_hung_up_by_the_callee(world: World) -> None:
    statuses, last = world.over(world.call(HANGS_UP))

    assert statuses == ["initiated", "ringing", "in-progress", "completed"]
    assert int(last["CallDuration"]) in {0, 1}


def test_a_call_that_we_hang_up(world: World) -> None:
    sid = world.call(ANSWERS)
    world.until(sid, "in-progress")
    world.update(sid, "completed")

    assert world.over(sid)[0][-2:] == ["in-progress", "completed"]


def test_a_call_whose_instructions_end_is_hung_up(world: World) -> None:
    sid = world.call(ANSWERS, "<Response><Hangup/></Response>")

    assert world.over(sid)[0][-2:] == ["in-progress", "completed"]


def test_a_callee_who_is_busy(world: World) -> None:
    statuses, last = world.over(world.call(BUSY))

    assert statuses == ["initiated", "busy"]
    assert last["SipResponseCode"] == "486"


def test_a_callee_who_does_not_answer_in_time(world: World) -> None:
    statuses, last = world.over(world.call(SILENT, timeout=1))

    assert statuses == ["initiated", "ringing", "no-answer"]
    assert last["SipResponseCode"] == "487"


def test_a_call_that_is_canceled_while_it_rings(world: World) -> None:
    sid = world.call(SILENT)
    world.until(sid, "ringing")
    world.update(sid, "canceled")

    assert world.over(sid)[0] == ["initiated", "ringing", "canceled"]


@pytest.mark.parametrize(
    ("number", "code"), [(UNKNOWN, "404"), (OUT_OF_SERVICE, "503")]
)
def test_a_call_that_fails(world: World, number: str, code: str) -> None:
    statuses, last = world.over(world.call(number))

    assert statuses == ["initiated", "failed"]
    assert last["SipResponseCode"] == code


def test_a_callee_who_declines(world: World) -> None:
    statuses, last = world.over(world.call(DECLINES))

    assert statuses == ["initiated", "ringing", "busy"]
    assert last["SipResponseCode"] == "603"


def test_a_number_that_would_change_the_dial_string_is_not_dialled(
    world: World,
) -> None:
    assert world.over(world.call("+1555&PJSIP/2@trunk"))[0][-1] == "failed"


def dial(world: World, *numbers: str) -> str:
    attributes = (
        f'statusCallback="{world.receiver.url}/callback" '
        'statusCallbackEvent="initiated ringing answered completed"'
    )
    nouns = "".join(f"<Number {attributes}>{n}</Number>" for n in numbers)
    return f'<Response><Dial timeout="20">{nouns}</Dial></Response>'


def test_both_legs_of_a_dial(world: World) -> None:
    parent = world.call(ANSWERS, dial(world, HANGS_UP))
    statuses, _ = world.over(parent)
    [child] = world.children(parent)
    child_statuses, last = world.over(child.sid)

    assert statuses == child_statuses
    assert statuses == ["initiated", "ringing", "in-progress", "completed"]
    assert last["ParentCallSid"] == parent
    assert last["Direction"] == "outbound-dial"


def test_the_legs_of_a_dial_hear_one_another_until_one_hangs_up(world: World) -> None:
    parent = world.call(ANSWERS, dial(world, ANSWERS))
    world.wait(lambda: any(parent in ends for ends in world.asterisk.bridged()))
    [child] = world.children(parent)

    world.wait(lambda: {parent, child.sid} in world.asterisk.bridged())
    world.update(parent, "completed")
    assert world.over(child.sid)[0][-1] == "completed"
    assert world.over(parent)[0][-1] == "completed"
    world.wait(lambda: world.asterisk.bridged() == [])


def test_the_first_of_two_to_answer_wins_and_the_other_is_canceled(
    world: World,
) -> None:
    parent = world.call(ANSWERS, dial(world, SILENT, HANGS_UP))
    world.over(parent)
    ended = {leg.to: world.over(leg.sid)[0] for leg in world.children(parent)}

    assert ended == {
        SILENT: ["initiated", "ringing", "canceled"],
        HANGS_UP: ["initiated", "ringing", "in-progress", "completed"],
    }


def test_a_dial_whose_callee_is_busy(world: World) -> None:
    parent = world.call(ANSWERS, dial(world, BUSY))
    world.over(parent)
    [child] = world.children(parent)

    assert world.over(child.sid)[0] == ["initiated", "busy"]


@pytest.mark.parametrize(
    ("number", "scenario", "caller_statuses", "callee_statuses"),
    [
        (
            "15551111000",
            "caller",
            ["initiated", "in-progress", "completed"],
            ["initiated", "ringing", "in-progress", "completed"],
        ),
        ("15551110001", "caller", ["initiated", "busy"], ["initiated", "busy"]),
        (
            "15551110002",
            "caller-gives-up",
            ["initiated", "canceled"],
            ["initiated", "ringing", "canceled"],
        ),
        ("15551110006", "caller", ["initiated", "failed"], ["initiated", "failed"]),
    ],
)
def test_a_call_of_the_dialplan_is_followed_with_the_leg_that_it_dials(
    world: World,
    number: str,
    scenario: str,
    caller_statuses: list[str],
    callee_statuses: list[str],
) -> None:
    call_in(world.asterisk, number, scenario)
    caller, callee = world.legs({"To": number, "From": "+15550001111"})

    assert world.over(caller)[0] == caller_statuses
    statuses, last = world.over(callee)
    assert statuses == callee_statuses
    assert last["ParentCallSid"] == caller


def test_calls_that_live_when_the_server_is_killed_are_followed_after_its_start(
    world: World,
) -> None:
    goes_on, ends = world.call(ANSWERS), world.call(ANSWERS)
    for sid in (goes_on, ends):
        world.until(sid, "in-progress")
    world.kill_server(lambda: world.asterisk.hang_up(ends))

    assert world.over(ends)[0][-1] == "completed"
    world.update(goes_on, "completed")
    assert world.over(goes_on)[0][-1] == "completed"


def test_calls_of_the_dialplan_go_on_where_the_server_is_away(world: World) -> None:
    world.kill_server(lambda: call_in(world.asterisk, "15551111000"))

    # And are followed again, now that it is there.
    call_in(world.asterisk, "15551112000")
    assert world.over(world.legs({"To": "15551112000"})[0])[0][-1] == "completed"


def test_calls_that_live_when_asterisk_dies_are_closed(world: World) -> None:
    answered, ringing = world.call(ANSWERS), world.call(SILENT, timeout=60)
    world.until(answered, "in-progress")
    world.until(ringing, "ringing")
    world.asterisk.kill()
    world.asterisk.start()

    assert world.over(answered)[0][-1] == "completed"
    assert world.over(ringing)[0][-1] == "failed"
    assert world.over(world.call(BUSY))[0] == ["initiated", "busy"]
