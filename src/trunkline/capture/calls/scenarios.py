"""How a simulated call goes: chosen by whom it calls. Pure.

docs/reference/simulator.md lists what can be asked for; a test keeps it true.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from trunkline.capture.calls.progress import EndedBy, Reported


class Step(NamedTuple):
    """One report of a plan: so many paces `after` the one before; what else it says."""

    state: Reported
    after: int = 1
    details: Mapping[str, Any] = MappingProxyType({})


Plan = tuple[Step, ...]

INITIATED = Step(Reported.INITIATED, after=0)
RINGING = Step(Reported.RINGING)
ANSWERED = Step(Reported.ANSWERED)


def ended(after: int = 1, **details: Any) -> Step:
    """Return the step that ends a call."""
    return Step(Reported.ENDED, after, MappingProxyType(details))


# By the last digits of `To`. For the second one, a pace stands for the ring limit.
BY_ENDING: dict[str, Plan] = {
    "0001": (INITIATED, ended(sip_code=486, ended_by=EndedBy.CALLEE)),
    "0002": (INITIATED, RINGING, ended(ended_by=EndedBy.TIMER)),
    "0003": (INITIATED, ended(sip_code=404, ended_by=EndedBy.ENGINE)),
    "0004": (INITIATED, ANSWERED),
}


class Choice(NamedTuple):
    """What is asked of a call. None: nothing is.

    `ring` and `talk` are in paces: until the answer (0: it does not ring), and until
    the far end hangs up. `end` is what the last report says; without an answer, unless
    `talk` asks for one.
    """

    ring: int | None = None
    rings_on: bool = False
    talk: int | None = None
    end: Mapping[str, Any] = MappingProxyType({})


# Numbers in the range that is nobody's: a digit for what is asked, three for how much.
_ASKING_NUMBER = re.compile(r"\+1500555([1-4])([0-9]{3})")

_BY_DIGIT: dict[str, Callable[[int], Choice]] = {
    "1": lambda code: Choice(end={"sip_code": code}),
    "2": lambda cause: Choice(end={"q850": cause}),
    "3": lambda paces: Choice(talk=paces),
    "4": lambda paces: Choice(ring=paces or None, rings_on=not paces),
}

# ;sim-name=value, in an address of any kind.
_OPTION = re.compile(r"[;?&]sim-([a-z0-9]+)=([\w.-]{1,64})", re.ASCII)
_PACES = re.compile(r"[0-9]{1,6}")


def plan_of(to: str, *, instructed: bool, seed: int | None = None) -> Plan:
    """Return how a call to `to` goes.

    One with instructions is ended by them, unless the plan says otherwise. With a
    `seed`, a number that asks for nothing gets one of the ways of a mix: the same
    number always the same one.
    """
    choice = _asked(to)
    if choice is None and to[-4:] in BY_ENDING:
        plan = BY_ENDING[to[-4:]]
    elif choice is not None:
        plan = _plan(choice)
    else:
        plan = (INITIATED, RINGING, ANSWERED) if seed is None else _mixed(to, seed)
    if plan[-1].state is Reported.ANSWERED and not instructed:
        return (*plan, ended(ended_by=EndedBy.CALLEE))
    return plan


def _asked(to: str) -> Choice | None:
    if number := _ASKING_NUMBER.fullmatch(to):
        return _BY_DIGIT[number[1]](int(number[2]))
    options = dict(_OPTION.findall(to))
    return _of_options(options) if options else None


def _of_options(options: Mapping[str, str]) -> Choice:
    end: dict[str, Any] = {}
    for option, name in (("sip", "sip_code"), ("q850", "q850")):
        number = _paces(options, option)
        if number is not None:
            end[name] = number
    if "cause" in options:
        end["cause"] = options["cause"]
    if options.get("by") in list(EndedBy):
        end["ended_by"] = EndedBy(options["by"])
    return Choice(
        ring=_paces(options, "ring"),
        rings_on=options.get("ring") == "on",
        talk=_paces(options, "talk"),
        end=end,
    )


def _paces(options: Mapping[str, str], name: str) -> int | None:
    value = options.get(name, "")
    return int(value) if _PACES.fullmatch(value) else None


def _plan(choice: Choice) -> Plan:
    rings = choice.ring != 0 or choice.rings_on
    # Who is refused at once has not rung, unless that was asked for.
    if choice.end and choice.talk is None:
        rings = choice.ring is not None and choice.ring > 0
    start = (INITIATED, RINGING) if rings else (INITIATED,)
    if choice.rings_on:
        return start
    after = max(choice.ring or 1, 1)
    if choice.end and choice.talk is None:
        return (*start, ended(after, **choice.end))
    answered = (*start, Step(Reported.ANSWERED, after))
    if choice.talk is None:
        return answered
    details = {"ended_by": EndedBy.CALLEE, **choice.end}
    return (*answered, ended(choice.talk, **details))


# Of a hundred calls of a mix: how many go which way.
_ANSWERED, _BUSY, _NO_ANSWER, _FAILED = 70, 10, 12, 5


def _mixed(to: str, seed: int) -> Plan:
    dice = hashlib.sha256(f"{seed} {to}".encode()).digest()
    roll = int.from_bytes(dice[:4], "big") % 100
    ring, talk = 1 + dice[4] % 4, 1 + dice[5] % 10
    if roll < _ANSWERED:
        return (INITIATED, RINGING, Step(Reported.ANSWERED, ring))
    if roll < _ANSWERED + _BUSY:
        return BY_ENDING["0001"]
    if roll < _ANSWERED + _BUSY + _NO_ANSWER:
        return BY_ENDING["0002"]
    if roll < _ANSWERED + _BUSY + _NO_ANSWER + _FAILED:
        return BY_ENDING["0003"]
    # Answered, and hung up whatever its instructions are.
    return _plan(Choice(ring=ring, talk=talk))
