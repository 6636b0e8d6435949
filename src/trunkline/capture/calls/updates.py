"""What an update of a call over REST asks for, checked, and what it does. Pure.

Spec call-progress 2 (callback), 9 (the rest).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from trunkline.capture.calls import creation
from trunkline.capture.calls.call import Call, with_callback
from trunkline.capture.calls.creation import Fields
from trunkline.capture.calls.progress import State
from trunkline.errors import Refused
from trunkline.settings import Network


_BEFORE_ANSWER = frozenset({State.QUEUED, State.INITIATED, State.RINGING})

# Status: the states in which it may be asked for.
_LEAVABLE = {
    "canceled": _BEFORE_ANSWER,
    "completed": _BEFORE_ANSWER | {State.IN_PROGRESS},
}

_WRONG_STATE = "Call is not in a state in which this can be done"
_MADE_ELSEWHERE = "Call was made elsewhere: only who made it can change it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """An update. What is None stays as it is."""

    status: str | None
    url: str | None
    method: str
    twiml: str | None
    fallback_url: str | None
    fallback_method: str
    callback_url: str | None
    callback_method: str | None

    @property
    def instructs(self) -> bool:
        """Whether it gives the call new instructions."""
        return self.url is not None or self.twiml is not None


def update_of(fields: Fields, networks: Sequence[Network]) -> Update:
    """Return the update that a request asks for. Raises Refused.

    `networks` are those, beyond public ones, in which callbacks may go.
    """
    status = creation.given(fields, "Status")
    if status is not None and status not in _LEAVABLE:
        raise Refused(21200, 400, "Status must be canceled or completed")
    url = creation.instruction_url(fields, "Url")
    twiml = creation.inline_twiml(fields)
    given = [
        name
        for name, value in (("Status", status), ("Url", url), ("Twiml", twiml))
        if value is not None
    ]
    if len(given) > 1:
        message = f"Only one of Status, Url and Twiml: given were {', '.join(given)}"
        raise Refused(21200, 400, message)
    callback_url = creation.given(fields, "StatusCallback")
    callback_method = None
    if creation.given(fields, "StatusCallbackMethod") is not None:
        callback_method = creation.method(fields, "StatusCallbackMethod")
    if callback_url is not None:
        creation.check_callback_url(callback_url, networks)
    return Update(
        status=status,
        url=url,
        method=creation.method(fields, "Method"),
        twiml=twiml,
        fallback_url=creation.instruction_url(fields, "FallbackUrl"),
        fallback_method=creation.method(fields, "FallbackMethod"),
        callback_url=callback_url,
        callback_method=callback_method,
    )


def applied(call: Call, update: Update, now_ms: int) -> Call:
    """Return the call with its new callback and the new source of its instructions.

    Ending it, and beginning the instructions, is left to the caller. Raises Refused
    21220 where the call is not in a state for it.
    """
    changes = update.status or update.instructs
    if update.status is not None and call.state not in _LEAVABLE[update.status]:
        raise Refused(21220, 400, _WRONG_STATE)
    if update.instructs and call.state is not State.IN_PROGRESS:
        raise Refused(21220, 400, _WRONG_STATE)
    if call.over and (update.callback_url or update.callback_method):
        raise Refused(21220, 400, _WRONG_STATE)
    if changes and call.elsewhere:
        raise Refused(21220, 400, _MADE_ELSEWHERE)
    call = with_callback(call, update.callback_url, update.callback_method, now_ms)
    if not update.instructs:
        return call
    return replace(
        call,
        url=update.url,
        method=update.method,
        twiml=update.twiml,
        fallback_url=update.fallback_url,
        fallback_method=update.fallback_method,
        updated_ms=max(now_ms, call.updated_ms),
    )
