"""Recorded ARI traffic, as the engine works it off."""

from pathlib import Path

from trunkline.capture.calls.call import Call, Direction
from trunkline.capture.calls.engines.asterisk import dialplan, events
from trunkline.capture.calls.engines.asterisk.events import Event, call_sid_of
from trunkline.capture.calls.engines.asterisk.legs import Legs
from trunkline.capture.calls.progress import Report
from trunkline.events.times import parse_iso


DATA = Path(__file__).parents[4] / "data/asterisk-ari"
ACCOUNT_SID = "AC" + "0" * 31 + "1"


def recording(name: str) -> list[Event]:
    """The events of a recorded call that are in use, in their order."""
    lines = (DATA / f"{name}.jsonl").read_text("utf-8").splitlines()
    return [event for line in lines if (event := events.decode(line)) is not None]


def at_ms(event: Event) -> int:
    found = parse_iso(event.timestamp)
    assert found is not None
    return found


def outbound(event: Event) -> Call:
    """The API call whose channel an event is about."""
    return Call(
        sid=call_sid_of(event.about),
        account_sid=ACCOUNT_SID,
        to="+14155550142",
        from_="+12025550123",
        direction=Direction.OUTBOUND_API,
        created_ms=0,
        updated_ms=0,
    )


def inbound(event: Event) -> Call:
    """The call of a channel that has called Asterisk."""
    return dialplan.incoming(
        event, account_sid=ACCOUNT_SID, now_ms=at_ms(event), networks=()
    ).call


def reports_of_originated(name: str) -> list[Report]:
    """What is reported of a call that was made over ARI."""
    legs, heard = Legs(), recording(name)
    reports = [legs.dial(outbound(heard[0]))]
    for event in heard:
        reports += legs.hear(event, at_ms(event))
    return reports


def reports_of_followed(name: str) -> tuple[list[Report], list[Report]]:
    """What is reported of a caller's leg, and of the leg that the dialplan dials."""
    return reports_of(recording(name))


def reports_of(heard: list[Event]) -> tuple[list[Report], list[Report]]:
    """The same, of any events; the first must be about the caller's channel."""
    legs = Legs()
    caller = inbound(heard[0])
    legs.follow(caller)
    reports: list[Report] = []
    for event in heard:
        if event.type == "Dial" and legs.of(event.about) is None:
            legs.follow(dialplan.dialled(event, caller, at_ms(event)))
        reports += legs.hear(event, at_ms(event))
    mine = [report for report in reports if report.leg == caller.sid]
    return mine, [report for report in reports if report.leg != caller.sid]
