"""How a call gets through its instructions: from one state of its script to the next.

Rule 1: every change of a script is made in this file.
Rule 2: this file does not read a clock, a socket, or a database.

`pace_ms` is how long a step takes that nobody hears: a verb that only makes a sound,
and the end of the last document (spec call-progress 3).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, assert_never

from msgspec.structs import replace

from trunkline.capture.calls import targets
from trunkline.capture.calls.call import Call, Direction, Place
from trunkline.capture.calls.progress import EndedBy, Report, Reported
from trunkline.capture.calls.script import Dialling, Script, Source
from trunkline.capture.calls.verbs import (
    Dial,
    Hangup,
    Kind,
    Noun,
    Pause,
    Perform,
    Redirect,
    Reject,
    Verb,
)


# Documents of one call: more is a loop that would go on for hours.
MAX_DOCUMENTS = 250

_BUSY_HERE = 486
_DECLINED = 603
_OK = 200


class Move(NamedTuple):
    """What to do next: another script and new legs, or the end of the call.

    `unwanted` are SIDs of legs that are to be ended.
    """

    script: Script | None = None
    legs: tuple[Call, ...] = ()
    end: Report | None = None
    unwanted: tuple[str, ...] = ()


def from_url(url: str, method: str, before: Script | None = None) -> Script:
    """Return the script of a call that is told to fetch a document."""
    return _changed(before or Script(), source=Source(url=url, method=method))


def from_verbs(
    verbs: Sequence[Verb], at_ms: int, pace_ms: int, before: Script | None = None
) -> Script:
    """Return the script of a call that is told to do `verbs`."""
    return _resting(before or Script(), tuple(verbs), at_ms, pace_ms)


def fetched(
    call: Call, verbs: Sequence[Verb] | None, error: int, now_ms: int, pace_ms: int
) -> Script:
    """Return the script of a call whose document has come; None is one that has not.

    Then the fallback document is next, if there is one and it is not that which
    failed: `error`, the code for why, goes with the request.
    """
    script = call.script
    assert script is not None
    source = script.source
    assert source is not None
    script = replace(script, fetched=script.fetched + 1)
    if verbs is not None:
        return _resting(script, tuple(verbs), now_ms, pace_ms)
    if call.fallback_url is None or source.fallback:
        return _resting(script, (), now_ms, pace_ms)
    told = (("ErrorCode", str(error)), ("ErrorUrl", targets.shown(source.url)))
    fallback = Source(
        url=call.fallback_url,
        method=call.fallback_method,
        extra=(*source.extra, *told),
        fallback=True,
    )
    return _changed(script, source=fallback)


def carried_out(call: Call, pace_ms: int, new_sid: Callable[[], str]) -> Move:
    """Return what the verb does that is due. `new_sid` makes the SID of a leg."""
    script = call.script
    assert script is not None
    assert script.due_ms is not None
    at_ms = script.due_ms
    if not script.verbs:
        return Move(end=_end(call, at_ms))
    verb, *others = script.verbs
    rest = tuple(others)
    match verb:
        case Hangup():
            return Move(end=_end(call, at_ms))
        case Reject(busy=busy):
            return Move(end=_rejected(call, at_ms, busy=busy))
        case Redirect(url=url, method=method):
            return Move(_next_document(script, Source(url=url, method=method), at_ms))
        case Dial():
            return _dialled(call, verb, rest, at_ms, new_sid)
        case Perform():
            at_ms += pace_ms
        case Pause(length=length):
            at_ms += length * 1000
        case _:
            assert_never(verb)
    return Move(_changed(script, verbs=rest, due_ms=at_ms))


def looked_after(
    call: Call,
    legs: Sequence[Call],
    now_ms: int,
    pace_ms: int,
    new_sid: Callable[[], str],
) -> Move | None:
    """Return what the state of a `<Dial>`'s legs asks for; None: to wait.

    `legs` are all that it has, as they are now.
    """
    script = call.script
    if call.over:
        return Move(unwanted=_alive(legs))
    if script is None or script.dialling is None:
        return None
    dialling = script.dialling
    winner = next((leg for leg in legs if leg.sid == dialling.winner), None)
    if winner is None:
        winner = _first_answered(legs)
    if winner is not None:
        return _won(call, legs, winner, now_ms, pace_ms)
    if _alive(legs):
        return None
    if dialling.dial.sequential and len(legs) < len(dialling.dial.nouns):
        noun = dialling.dial.nouns[len(legs)]
        leg = _leg(call, dialling.dial, noun, now_ms, new_sid())
        more = replace(dialling, legs=(*dialling.legs, leg.sid))
        after = _changed(script, verbs=script.verbs, dialling=more)
        return Move(after, legs=(leg,))
    last = max(legs, key=lambda leg: leg.event_ms, default=None)
    return Move(_dial_over(call, last, now_ms, pace_ms))


def _won(
    call: Call,
    legs: Sequence[Call],
    winner: Call,
    now_ms: int,
    pace_ms: int,
) -> Move | None:
    """Return what there is to do with the losing legs, and after the winner's end."""
    script = call.script
    assert script is not None
    assert script.dialling is not None
    losers = _alive([leg for leg in legs if leg.sid != winner.sid])
    if winner.over:
        return Move(_dial_over(call, winner, now_ms, pace_ms), unwanted=losers)
    if script.dialling.winner is None:
        chosen = replace(script.dialling, winner=winner.sid)
        after = _changed(script, verbs=script.verbs, dialling=chosen)
        return Move(after, unwanted=losers)
    return Move(unwanted=losers) if losers else None


