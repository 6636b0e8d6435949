"""What those who make calls elsewhere tell of them, checked. Pure.

Names of fields count in any spelling: `SipCode`, `sip_code`, `sipCode` (spec
call-progress 12.1).
"""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeVar

from trunkline.capture.calls import creation
from trunkline.capture.calls.call import LONGEST_CALL, Call, Direction, Place
from trunkline.capture.calls.progress import EndedBy, Recording, Report, Reported
from trunkline.errors import Refused
from trunkline.events.ids import canonical, is_sid
from trunkline.events.times import parse_iso
from trunkline.settings import Network


CALL_FIELDS = (
    "CallSid",
    "Leg",
    "Direction",
    "From",
    "To",
    "ParentCallSid",
    "StatusCallback",
    "StatusCallbackMethod",
    "StatusCallbackEvent",
    "Timeout",
    "SipCallId",
    "SipDomain",
    "ForwardedFrom",
    "CallerName",
    "FromCity",
    "FromState",
    "FromZip",
    "FromCountry",
    "ToCity",
    "ToState",
    "ToZip",
    "ToCountry",
)
REPORT_FIELDS = (
    "State",
    "At",
    "SipCode",
    "SipCallId",
    "Q850",
    "Cause",
    "EndedBy",
    "AnsweredBy",
    "RecordingUrl",
    "RecordingSid",
    "RecordingDuration",
)

MAX_TEXT_LENGTH = 256
SIP_CODES = range(100, 700)
CAUSES = range(128)
DURATIONS = range(1_000_000)

_DETAILS = ("SipDomain", "ForwardedFrom", "CallerName")
_NUMBER = re.compile(r"[0-9]{1,6}")

# In a report, a century either way: what is further off is a slip.
_EARLIEST_MS = 0
_LATEST_MS = 4_102_444_800_000


_Words = TypeVar("_Words", bound=StrEnum)


class Spelled:
    """Fields under the names we have for them, however they were spelled."""

    def __init__(self, fields: Iterable[tuple[str, str]], names: Sequence[str]) -> None:
        ours = {_plain(name): name for name in names}
        self._values: dict[str, list[str]] = {}
        for name, value in fields:
            if _plain(name) not in ours:
                raise Refused(20001, 400, f"Unknown parameter {name[:100]}")
            self._values.setdefault(ours[_plain(name)], []).append(value)

    def one(self, name: str) -> str | None:
        """Return the first value of a field."""
        return next(iter(self._values.get(name, ())), None)

    def all(self, name: str) -> list[str]:
        """Return every value of a field."""
        return self._values.get(name, [])


class Registration(NamedTuple):
    """A call that was made elsewhere, and what those who made it call it."""

    call: Call
    leg: str | None


def registered(
    fields: Iterable[tuple[str, str]],
    *,
    new_sid: str,
    account_sid: str,
    now_ms: int,
    networks: Sequence[Network],
) -> Registration:
    """Return the call that a request tells of. Raises Refused, naming the field."""
    given = Spelled(fields, CALL_FIELDS)
    timeout = None
    if creation.given(given, "Timeout") is not None:
        timeout = creation.ring_limit(given)
    call = Call(
        sid=_sid(given, "CallSid") or new_sid,
        account_sid=account_sid,
        to=creation.party(given, "To", 21201),
        from_=creation.party(given, "From", 21213),
        direction=_word(given, "Direction", Direction) or Direction.INBOUND,
        created_ms=now_ms,
        updated_ms=now_ms,
        parent_call_sid=_sid(given, "ParentCallSid"),
        # Whoever makes the call watches its ring limit, unless it is left to us.
        timeout=LONGEST_CALL if timeout is None else timeout,
        elsewhere=True,
        callback=creation.callback_config(given, networks),
        sip_call_id=_text(given, "SipCallId"),
        from_place=_place(given, "From"),
        to_place=_place(given, "To"),
        details={name: text for name in _DETAILS if (text := _text(given, name))},
    )
    return Registration(call, _text(given, "Leg"))


def reported(fields: Iterable[tuple[str, str]], call_sid: str) -> Report:
    """Return the report that a request makes. Raises Refused, naming the field."""
    given = Spelled(fields, REPORT_FIELDS)
    state = _word(given, "State", Reported)
    if state is None:
        raise Refused(20001, 400, "Missing required parameter State")
    return Report(
        leg=call_sid,
        state=state,
        at_ms=_time(given, "At"),
        sip_code=_number(given, "SipCode", SIP_CODES),
        sip_call_id=_text(given, "SipCallId"),
        q850=_number(given, "Q850", CAUSES),
        cause=_text(given, "Cause"),
        ended_by=_word(given, "EndedBy", EndedBy),
        answered_by=_text(given, "AnsweredBy"),
        recording=_recording(given),
    )


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _sid(given: Spelled, name: str) -> str | None:
    value = creation.given(given, name)
    if value is not None and not is_sid(value, "CA"):
        raise _invalid(name, "must be CA and 32 hex digits")
    return None if value is None else canonical(value)


def _text(given: Spelled, name: str) -> str | None:
    value = creation.given(given, name)
    if value is not None and (len(value) > MAX_TEXT_LENGTH or not value.isprintable()):
        raise _invalid(name, f"must be up to {MAX_TEXT_LENGTH} printable characters")
    return value


def _word(given: Spelled, name: str, words: type[_Words]) -> _Words | None:
    value = creation.given(given, name)
    if value is None:
        return None
    if value not in list(words):
        raise _invalid(name, f"must be one of {', '.join(words)}")
    return words(value)


def _number(given: Spelled, name: str, allowed: range) -> int | None:
    value = creation.given(given, name)
    if value is None:
        return None
    if not _NUMBER.fullmatch(value) or int(value) not in allowed:
        raise _invalid(name, f"must be from {allowed[0]} to {allowed[-1]}")
    return int(value)


def _time(given: Spelled, name: str) -> int | None:
    value = creation.given(given, name)
    if value is None:
        return None
    at_ms = parse_iso(value)
    if at_ms is None or not _EARLIEST_MS <= at_ms <= _LATEST_MS:
        raise _invalid(name, "must be a time such as 2026-09-14T09:30:57.412Z")
    return at_ms


def _recording(given: Spelled) -> Recording | None:
    url = _text(given, "RecordingUrl")
    if url is None:
        return None
    return Recording(
        url=url,
        sid=_text(given, "RecordingSid") or "",
        duration=_number(given, "RecordingDuration", DURATIONS) or 0,
    )


def _place(given: Spelled, party: str) -> Place:
    return Place(
        city=_text(given, f"{party}City") or "",
        state=_text(given, f"{party}State") or "",
        zip=_text(given, f"{party}Zip") or "",
        country=_text(given, f"{party}Country") or "",
    )


def _invalid(name: str, why: str) -> Refused:
    return Refused(20001, 400, f"Invalid value for parameter {name}: it {why}")
