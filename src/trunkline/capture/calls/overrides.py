"""Connection overrides: what a callback URL's fragment says about delivery. Pure.

`https://host/path#rc=3&rp=5xx,ct&rt=4000`. Nobody's call fails for a fragment: a bad
value counts as not given, and a warning says so (spec call-progress 6.2).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple


class RetryOn(StrEnum):
    """What is retried: the words of `rp`."""

    STATUS_4XX = "4xx"
    STATUS_5XX = "5xx"
    CONNECT = "ct"
    READ = "rt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """How one callback is delivered. Times in milliseconds.

    `connect` is for the TCP connection, `read` for the first byte and between two,
    `total` for everything, retries and redirects included; `retries` come after the
    first attempt; `send_sni` is about TLS.
    """

    connect: int = 5000
    read: int = 15_000
    total: int = 15_000
    retries: int = 1
    retry_on: frozenset[RetryOn] = frozenset({RetryOn.CONNECT})
    send_sni: bool = True


DOCUMENTED = Overrides()


class Read(NamedTuple):
    """The overrides of a URL, and the keys whose values were bad."""

    overrides: Overrides
    bad_keys: tuple[str, ...]


_DIGITS = re.compile(r"[0-9]{1,6}")


def _number(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not _DIGITS.fullmatch(value) or not lowest <= int(value) <= highest:
            raise ValueError(value)
        return int(value)

    return parse


def _yes_or_no(value: str) -> bool:
    return {"y": True, "n": False}[value]


def _policy(value: str) -> frozenset[RetryOn]:
    words = value.split(",")
    if "all" in words:
        words = [*(word for word in words if word != "all"), *RetryOn]
    return frozenset(RetryOn(word) for word in words)


# key: (field, what its value must be). `e`, the edge, is not here: there is one.
_GRAMMAR: dict[str, tuple[str, Callable[[str], Any]]] = {
    "ct": ("connect", _number(100, 10_000)),
    "rt": ("read", _number(100, 15_000)),
    "tt": ("total", _number(100, 15_000)),
    "rc": ("retries", _number(0, 5)),
    "rp": ("retry_on", _policy),
    "sni": ("send_sni", _yes_or_no),
}


@lru_cache(maxsize=4096)
def overrides_of(url: str, defaults: Overrides = DOCUMENTED) -> Read:
    """Return what the fragment of `url` asks for; `defaults` where it asks nothing."""
    _, _, fragment = url.partition("#")
    given = {
        key: value
        for key, equals, value in (part.partition("=") for part in fragment.split("&"))
        if equals and key in _GRAMMAR
    }
    changes: dict[str, Any] = {}
    bad = []
    for key, value in given.items():
        name, parse = _GRAMMAR[key]
        try:
            changes[name] = parse(value)
        except (KeyError, ValueError):
            bad.append(key)
    return Read(replace(defaults, **changes), tuple(bad))
