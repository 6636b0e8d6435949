"""The legs that are followed: from what happens to channels to reports. Pure.

A leg that the dialplan dials ends twice: `Dial` gives the outcome in Asterisk's word,
`ChannelDestroyed` the codes, in either order. Only both tell a caller who gave up from
a refusal, so the report waits for the second.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from trunkline.capture.calls.call import Call, Direction
from trunkline.capture.calls.engines.asterisk.events import (
    BY_CHANNEL_STATE,
    Channel,
    Event,
    call_sid_of,
    state_of,
)
from trunkline.capture.calls.progress import EndedBy, Report, Reported
from trunkline.events.times import parse_iso


# An event that waited longer than this, or comes from the future, happened now: then
# Asterisk's clock and ours differ, and ring limits run on ours. Milliseconds.
_BELIEVED_MS = 5000

# What `Dial` says before it is over.
_UNDER_WAY = frozenset({"", "PROCEEDING", "PROGRESS", "RINGING"})

# A leg must be missing from so many looks in a row to be gone: the first may have been
# taken while the news of its end were still under way.
_LOOKS = 2

_RANK = {state: rank for rank, state in enumerate(Reported, start=1)}


@dataclass(slots=True, kw_only=True)
class Leg:
    """A channel that is followed.

    `channel_id` is unknown where nothing has been heard of it since the server's
    start. `settled`: Asterisk has been asked for it, so that a look that misses it
    counts. `unwanted`: its call has ended before that. `reached`: the rank of the state
    that was last reported. `in_dial`: the dialplan dials
    it, and `outcome` is Asterisk's word for what came of it. `over`: the channel is
    gone, `destroyed` says how, if it was heard.
    """

    call: Call
    channel_id: str | None = None
    settled: bool = True
    unwanted: bool = False
    reached: int = 0
    hung_up_by: EndedBy | None = None
    in_dial: bool = False
    outcome: str | None = None
    over: bool = False
    destroyed: Event | None = None
    missed: int = 0


class Legs:
    """All legs that are followed, by call SID."""

    def __init__(self) -> None:
        self._legs: dict[str, Leg] = {}

    def get(self, call_sid: str | None) -> Leg | None:
        """Return the leg of a call."""
        return None if call_sid is None else self._legs.get(call_sid)

    def of(self, channel: Channel) -> Leg | None:
        """Return the leg that a channel is."""
        return self._legs.get(call_sid_of(channel))

    def follow(self, call: Call, channel_id: str | None = None) -> Leg:
        """Follow the channel of a call from now on."""
        leg = Leg(call=call, channel_id=channel_id)
        self._legs[call.sid] = leg
        return leg

    def dial(self, call: Call) -> Report:
        """Follow a call that Asterisk is about to be asked for; return its first report.

        Asterisk's own word for it may come after that of its ringing.
        """
        leg = self.follow(call)
        leg.settled = False
        leg.reached = _RANK[Reported.INITIATED]
        return Report(leg=call.sid, state=Reported.INITIATED)

    def forget(self, call_sid: str) -> None:
        """Follow a call no longer."""
        self._legs.pop(call_sid, None)

    def hear(self, event: Event, now_ms: int) -> list[Report]:
        """Return what is to be reported of an event."""
        channel = event.about
        leg = self.of(channel)
        if leg is None:
            return []
        leg.channel_id = channel.id
        leg.missed = 0
        match event.type:
            case "ChannelDestroyed":
                leg.over, leg.destroyed = True, event
            case "ChannelHangupRequest" if not event.soft and leg.hung_up_by is None:
                leg.hung_up_by = _far_end(leg)
            case "Dial" if event.caller is not None:
                leg.in_dial = True
                if event.dialstatus not in _UNDER_WAY:
                    leg.outcome = event.dialstatus
        if leg.over:
            return self._end(leg, now_ms)
        return _progress(leg, state_of(event), channel, _at(event, now_ms))

    def vanished(self, channel: Channel, now_ms: int) -> list[Report]:
        """Return what is to be reported of a channel that Asterisk no longer has."""
        leg = self.of(channel)
        if leg is None:
            return []
        leg.over = True
        return self._end(leg, now_ms)

    def look(self, channels: Iterable[Channel], now_ms: int) -> list[Report]:
        """Compare with the channels that Asterisk has; report what is news.

        A leg that two looks in a row have missed is over: `completed` if it was
        answered, else what Asterisk has said of it, else `failed`.
        """
        found = {call_sid_of(channel): channel for channel in channels}
        reports: list[Report] = []
        for leg in list(self._legs.values()):
            channel = found.get(leg.call.sid)
            if channel is not None:
                leg.channel_id = channel.id
                leg.missed = 0
                state = BY_CHANNEL_STATE.get(channel.state)
                reports += _progress(leg, state, channel, None)
            elif leg.settled:
                leg.missed += 1
                if leg.missed >= _LOOKS:
                    leg.in_dial = False
                    reports += self._end(leg, now_ms)
        return reports

    def _end(self, leg: Leg, now_ms: int) -> list[Report]:
        if leg.in_dial and leg.outcome is None:
            return []
        self.forget(leg.call.sid)
        event = leg.destroyed
        if event is None:
            return [gone(leg.call.sid, leg.outcome or "no longer known to Asterisk")]
        gave_up = leg.outcome == "CANCEL"
        word = leg.outcome if leg.outcome != "ANSWER" else None
        return [
            Report(
                leg=leg.call.sid,
                state=Reported.ENDED,
                at_ms=_at(event, now_ms),
                sip_code=event.tech_cause,
                sip_call_id=event.about.protocol_id or None,
                q850=event.cause,
                cause=word or event.cause_txt or None,
                ended_by=leg.hung_up_by
                or (EndedBy.CALLER if gave_up else EndedBy.ENGINE),
            )
        ]


def gone(call_sid: str, cause: str) -> Report:
    """Return the report of a call that ended without our knowing how."""
    return Report(
        leg=call_sid, state=Reported.ENDED, ended_by=EndedBy.ENGINE, cause=cause
    )


def _far_end(leg: Leg) -> EndedBy:
    inbound = leg.call.direction is Direction.INBOUND
    return EndedBy.CALLER if inbound else EndedBy.CALLEE


def _progress(
    leg: Leg, state: Reported | None, channel: Channel, at_ms: int | None
) -> list[Report]:
    """Report a state once: Asterisk tells most of them twice, and looks again and again."""
    if state is None or _RANK[state] <= leg.reached:
        return []
    leg.reached = _RANK[state]
    return [
        Report(
            leg=leg.call.sid,
            state=state,
            at_ms=at_ms,
            sip_call_id=channel.protocol_id or None,
        )
    ]


def _at(event: Event, now_ms: int) -> int | None:
    at_ms = parse_iso(event.timestamp)
    if at_ms is None or not now_ms - _BELIEVED_MS <= at_ms <= now_ms:
        return None
    return at_ms
