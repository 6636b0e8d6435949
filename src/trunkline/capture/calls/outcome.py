"""How a call ended: the final word, and the SIP code that goes with it. Pure.

Spec call-progress 12.1 (the rules), 12.2 (SIP codes), 12.3 (Q.850 causes), 12.4 and
12.5 (the engines' own words).
"""

from collections.abc import Mapping
from types import MappingProxyType

from trunkline.capture.calls.progress import EndedBy, Report, State


_DECLINE_CODE = 603

# SIP codes whose word engines and users differ on: the callee is not there, somebody
# other than us ended it, the callee declined. The operator may choose others.
DISPUTED: Mapping[int, State] = MappingProxyType(
    {480: State.NO_ANSWER, 487: State.NO_ANSWER, _DECLINE_CODE: State.BUSY}
)

_SIP_SUCCESS = range(200, 300)

_BY_SIP_CODE = {
    486: State.BUSY,
    600: State.BUSY,
    408: State.NO_ANSWER,
}

_DECLINE_CAUSE = 21

_BY_Q850 = {
    16: State.NO_ANSWER,
    17: State.BUSY,
    18: State.NO_ANSWER,
    19: State.NO_ANSWER,
    26: State.CANCELED,
}

_DECLINE_WORDS = frozenset({"CALL_REJECTED", "DECLINE"})

_BY_WORD = {
    # Calls API and jambonz
    "busy": State.BUSY,
    "no-answer": State.NO_ANSWER,
    "canceled": State.CANCELED,
    "failed": State.FAILED,
    # Asterisk, DialEnd
    "BUSY": State.BUSY,
    "NOANSWER": State.NO_ANSWER,
    "CANCEL": State.CANCELED,
    # FreeSWITCH, Hangup-Cause
    "USER_BUSY": State.BUSY,
    "NO_ANSWER": State.NO_ANSWER,
    "NO_USER_RESPONSE": State.NO_ANSWER,
    "ALLOTTED_TIMEOUT": State.NO_ANSWER,
    "PROGRESS_TIMEOUT": State.NO_ANSWER,
    "RECOVERY_ON_TIMER_EXPIRE": State.NO_ANSWER,
    "ORIGINATOR_CANCEL": State.CANCELED,
    "LOSE_RACE": State.CANCELED,
    "PICKED_OFF": State.CANCELED,
    "MANAGER_REQUEST": State.CANCELED,
}

_CANCELERS = frozenset({EndedBy.API, EndedBy.CALLER})

# What `SipResponseCode` says where the engine named no code.
_USUAL_SIP_CODE = {State.BUSY: 486, State.NO_ANSWER: 487, State.CANCELED: 487}


def final_word(
    report: Report, *, answered: bool, disputed: Mapping[int, State] = DISPUTED
) -> State:
    """Return the final word of a call that has ended: the first rule that applies.

    `disputed` has a word for each SIP code of `DISPUTED`.
    """
    word = _BY_WORD.get(report.cause or "")
    if answered:
        return State.COMPLETED
    if report.ended_by is EndedBy.TIMER:
        return State.NO_ANSWER
    if report.ended_by in _CANCELERS or word is State.CANCELED:
        return State.CANCELED
    if report.sip_code is not None:
        return _of_sip_code(report.sip_code, disputed)
    return word or _of_cause(report, disputed[_DECLINE_CODE])


def sip_response_code(report: Report, word: State) -> int | None:
    """Return the final SIP code of a call that was never answered, if there is one."""
    if word is State.COMPLETED:
        return None
    if report.ended_by is EndedBy.TIMER or report.sip_code is None:
        return _USUAL_SIP_CODE.get(word)
    return report.sip_code


def _of_sip_code(code: int, disputed: Mapping[int, State]) -> State:
    if code in _SIP_SUCCESS:
        return State.COMPLETED
    return disputed.get(code) or _BY_SIP_CODE.get(code, State.FAILED)


def _of_cause(report: Report, declined: State) -> State:
    if report.cause in _DECLINE_WORDS or report.q850 == _DECLINE_CAUSE:
        return declined
    return _BY_Q850.get(report.q850 or 0, State.FAILED)
