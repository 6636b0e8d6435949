"""What the world outside is, and what it knows: sinks and their policies, and a ledger."""

from dataclasses import dataclass, field
from typing import Any


SHORT_WINDOW = 900  # seconds
WINDOW = 4 * 3600

# Name, policy (what differs from the usual), whether it gets batches.
SINKS: tuple[tuple[str, dict[str, Any], bool], ...] = (
    ("steady", {}, False),
    ("batched", {}, True),
    ("ordered", {"ordered": True}, False),
    ("ordered batched", {"ordered": True, "concurrency": 4}, True),
    ("short window", {"retry_window_s": SHORT_WINDOW}, False),
    (
        "stubborn",
        {"retry_4xx": True, "per_second": 50, "retry_window_s": SHORT_WINDOW},
        False,
    ),
)

# Those that are never asked to send anything again: their laws stay strict.
STRICT = ("ordered", "short window")


@dataclass(slots=True)
class Ledger:
    """What the world outside knows."""

    posts: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    refused: int = 0
    kills: int = 0
    power_cuts: int = 0
    stops: int = 0
    disk_faults: int = 0
    jumps: int = 0
    replays: int = 0
    changes: int = 0
    most_in_memory: int = 0
    # When anything was asked to be sent again, by sink.
    again: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
