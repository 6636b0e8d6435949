"""What the gateway needs of the rest: where events go, and what is kept of calls."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from trunkline.capture.sdk.mapping import Sender
from trunkline.capture.sdk.samples import RollUp, Sample
from trunkline.capture.sdk.sticky import Sticky
from trunkline.errors import TrunklineError
from trunkline.events.envelope import Event


Write = Callable[[sqlite3.Connection], None]

Rows = tuple[str, Sequence[tuple[Any, ...]]]
"""A statement, and the rows to run it with. It fails only where the disk does."""


Done = Callable[[BaseException | None], None]
"""Hears that something is synced, or why it is not kept. Must be quick."""


class Repeated(TrunklineError):
    """A delivery has come before: it is kept, and must not count twice."""


class Delivery(msgspec.Struct, frozen=True):
    """An attempt of our service worker to deliver a post; all attempts share the id."""

    account_sid: str
    id: bytes
    received_ms: int


class KeptPost(NamedTuple):
    """A post as it came, redacted. `event_id` is its event's; None if it has none."""

    account_sid: str
    call_id: str
    event_id: str | None
    at_ms: int
    received_ms: int
    clock_skew: bool
    body: bytes


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

    async def accept(
        self,
        events: Sequence[Event],
        *,
        rows: Sequence[Rows] = (),
    ) -> None:
        """Append events and write `rows`, in one synced transaction."""
        ...

    def submit(
        self,
        events: Sequence[Event],
        done: Done,
        rows: Sequence[Rows] = (),
        also: Write | None = None,
        post: bytes | None = None,
    ) -> None:
        """Do likewise, and write `also`; `done` hears of its end. Raises StorageFailed.

        `post` is what the last of the events came from, to be kept with it.
        """
        ...


class Store(Protocol):
    """What is kept of calls and posts. What is awaited is synced on return.

    Every method raises StorageFailed where the disk fails.
    """

    def find_call(self, account_sid: str, call_id: str) -> SavedCall | None:
        """Return the call with that temporary id or SID."""
        ...

    def save_call(self, call: SavedCall) -> Rows:
        """Return the row that inserts or replaces a call."""
        ...

    async def write(self, *writes: Write | None) -> None:
        """Do writes in one transaction."""
        ...

    def has_come(self, delivery: Delivery) -> bool:
        """Tell whether a delivery is remembered from a short while ago."""
        ...

    def once(self, delivery: Delivery) -> Write:
        """Return the write that remembers a delivery; it raises Repeated."""
        ...

    def keep(self, post: KeptPost) -> Rows:
        """Return the row that keeps a post apart from any event."""
        ...

    def keep_samples(
        self, account_sid: str, received_ms: int, samples: Sequence[Sample]
    ) -> Write:
        """Return the write that keeps samples; newer ones replace those of their time."""
        ...

    def keep_roll_up(
        self, account_sid: str, call_id: str, received_ms: int, roll_up: RollUp
    ) -> Write:
        """Return the write that keeps the roll-up of a post's samples."""
        ...

    def hold(self, held: HeldEvent, *, cut: bool) -> Sequence[Rows]:
        """Return the rows that keep a held event.

        `cut` makes its call's others due no later than it.
        """
        ...

    def release(self, event_ids: Sequence[str]) -> Rows:
        """Return the rows that drop held events."""
        ...

    async def held_events(self) -> list[HeldEvent]:
        """Return all held events, in the order of their arrival."""
        ...

    def keep_unattached(self, account_sid: str, received_ms: int, body: bytes) -> Rows:
        """Return the row that keeps a post that names no call."""
        ...

    async def prune(
        self, *, pairs_before_ms: int, posts_before_ms: int, deliveries_before_ms: int
    ) -> bool:
        """Drop a bounded number of what is older; tell whether there may be more."""
        ...


class Ids(Protocol):
    """What makes ids."""

    def sid(self, prefix: str, at_ms: int | None = None) -> str:
        """Return a new SID, of that time or of now."""
        ...