def _changed(
    script: Script,
    *,
    verbs: tuple[Verb, ...] = (),
    source: Source | None = None,
    dialling: Dialling | None = None,
    due_ms: int | None = None,
) -> Script:
    """Return the next step of a script."""
    return Script(
        step=script.step + 1,
        fetched=script.fetched,
        verbs=verbs,
        source=source,
        dialling=dialling,
        due_ms=due_ms,
    )


def _resting(
    script: Script, verbs: tuple[Verb, ...], at_ms: int, pace_ms: int
) -> Script:
    # With nothing left to do, the call lasts a moment longer.
    due_ms = at_ms if verbs else at_ms + pace_ms
    return _changed(script, verbs=verbs, due_ms=due_ms)


def _next_document(script: Script, source: Source, at_ms: int) -> Script:
    if script.fetched >= MAX_DOCUMENTS:
        return _changed(script, due_ms=at_ms)
    return _changed(script, source=source)


def _end(call: Call, at_ms: int) -> Report:
    return Report(leg=call.sid, state=Reported.ENDED, at_ms=at_ms, ended_by=EndedBy.API)


def _rejected(call: Call, at_ms: int, *, busy: bool) -> Report:
    code = _BUSY_HERE if busy else _DECLINED
    return Report(leg=call.sid, state=Reported.ENDED, at_ms=at_ms, sip_code=code)


def _dialled(
    call: Call,
    dial: Dial,
    rest: tuple[Verb, ...],
    at_ms: int,
    new_sid: Callable[[], str],
) -> Move:
    assert call.script is not None
    now = dial.nouns[:1] if dial.sequential else dial.nouns
    legs = tuple(_leg(call, dial, noun, at_ms, new_sid()) for noun in now)
    dialling = Dialling(dial=dial, legs=tuple(leg.sid for leg in legs))
    return Move(_changed(call.script, verbs=rest, dialling=dialling), legs=legs)


def _leg(call: Call, dial: Dial, noun: Noun, at_ms: int, sid: str) -> Call:
    return Call(
        sid=sid,
        account_sid=call.account_sid,
        to=noun.to,
        from_=dial.caller_id or call.from_,
        direction=Direction.OUTBOUND_DIAL,
        created_ms=at_ms,
        updated_ms=at_ms,
        parent_call_sid=call.sid,
        timeout=dial.timeout,
        time_limit=dial.time_limit,
        callback=noun.callback,
        from_place=call.from_place if dial.caller_id is None else Place(),
    )


def _alive(legs: Sequence[Call]) -> tuple[str, ...]:
    return tuple(leg.sid for leg in legs if not leg.over)


def _first_answered(legs: Sequence[Call]) -> Call | None:
    answered = [leg for leg in legs if leg.answered_ms is not None]
    return min(answered, key=lambda leg: leg.answered_ms or 0, default=None)


def _dial_over(call: Call, leg: Call | None, now_ms: int, pace_ms: int) -> Script:
    script = call.script
    assert script is not None
    assert script.dialling is not None
    dial = script.dialling.dial
    if dial.action is None:
        return _resting(script, script.verbs, now_ms, pace_ms)
    source = Source(
        url=dial.action, method=dial.method, extra=_dial_parameters(dial, leg)
    )
    return _next_document(script, source, now_ms)


def _dial_parameters(dial: Dial, leg: Call | None) -> tuple[tuple[str, str], ...]:
    """Return what the request to `action` adds; `leg` is the one that counts."""
    if leg is None:
        return (("DialCallStatus", "failed"), ("DialBridged", "false"))
    answered = leg.answered_ms is not None
    values = {
        "DialCallStatus": leg.state.value,
        "DialCallSid": leg.sid,
        "DialCallDuration": str(leg.talk_seconds),
        "DialBridged": "true" if answered else "false",
    }
    if leg.recording is not None:
        values["RecordingUrl"] = leg.recording.url
    if any(n.kind is Kind.SIP and n.to == leg.to for n in dial.nouns):
        code = _OK if answered else leg.sip_code
        if leg.sip_call_id is not None:
            values["DialSipCallId"] = leg.sip_call_id
        if code is not None:
            values["DialSipResponseCode"] = str(code)
    return tuple(values.items())
