"""What joining needs of the rest: where events go, and what is kept of calls."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from trunkline.capture.sdk.mapping import Sender
from trunkline.capture.sdk.sticky import Sticky
from trunkline.events.envelope import Event


Write = Callable[[sqlite3.Connection], None]


class SavedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call as the store keeps it. `known_as` is its temporary id, else its SID."""

    account_sid: str
    known_as: str
    call_sid: str
    sticky: Sticky
    seen_ms: int


class HeldEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event post that waits for its call's SID, with all that its event needs.

    `at_ms` is when it happened, by the client's clock; `due_ms` ends the wait.
    """

    event_id: str
    temp_call_sid: str
    due_ms: int
    received_ms: int
    at_ms: int
    sender: Sender
    body: bytes


class Intake(Protocol):
    """Where events go."""

    async def accept(self, events: Sequence[Event], also: Write | None = None) -> None:
        """Append events, and write `also`, in one synced transaction."""
        ...


class Store(Protocol):
    """What is kept of calls and posts. What is awaited is synced on return.

    Every method raises StorageFailed where the disk fails.
    """

    async def find_call(self, account_sid: str, call_id: str) -> SavedCall | None:
        """Return the call with that temporary id or SID."""
        ...

    def save_call(self, call: SavedCall) -> Write:
        """Return the write that inserts or replaces a call."""
        ...

    async def hold(self, held: HeldEvent, *, cut: bool) -> None:
        """Keep a held event; `cut` makes its call's others due no later than it."""
        ...

    def release(self, event_ids: Sequence[str]) -> Write:
        """Return the write that drops held events."""
        ...

    async def held_events(self) -> list[HeldEvent]:
        """Return all held events, in the order of their arrival."""
        ...

    async def keep_unattached(
        self, account_sid: str, received_ms: int, body: bytes
    ) -> None:
        """Keep a post that names no call."""
        ...

    async def prune(self, *, pairs_before_ms: int, posts_before_ms: int) -> None:
        """Drop a bounded number of calls and unattached posts that are older."""
        ...


class Ids(Protocol):
    """What makes ids."""

    def sid(self, prefix: str) -> str:
        """Return a new SID."""
        ...
