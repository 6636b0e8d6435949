"""How a sink is delivered to: Twilio's way, unless its owner chose otherwise. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from trunkline.errors import Refused


FOUR_HOURS_S = 4 * 60 * 60

# From one attempt at a time to more than a slow sink can use.
MAX_CONCURRENCY = 256
MAX_PER_SECOND = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """The owner's choices for one sink; the defaults are spec event-streams 5 and 7.

    `retry_window_s`: how long an event is tried, in seconds from its acceptance.
    `retry_4xx`: whether a 4xx other than 429 is tried again in place of given up.
    `concurrency`: attempts under way at a time. `per_second`: attempts started per
    second, 0 for no limit. `ordered`: whether the events of one call go one at a
    time, in order; one that fails holds back its own call only.
    """

    retry_window_s: int = FOUR_HOURS_S
    retry_4xx: bool = False
    concurrency: int = 16
    per_second: int = 0
    ordered: bool = False


DEFAULT = DeliveryPolicy()

# Parameter -> field, and what it may be: two numbers are the least and the most.
_NUMBERS = {
    "RetryWindow": ("retry_window_s", 1),
    "Concurrency": ("concurrency", 1),
    "RateLimit": ("per_second", 0),
}
_SWITCHES = {"Retry4xx": "retry_4xx", "Ordered": "ordered"}


def change(
    policy: DeliveryPolicy, given: Mapping[str, str], *, longest_window_s: int
) -> DeliveryPolicy:
    """Return the policy with the parameters that were given.

    `RetryWindow` (seconds, up to `longest_window_s`, for which the log is kept),
    `Concurrency`, `RateLimit` (a second), `Retry4xx` and `Ordered` (true or false).
    Raises Refused 20001, naming the parameter.
    """
    most = {
        "RetryWindow": longest_window_s,
        "Concurrency": MAX_CONCURRENCY,
        "RateLimit": MAX_PER_SECOND,
    }
    changes: dict[str, int | bool] = {}
    for name, (field, least) in _NUMBERS.items():
        if name in given:
            changes[field] = _number(name, given[name], least, most[name])
    for name, field in _SWITCHES.items():
        if name in given:
            changes[field] = _switch(name, given[name])
    return replace(policy, **changes)  # type: ignore[arg-type]


def _number(name: str, text: str, least: int, most: int) -> int:
    digits = text if text.isascii() and text.isdecimal() and len(text) < 12 else "-1"  # noqa: PLR2004 (more digits than any limit)
    if not least <= int(digits) <= most:
        raise Refused(
            20001,
            400,
            f"Invalid value for parameter {name}: a whole number from {least} to {most}",
        )
    return int(digits)


def _switch(name: str, text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise Refused(20001, 400, f"Invalid value for parameter {name}: true or false")
    return text.lower() == "true"
