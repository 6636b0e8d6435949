"""What the creation of a call over REST asks for, checked. Pure.

Checks come in the order of the table of codes; the first that fails is answered
(spec call-progress 2).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from trunkline.capture.calls import targets
from trunkline.capture.calls.call import Call, Direction
from trunkline.capture.calls.callback_config import CallbackConfig
from trunkline.capture.calls.progress import Progress
from trunkline.errors import Refused
from trunkline.outgoing.urls import InvalidUrl
from trunkline.settings import Network


MAX_TWIML_LENGTH = 4000
MAX_ADDRESS_LENGTH = 1000
RING_LIMITS = range(1, 601)
RING_LIMIT = 60

_WHOLE_NUMBER = re.compile(r"[0-9]{1,6}")
_METHODS = frozenset({"GET", "POST"})


class Fields(Protocol):
    """The fields of a request."""

    def one(self, name: str) -> str | None:
        """Return the first value of a field."""
        ...

    def all(self, name: str) -> list[str]:
        """Return every value of a field."""
        ...


class Instructions(NamedTuple):
    """Where a call's TwiML comes from."""

    url: str | None
    method: str
    twiml: str | None
    fallback_url: str | None
    fallback_method: str
    application_sid: str | None


def new_call(
    fields: Fields,
    *,
    sid: str,
    account_sid: str,
    now_ms: int,
    networks: Sequence[Network],
) -> Call:
    """Return the call that a request creates. Raises Refused with the code for why not.

    `networks` are those, beyond public ones, in which callbacks may go.
    """
    to = party(fields, "To", 21201)
    from_ = party(fields, "From", 21213)
    instructions = _instructions(fields)
    timeout = ring_limit(fields)
    callback = None
    if instructions.application_sid is None:
        callback = callback_config(fields, networks)
    return Call(
        sid=sid,
        account_sid=account_sid,
        to=to,
        from_=from_,
        direction=Direction.OUTBOUND_API,
        created_ms=now_ms,
        updated_ms=now_ms,
        application_sid=instructions.application_sid,
        url=instructions.url,
        method=instructions.method,
        twiml=instructions.twiml,
        fallback_url=instructions.fallback_url,
        fallback_method=instructions.fallback_method,
        timeout=timeout,
        callback=callback,
    )


def given(fields: Fields, name: str) -> str | None:
    """Return a field's value; an empty one is none."""
    return fields.one(name) or None


def party(fields: Fields, name: str, code: int) -> str:
    """Return a number or address. Raises Refused with `code` where there is none."""
    value = given(fields, name)
    if value is None:
        raise Refused(code, 400, f"Missing required parameter {name}")
    if len(value) > MAX_ADDRESS_LENGTH or not value.isprintable():
        raise Refused(21200, 400, f"Invalid value for parameter {name}")
    return value


def _instructions(fields: Fields) -> Instructions:
    url = instruction_url(fields, "Url")
    twiml = inline_twiml(fields) if url is None else None
    application_sid = given(fields, "ApplicationSid")
    if application_sid is not None:
        # There are no TwiML applications yet, so none is known.
        raise Refused(21200, 400, f"Unknown ApplicationSid {application_sid[:64]}")
    if url is None and twiml is None:
        message = "Missing required parameter: one of Url, Twiml, ApplicationSid"
        raise Refused(21200, 400, message)
    return Instructions(
        url=url,
        method=method(fields, "Method"),
        twiml=twiml,
        fallback_url=instruction_url(fields, "FallbackUrl"),
        fallback_method=method(fields, "FallbackMethod"),
        application_sid=application_sid,
    )


def instruction_url(fields: Fields, name: str) -> str | None:
    """Return the URL of a document. Raises Refused 21200."""
    url = given(fields, name)
    if url is None:
        return None
    if len(url) > targets.MAX_URL_LENGTH:
        raise Refused(21200, 400, f"{name} is not valid: too long")
    try:
        targets.target_of(url)
    except InvalidUrl as error:
        raise Refused(21200, 400, f"{name} is not valid: {error}") from None
    return url


def inline_twiml(fields: Fields) -> str | None:
    """Return the document that a request carries. Raises Refused 21200."""
    twiml = given(fields, "Twiml")
    if twiml is not None and len(twiml) > MAX_TWIML_LENGTH:
        message = f"Twiml is longer than {MAX_TWIML_LENGTH} characters"
        raise Refused(21200, 400, message)
    return twiml


def method(fields: Fields, name: str) -> str:
    """Return a method. Raises Refused 21200."""
    value = given(fields, name) or "POST"
    if value not in _METHODS:
        raise Refused(21200, 400, f"{name} must be GET or POST")
    return value


def ring_limit(fields: Fields) -> int:
    """Return how long a call may ring. Raises Refused 21208."""
    value = given(fields, "Timeout")
    if value is None:
        return RING_LIMIT
    if not _WHOLE_NUMBER.fullmatch(value) or int(value) not in RING_LIMITS:
        raise Refused(21208, 400, "Timeout must be a whole number from 1 to 600")
    return int(value)


def callback_config(
    fields: Fields, networks: Sequence[Network]
) -> CallbackConfig | None:
    """Return where progress goes, None: nowhere. Raises Refused 21609, 21626, 21200."""
    url = given(fields, "StatusCallback")
    word = method(fields, "StatusCallbackMethod")
    if url is not None:
        check_callback_url(url, networks)
    events = _events(fields.all("StatusCallbackEvent"))
    if url is None:
        return None
    return CallbackConfig(url=url, method=word, events=events)


def check_callback_url(url: str, networks: Sequence[Network]) -> None:
    """Raise Refused 21609 for a `StatusCallback` that cannot be called."""
    try:
        targets.check(url, networks)
    except InvalidUrl as error:
        raise Refused(21609, 400, f"StatusCallback is not valid: {error}") from None


def _events(values: Sequence[str]) -> tuple[Progress, ...]:
    wanted = {value for value in values if value}
    for value in sorted(wanted):
        if value not in list(Progress):
            message = (
                f"StatusCallbackEvent {value[:100]!r} is not one of"
                f" {', '.join(Progress)}; repeat the parameter for more than one"
            )
            raise Refused(21626, 400, message)
    if not wanted:
        return (Progress.COMPLETED,)
    return tuple(progress for progress in Progress if progress in wanted)
