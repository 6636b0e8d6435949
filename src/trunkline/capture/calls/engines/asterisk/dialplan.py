"""Between calls and Asterisk's dialplan: dial strings, and calls made elsewhere. Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from trunkline.capture.calls import targets
from trunkline.capture.calls.call import Call, Direction
from trunkline.capture.calls.callback_config import CallbackConfig
from trunkline.capture.calls.engines.asterisk.events import Channel, Event, call_sid_of
from trunkline.capture.calls.progress import Progress
from trunkline.outgoing.urls import InvalidUrl
from trunkline.settings import Network


# Seconds. Calls made elsewhere ring and last as long as their dialplan lets them; this
# only ends what nobody will ever hear of again.
LONGEST_ELSEWHERE = 604_800

_CLIENT = "client:"

# A dial string gives a meaning to & , / @ ( ) and more: with any of them, a number
# could choose another trunk, or dial a second party.
_NUMBER = re.compile(r"[+*#]?[0-9A-Za-z._*#-]{1,64}", re.ASCII)

_ARGUMENTS = frozenset(
    {"StatusCallback", "StatusCallbackEvent", "StatusCallbackMethod", "To", "From"}
)


class NoEndpoint(ValueError):
    """A party that this Asterisk is not asked to dial."""


class Adopted(NamedTuple):
    """A call that the dialplan hands over, and what is wrong with how it does."""

    call: Call
    warnings: tuple[str, ...] = ()


def endpoint_of(template: str, to: str) -> str:
    """Return the dial string for a number or `client:name`. Raises NoEndpoint."""
    number = to.removeprefix(_CLIENT)
    if not _NUMBER.fullmatch(number):
        raise NoEndpoint("not a number or a name that a dial string can take")
    return template.replace("{number}", number)


def caller_id_of(from_: str) -> str | None:
    """Return the caller id to show; None for what is neither a number nor a name."""
    number = from_.removeprefix(_CLIENT)
    return number if _NUMBER.fullmatch(number) else None


def incoming(
    event: Event, *, account_sid: str, now_ms: int, networks: Sequence[Network]
) -> Adopted:
    """Return the call of a channel that has entered our application.

    The application's arguments are `Name=value`, named as in the Calls API; events are
    separated by spaces. A wrong one is left out, with a warning: no call stops for it.
    """
    channel = event.channel
    assert channel is not None
    given, warnings = _named(event.args)
    callback, faults = _callback(given, networks)
    call = _call(
        channel,
        account_sid=account_sid,
        to=given.get("To") or channel.dialplan.exten,
        from_=given.get("From") or channel.caller.number,
        direction=Direction.INBOUND,
        now_ms=now_ms,
        callback=callback,
    )
    return Adopted(call, (*warnings, *faults))


def dialled(event: Event, parent: Call, now_ms: int) -> Call:
    """Return the call of a channel that the dialplan dials for a followed one.

    Its progress goes where its parent's goes.
    """
    assert event.peer is not None
    return _call(
        event.peer,
        account_sid=parent.account_sid,
        to=event.peer.caller.number or event.dialstring,
        from_=event.peer.connected.number or parent.from_,
        direction=Direction.OUTBOUND_DIAL,
        now_ms=now_ms,
        callback=parent.callback,
        parent_call_sid=parent.sid,
    )


def _call(
    channel: Channel,
    *,
    account_sid: str,
    to: str,
    from_: str,
    direction: Direction,
    now_ms: int,
    callback: CallbackConfig | None,
    parent_call_sid: str | None = None,
) -> Call:
    return Call(
        sid=call_sid_of(channel),
        account_sid=account_sid,
        to=to,
        from_=from_,
        direction=direction,
        created_ms=now_ms,
        updated_ms=now_ms,
        parent_call_sid=parent_call_sid,
        timeout=LONGEST_ELSEWHERE,
        time_limit=LONGEST_ELSEWHERE,
        callback=callback,
        sip_call_id=channel.protocol_id or None,
    )


def _named(arguments: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    given, warnings = {}, []
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name in _ARGUMENTS:
            given[name] = value
        else:
            warnings.append(f"unknown argument {name[:100]!r}")
    return given, warnings


def _callback(
    given: dict[str, str], networks: Sequence[Network]
) -> tuple[CallbackConfig | None, list[str]]:
    url = given.get("StatusCallback")
    if not url:
        return None, []
    try:
        targets.check(url, networks)
    except InvalidUrl as error:
        return None, [f"StatusCallback is not valid: {error}"]
    words = set(given.get("StatusCallbackEvent", "").split())
    warnings = [
        f"StatusCallbackEvent {word[:100]!r} is unknown"
        for word in sorted(words.difference(Progress))
    ]
    method = given.get("StatusCallbackMethod") or "POST"
    if method not in {"GET", "POST"}:
        warnings.append("StatusCallbackMethod must be GET or POST")
        method = "POST"
    events = tuple(progress for progress in Progress if progress in words)
    config = CallbackConfig(
        url=url, method=method, events=events or (Progress.COMPLETED,)
    )
    return config, warnings
