"""What the engine's parts work with, and the operator's choices."""

from dataclasses import dataclass
from typing import NamedTuple

from trunkline.capture.calls.engines.asterisk.client import Ari
from trunkline.capture.calls.engines.asterisk.legs import Legs
from trunkline.capture.calls.engines.asterisk.reporter import Reporter
from trunkline.clock import Clock
from trunkline.settings import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The operator's choices.

    `endpoint` is the dial string with `{number}` in it, `account_sid` the owner of
    calls that the dialplan hands over, `networks` those, beyond public ones, that
    their callbacks may go to.
    """

    endpoint: str
    account_sid: str
    networks: tuple[Network, ...] = ()


class Means(NamedTuple):
    """One of each, shared by the parts of one engine."""

    ari: Ari
    legs: Legs
    reporter: Reporter
    clock: Clock
    plan: Plan
