"""The Asterisk engine against a fake Asterisk: what it asks, and what it reports."""

import asyncio

import pytest
from tests.app.calls.engines.conftest import Rig
from tests.app.calls.engines.fake_ari import PASSWORD, channel

from trunkline.capture.calls.call import Direction
from trunkline.capture.calls.engines.asterisk.events import Channel, call_sid_of
from trunkline.capture.calls.progress import State


def sid_of(channel_id: str) -> str:
    shown = channel(channel_id)
    return call_sid_of(Channel(id=channel_id, creationtime=shown["creationtime"]))


async def test_a_call_is_dialled_under_its_own_sid(rig: Rig) -> None:
    call = await rig.dialled(timeout=30)

    asked = await rig.asked("POST /channels")
    assert asked.query == {
        "endpoint": "PJSIP/+14155550142@trunk",
        "app": "trunkline",
        "channelId": call.sid,
        "callerId": "+12025550123",
        "timeout": "40",
    }
    assert [report.state for report in rig.reports.all] == ["initiated"]


async def test_what_asterisk_says_is_reported(rig: Rig) -> None:
    call = await rig.dialled()
    await rig.ari.say("Dial", dialstatus="RINGING", peer=channel(call.sid, "Ringing"))
    await rig.ari.say("ChannelStateChange", channel=channel(call.sid, "Up"))
    await rig.ari.say(
        "ChannelDestroyed",
        channel=channel(call.sid, "Up"),
        cause=16,
        cause_txt="Normal",
    )

    ended = await rig.told(call.sid, "ended")
    assert [report.state for report in rig.reports.all] == [
        "initiated",
        "ringing",
        "answered",
        "ended",
    ]
    assert (ended.q850, ended.cause, ended.sip_call_id) == (
        16,
        "Normal",
        f"sip-{call.sid}",
    )


async def test_a_number_that_no_dial_string_takes_fails_by_itself(rig: Rig) -> None:
    call = rig.call(to="sip:bob@example.com")
    await rig.engine.place(call)

    ended = await rig.told(call.sid, "ended")
    assert "number" in (ended.cause or "")
    assert not [asked for asked in rig.ari.asked.all if asked.method == "POST"]


async def test_a_call_that_asterisk_refuses_has_failed(rig: Rig) -> None:
    rig.ari.answers["POST /channels"] = 500
    call = await rig.dialled()

    ended = await rig.told(call.sid, "ended")
    assert (ended.sip_code, ended.q850) == (None, None)
    assert "500" in (ended.cause or "")


async def test_a_call_that_is_ended_is_hung_up(rig: Rig) -> None:
    call = await rig.dialled()
    await rig.ari.say("ChannelStateChange", channel=channel(call.sid, "Ringing"))
    await rig.told(call.sid, "ringing")
    await rig.engine.hang_up(call)

    await rig.asked(f"DELETE /channels/{call.sid}")


async def test_a_call_that_is_ended_while_asterisk_is_asked_for_it_is_hung_up(
    rig: Rig,
) -> None:
    asked = rig.ari.held["POST /channels"] = asyncio.Event()
    call = await rig.dialled()
    await rig.engine.hang_up(call)
    asked.set()

    await rig.asked(f"DELETE /channels/{call.sid}")
    assert rig.ari.channels == {}


async def test_a_call_that_is_ended_before_it_was_dialled_is_not_dialled(
    rig: Rig,
) -> None:
    rig.ari.answers["GET /events"] = 503
    await rig.ari.drop()
    await rig.turn_until(1.0, "GET /events", 2)
    unwanted, wanted = rig.call(1, timeout=600), rig.call(2, timeout=600)
    await rig.engine.place(unwanted)
    await rig.engine.hang_up(unwanted)
    await rig.engine.place(wanted)
    del rig.ari.answers["GET /events"]
    await rig.turn_until(1.0, "POST /channels", 1)

    dialled = [a.query for a in rig.ari.asked.all if a.path == "/channels" and a.query]
    assert [query["channelId"] for query in dialled] == [wanted.sid]


async def test_who_answers_a_call_that_is_no_more_is_hung_up(rig: Rig) -> None:
    orphan = rig.call(99).sid
    await rig.ari.say("StasisStart", channel=channel(orphan, "Up"))

    await rig.asked(f"DELETE /channels/{orphan}")
    assert rig.reports.all == []


