"""FreeSWITCH: events of its event socket become reports (spec call-progress 12.5). Pure.

Recorded only: this reads event text as FreeSWITCH documents it, and has not met a real
one yet. Nothing connects to an event socket.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote

from trunkline.capture.calls.progress import EndedBy, Report, Reported
from trunkline.events.ids import canonical, is_sid


MAX_EVENT = 262_144
MAX_HEADERS = 2000

# Set on a channel by whoever makes the call, so that the call is found again.
CALL_SID = "variable_trunkline_call_sid"

BY_EVENT = {
    "CHANNEL_CREATE": Reported.INITIATED,
    "CHANNEL_OUTGOING": Reported.INITIATED,
    "CHANNEL_ORIGINATE": Reported.INITIATED,
    "CHANNEL_PROGRESS": Reported.RINGING,
    "CHANNEL_PROGRESS_MEDIA": Reported.RINGING,
    "CHANNEL_ANSWER": Reported.ANSWERED,
    "CHANNEL_HANGUP_COMPLETE": Reported.ENDED,
}

# The final SIP code: of a call that had begun, and of an INVITE that failed.
_SIP_CODES = ("variable_sip_term_status", "variable_sip_invite_failure_status")

_SIP_CODE = re.compile(r"[1-6][0-9]{2}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)

# Dispositions are `recv_bye`, `send_cancel` and the like: who sent the last word.
_FROM_THE_FAR_END = "recv_"


class NotAnEvent(ValueError):
    """A text that is no event of the event socket."""


class Event(NamedTuple):
    """An event: its name, and its headers."""

    name: str
    headers: dict[str, str]


def parse(text: str) -> Event:
    """Return the event of a text in the `plain` format. Raises NotAnEvent.

    A body after the headers is passed over.
    """
    if len(text) > MAX_EVENT:
        raise NotAnEvent(f"longer than {MAX_EVENT} characters")
    head = text.replace("\r\n", "\n").lstrip("\n").partition("\n\n")[0]
    lines = head.splitlines()
    if len(lines) > MAX_HEADERS:
        raise NotAnEvent(f"over {MAX_HEADERS} headers")
    headers = {}
    for line in lines:
        name, separator, value = line.partition(":")
        if not separator:
            raise NotAnEvent(f"a line without a colon: {line[:40]!r}")
        headers[name] = unquote(value.strip())
    event_name = headers.get("Event-Name")
    if not event_name:
        raise NotAnEvent("no Event-Name")
    return Event(event_name, headers)


def report_of(event: Event) -> Report | None:
    """Return what an event reports; None where it tells nothing of a call's progress.

    The leg is the call SID that its channel carries, else the channel's own id.
    """
    state = BY_EVENT.get(event.name)
    leg = _leg(event.headers)
    if state is None or leg is None:
        return None
    at_us = _number(event.headers, "Event-Date-Timestamp")
    at_ms = None if at_us is None else at_us // 1000
    sip_call_id = event.headers.get("variable_sip_call_id") or None
    if state is not Reported.ENDED:
        return Report(leg=leg, state=state, at_ms=at_ms, sip_call_id=sip_call_id)
    return Report(
        leg=leg,
        state=state,
        at_ms=at_ms,
        sip_code=_sip_code(event.headers),
        sip_call_id=sip_call_id,
        q850=_number(event.headers, "variable_hangup_cause_q850"),
        cause=event.headers.get("Hangup-Cause") or None,
        ended_by=_ended_by(event.headers),
    )


def _leg(headers: dict[str, str]) -> str | None:
    call_sid = headers.get(CALL_SID, "")
    if is_sid(call_sid, "CA"):
        return canonical(call_sid)
    return headers.get("Unique-ID") or None


def _sip_code(headers: dict[str, str]) -> int | None:
    for name in _SIP_CODES:
        if _SIP_CODE.fullmatch(headers.get(name, "")):
            return int(headers[name])
    return None


def _ended_by(headers: dict[str, str]) -> EndedBy:
    disposition = headers.get("variable_sip_hangup_disposition", "")
    if not disposition.startswith(_FROM_THE_FAR_END):
        return EndedBy.ENGINE
    inbound = headers.get("Call-Direction") == "inbound"
    return EndedBy.CALLER if inbound else EndedBy.CALLEE


def _number(headers: dict[str, str], name: str) -> int | None:
    value = headers.get(name, "")
    return int(value) if _NUMBER.fullmatch(value) else None
