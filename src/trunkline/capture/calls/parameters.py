"""The parameters of a callback, in the order in which they are sent. Pure.

Spec call-progress 5.1 (what) and 5.2 (the order).
"""

from trunkline.capture.calls.call import Call, Direction, Owed, Place
from trunkline.capture.calls.progress import Progress
from trunkline.events.times import rfc2822


API_VERSION = "2010-04-01"
SOURCE = "call-progress-events"

Parameters = tuple[tuple[str, str], ...]

_ORDER = (
    "Called",
    "ToState",
    "CallerCountry",
    "Direction",
    "Timestamp",
    "CallbackSource",
    "SipResponseCode",
    "CallerState",
    "ToZip",
    "SequenceNumber",
    "CallSid",
    "To",
    "CallerZip",
    "ToCountry",
    "CalledZip",
    "ApiVersion",
    "CalledCity",
    "CallStatus",
    "Duration",
    "From",
    "CallDuration",
    "AccountSid",
    "CalledCountry",
    "CallerCity",
    "ToCity",
    "FromCountry",
    "Caller",
    "FromCity",
    "CalledState",
    "FromZip",
    "AnsweredBy",
    "FromState",
)


def parameters(call: Call, owed: Owed, *, extra: bool = False) -> Parameters:
    """Return the parameters of a callback that a call owes.

    `call` is the call as the progress event left it. With `extra`, `completed` also
    tells who ended it and the engine's word for why.
    """
    values = {
        **_of_every_request(call),
        "CallbackSource": SOURCE,
        "SequenceNumber": str(owed.sequence),
        "Timestamp": rfc2822(owed.fired_ms),
    }
    if owed.progress is Progress.COMPLETED:
        values |= _at_the_end(call)
    others = _of_the_leg(call)
    if owed.progress is Progress.COMPLETED:
        others |= _afterwards(call, extra=extra)
    return _in_order(values, others)


def of_document(call: Call) -> Parameters:
    """Return the parameters of a request for a call's TwiML."""
    return _in_order(_of_every_request(call), _of_the_leg(call))


def _of_every_request(call: Call) -> dict[str, str]:
    values = {
        "CallSid": call.sid,
        "AccountSid": call.account_sid,
        "ApiVersion": API_VERSION,
        "Direction": call.direction.value,
        "From": call.from_,
        "To": call.to,
        "Caller": call.from_,
        "Called": call.to,
        "CallStatus": call.state.value,
        **_place("From", call.from_place),
        **_place("Caller", call.from_place),
        **_place("To", call.to_place),
        **_place("Called", call.to_place),
    }
    if call.answered_by is not None:
        values["AnsweredBy"] = call.answered_by
    return values


def _in_order(values: dict[str, str], others: dict[str, str]) -> Parameters:
    ordered = {name: values[name] for name in _ORDER if name in values}
    # A detail never replaces a parameter of the table.
    return (*ordered.items(), *((n, v) for n, v in others.items() if n not in ordered))


def _place(party: str, place: Place) -> dict[str, str]:
    return {
        f"{party}City": place.city,
        f"{party}State": place.state,
        f"{party}Zip": place.zip,
        f"{party}Country": place.country,
    }


def _at_the_end(call: Call) -> dict[str, str]:
    seconds = call.talk_seconds
    minutes = -(-seconds // 60)
    values = {"CallDuration": str(seconds), "Duration": str(minutes)}
    if call.sip_code is not None:
        values["SipResponseCode"] = str(call.sip_code)
    return values


def _of_the_leg(call: Call) -> dict[str, str]:
    values = {}
    if call.parent_call_sid is not None:
        values["ParentCallSid"] = call.parent_call_sid
    if call.application_sid is not None:
        values["ApplicationSid"] = call.application_sid
    if call.direction is Direction.INBOUND and call.sip_call_id is not None:
        values["SipCallId"] = call.sip_call_id
    return values | call.details


def _afterwards(call: Call, *, extra: bool) -> dict[str, str]:
    values = {}
    if call.recording is not None:
        values["RecordingUrl"] = call.recording.url
        values["RecordingSid"] = call.recording.sid
        values["RecordingDuration"] = str(call.recording.duration)
    if extra and call.ended_by is not None:
        values["HangupSource"] = call.ended_by.value
    if extra and call.cause is not None:
        values["HangupCause"] = call.cause
    return values