async def test_the_legs_of_a_dial_are_joined_until_the_first_is_over(rig: Rig) -> None:
    parent = await rig.dialled(number=1)
    await rig.ari.say("StasisStart", channel=channel(parent.sid, "Up"))
    child = await rig.dialled(
        number=2, parent_call_sid=parent.sid, direction=Direction.OUTBOUND_DIAL
    )
    await rig.ari.say("StasisStart", channel=channel(child.sid, "Up"))

    joined = await rig.asked(f"POST /bridges/{parent.sid}/addChannel")
    assert joined.query == {"channel": f"{parent.sid},{child.sid}"}

    await rig.ari.say("ChannelDestroyed", channel=channel(parent.sid), cause=16)
    await rig.asked(f"DELETE /bridges/{parent.sid}")


async def test_a_call_of_the_dialplan_becomes_ours_and_goes_on(rig: Rig) -> None:
    caller = channel("1789378200.1", "Ring")
    args = ["StatusCallback=http://127.0.0.1/", "StatusCallbackEvent=answered"]
    await rig.ari.say("StasisStart", channel=caller, args=args)

    await rig.asked("POST /channels/1789378200.1/continue")
    [call] = rig.adopted.all
    assert call.sid == sid_of("1789378200.1")
    assert (call.direction, call.to, call.from_) == ("inbound", "1001", "+15550001111")
    assert call.callback is not None
    subscribed = await rig.asked("POST /applications/trunkline/subscription")
    assert subscribed.query == {"eventSource": "channel:1789378200.1"}
    asked = [asked.path for asked in rig.ari.asked.all if asked.method == "POST"]
    assert asked == [
        "/applications/trunkline/subscription",
        "/channels/1789378200.1/continue",
    ]


async def test_what_the_dialplan_dials_becomes_its_child(rig: Rig) -> None:
    caller, callee = channel("1789378200.1", "Ring"), channel("1789378200.2")
    await rig.ari.say("StasisStart", channel=caller)
    await rig.ari.say("Dial", dialstatus="", caller=caller, peer=callee)

    await rig.asked(
        "POST /applications/trunkline/subscription", eventSource="channel:1789378200.2"
    )
    parent, child = rig.adopted.all
    assert child.parent_call_sid == parent.sid
    assert child.sid == sid_of("1789378200.2")
    await rig.told(child.sid, "initiated")


async def test_a_child_that_ended_before_we_could_ask_ends_with_its_dial(
    rig: Rig,
) -> None:
    caller, callee = channel("1789378200.1", "Ring"), channel("1789378200.2")
    await rig.ari.say("StasisStart", channel=caller)
    await rig.asked("POST /channels/1789378200.1/continue")
    rig.ari.answers["POST /applications/trunkline/subscription"] = 422
    await rig.ari.say("Dial", dialstatus="", caller=caller, peer=callee)
    await rig.asked("POST /applications/trunkline/subscription", 2)
    await rig.ari.say("Dial", dialstatus="BUSY", caller=caller, peer=callee)

    ended = await rig.told(sid_of("1789378200.2"), "ended")
    assert ended.cause == "BUSY"


async def test_calls_that_are_not_ours_are_left_alone(rig: Rig) -> None:
    caller, callee = channel("1.1", "Ring"), channel("1.2")
    await rig.ari.say("ChannelCreated", channel=caller)
    await rig.ari.say("Dial", dialstatus="", caller=caller, peer=callee)
    await rig.ari.say_text("not JSON")
    await rig.ari.say("SomethingNew", channel=7)
    call = await rig.dialled()
    await rig.ari.say("ChannelStateChange", channel=channel(call.sid, "Up"))

    await rig.told(call.sid, "answered")
    assert rig.adopted.all == []
    assert {report.leg for report in rig.reports.all} == {call.sid}


async def test_a_report_that_the_disk_did_not_keep_is_made_again(rig: Rig) -> None:
    call = await rig.dialled()
    rig.disk_full = True
    await rig.ari.say("ChannelStateChange", channel=channel(call.sid, "Up"))
    await rig.turn_until(1.0, "GET /channels", 4)

    await rig.told(call.sid, "answered")


async def test_it_connects_again_with_growing_pauses(rig: Rig) -> None:
    rig.ari.answers["GET /events"] = 503
    started = rig.clock.now_ms()
    await rig.ari.drop()

    for count, pause in enumerate((1, 2, 4, 8, 16, 30, 30), start=2):
        await rig.turn_until(0.5, "GET /events", count)
        waited = (rig.clock.now_ms() - started) / 1000
        assert waited >= pause
        started = rig.clock.now_ms()
    assert rig.reports.all == []


