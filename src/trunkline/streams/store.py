"""What the registry needs of its store. Contract: tests/contract/test_stream_store.py."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from trunkline.streams.routing import Route
from trunkline.streams.sinks import Sink
from trunkline.streams.subscriptions import Choice, Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """All that is stored; `closed` are the routes of types no longer subscribed."""

    sinks: Sequence[Sink]
    subscriptions: Sequence[Subscription]
    closed: Sequence[Route]


class StreamStore(Protocol):
    """Keeps sinks and subscriptions, and from and up to where each type counts.

    A write returns once it is on disk. `then` is called just before, in the order
    of commits, whether or not the caller still waits.
    """

    async def load(self) -> Stored:
        """Return what is stored; drop closed types that no delivery can need."""
        ...

    async def save_sink(self, sink: Sink, then: Callable[[None], None]) -> None:
        """Add a sink, or put it in the place of its former self."""
        ...

    async def delete_sink(self, sid: str, then: Callable[[None], None]) -> None:
        """Drop a sink and its closed types."""
        ...

    async def save_subscription(
        self,
        subscription: Subscription,
        *,
        opened: Sequence[Choice],
        closed: Collection[str],
        then: Callable[[int], None],
    ) -> int:
        """Save what `subscriptions.change` makes of it at the log's newest position.

        Its closed types are kept with that position, since events up to it may still
        be on their way. Returns the position.
        """
        ...

    async def delete_subscription(self, sid: str, then: Callable[[int], None]) -> int:
        """Drop a subscription; close its types at the log's newest position.

        Returns that position.
        """
        ...
