"""The fake of the store of sinks and subscriptions: all in memory, nothing lasts.

Contract: tests/contract/test_stream_store.py.
"""

from collections.abc import Callable, Collection, Sequence

from trunkline.streams import subscriptions
from trunkline.streams.routing import Route
from trunkline.streams.sinks import Sink
from trunkline.streams.store import Stored
from trunkline.streams.subscriptions import Choice, Subscription


class MemoryStreams:
    """Keeps sinks and subscriptions as long as it lives.

    `position` is the newest position of the log, set by whoever plays the log.
    """

    def __init__(self) -> None:
        self.position = 0
        self._sinks: dict[str, Sink] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._closed: list[Route] = []

    async def load(self) -> Stored:
        """Return what is stored; closed types stay, as no bookmark is known."""
        return Stored(
            sinks=list(self._sinks.values()),
            subscriptions=list(self._subscriptions.values()),
            closed=list(self._closed),
        )

    async def save_sink(self, sink: Sink, then: Callable[[None], None]) -> None:
        """Add a sink, or put it in the place of its former self."""
        self._sinks[sink.sid] = sink
        then(None)

    async def delete_sink(self, sid: str, then: Callable[[None], None]) -> None:
        """Drop a sink and its closed types."""
        self._sinks.pop(sid, None)
        self._closed = [route for route in self._closed if route.sink_sid != sid]
        then(None)

    async def save_subscription(
        self,
        subscription: Subscription,
        *,
        opened: Sequence[Choice],
        closed: Collection[str],
        then: Callable[[int], None],
    ) -> int:
        """Save what `subscriptions.change` makes of it at the log's newest position."""
        position = self.position
        self._closed += [
            route
            for route in subscriptions.routes(subscription, position)
            if route.type in closed
        ]
        self._subscriptions[subscription.sid] = subscriptions.change(
            subscription, opened=opened, closed=closed, position=position
        )
        then(position)
        return position

    async def delete_subscription(self, sid: str, then: Callable[[int], None]) -> int:
        """Drop a subscription; close its types at the log's newest position."""
        subscription = self._subscriptions.pop(sid)
        self._closed += subscriptions.routes(subscription, self.position)
        then(self.position)
        return self.position