async def test_a_leg_that_ended_while_we_were_away_is_closed(rig: Rig) -> None:
    call = await rig.dialled()
    await rig.ari.drop()
    del rig.ari.channels[call.sid]
    await rig.turn_until(1.0, "GET /events", 2)
    await rig.turn_until(1.0, "GET /channels", 6)

    ended = await rig.told(call.sid, "ended")
    assert ended.cause == "no longer known to Asterisk"


async def test_a_leg_that_went_on_while_we_were_away_is_followed_again(
    rig: Rig,
) -> None:
    call = await rig.dialled()
    await rig.ari.drop()
    rig.ari.channels[call.sid]["state"] = "Up"
    await rig.turn_until(1.0, "GET /events", 2)

    await rig.told(call.sid, "answered")
    subscribed = await rig.asked("POST /applications/trunkline/subscription")
    assert subscribed.query == {"eventSource": f"channel:{call.sid}"}


async def test_after_a_restart_live_calls_are_followed_and_not_dialled(
    rig: Rig,
) -> None:
    there = rig.call(1, state=State.RINGING)
    gone = rig.call(2, state=State.IN_PROGRESS)
    rig.ari.channels[there.sid] = channel(there.sid, "Up")
    await rig.engine.place(there)
    await rig.engine.place(gone)
    await rig.turn_until(1.0, "GET /channels", 4)

    await rig.told(there.sid, "answered")
    await rig.told(gone.sid, "ended")
    assert not [asked for asked in rig.ari.asked.all if asked.method == "POST"]


async def test_a_call_that_was_being_adopted_at_a_crash_is_not_dialled(
    rig: Rig,
) -> None:
    caller = rig.call(1, direction=Direction.INBOUND)
    callee = rig.call(2, direction=Direction.OUTBOUND_DIAL, sip_call_id="a@b")
    for call in (caller, callee):
        rig.ari.channels[call.sid] = channel(call.sid, "Up")
        await rig.engine.place(call)
    await rig.turn_until(1.0, "GET /channels", 3)

    for call in (caller, callee):
        await rig.told(call.sid, "answered")
    assert not [asked for asked in rig.ari.asked.all if asked.method == "POST"]


async def test_an_application_that_asterisk_forgot_is_registered_again(
    rig: Rig,
) -> None:
    rig.ari.registered = False
    await rig.turn_until(1.0, "GET /applications/trunkline", 2)
    rig.ari.registered = True

    await rig.turn_until(1.0, "GET /events", 2)


async def test_calls_wait_for_asterisk_but_not_for_ever(rig: Rig) -> None:
    rig.ari.answers["GET /events"] = 503
    await rig.ari.drop()
    await rig.turn_until(1.0, "GET /events", 2)
    patient, hasty = rig.call(1, timeout=600), rig.call(2, timeout=1)
    await rig.engine.place(patient)
    await rig.engine.place(hasty)
    await rig.turn_until(1.0, "GET /events", 3)

    ended = await rig.told(hasty.sid, "ended")
    assert ended.cause == "Asterisk is away"
    del rig.ari.answers["GET /events"]
    await rig.turn_until(1.0, "POST /channels", 1)
    await rig.asked("POST /channels", channelId=patient.sid)


async def test_a_call_that_is_ended_while_asterisk_is_away_is_hung_up_later(
    rig: Rig,
) -> None:
    call = await rig.dialled()
    await rig.ari.say("ChannelStateChange", channel=channel(call.sid, "Up"))
    await rig.told(call.sid, "answered")
    rig.ari.answers["GET /events"] = 503
    await rig.ari.drop()
    await rig.turn_until(1.0, "GET /events", 2)
    await rig.engine.hang_up(call)
    del rig.ari.answers["GET /events"]

    await rig.turn_until(1.0, f"DELETE /channels/{call.sid}", 1)


async def test_the_password_is_never_told(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.ari.answers["GET /events"] = 401
    await rig.ari.drop()
    await rig.turn_until(1.0, "GET /events", 3)

    said = capsys.readouterr()
    assert "asterisk.lost" in said.out + said.err
    assert PASSWORD not in said.out + said.err
