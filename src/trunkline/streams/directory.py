"""The sinks and subscriptions of all accounts, as they are in memory and on disk.

Reads are answered from here. Changes come in once they are stored, in the order of
commits, and are told to delivery at once: the two never disagree about which events
count.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from trunkline.errors import Refused, TrunklineError
from trunkline.events.catalogue import EventType
from trunkline.events.ids import canonical, is_sid
from trunkline.streams import subscriptions
from trunkline.streams.routing import Route
from trunkline.streams.sinks import Sink
from trunkline.streams.store import Stored
from trunkline.streams.subscriptions import Choice, SubscribedEvent, Subscription


class Delivery(Protocol):
    """What delivery is told."""

    def open_sink(self, sink: Sink) -> None:
        """Hear of a new sink, or that a sink has changed."""
        ...

    def set_routes(self, sink_sid: str, routes: Sequence[Route]) -> None:
        """Hear of all routes of a sink, closed ones included."""
        ...

    def close_sink(self, sink_sid: str) -> None:
        """Hear that a sink is gone, and its queued events with it."""
        ...


class NotFound(TrunklineError):
    """The account has no such object."""


class Directory:
    """All sinks and subscriptions. Lives as long as the server.

    Whatever takes an account SID sees that account's objects only, and raises NotFound
    for the rest. SIDs of objects are taken in either case of their hex digits.
    """

    def __init__(
        self, delivery: Delivery, event_types: Mapping[str, EventType]
    ) -> None:
        self.event_types = event_types
        self._delivery = delivery
        self._sinks: dict[str, Sink] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._closed: dict[str, list[Route]] = {}

    def fill(self, stored: Stored) -> None:
        """Take what is stored, at start."""
        self._subscriptions = {row.sid: row for row in stored.subscriptions}
        for route in stored.closed:
            self._closed.setdefault(route.sink_sid, []).append(route)
        for sink in stored.sinks:
            self.put_sink(sink)
            self._tell_routes(sink.sid)

    # Reading.

    def all_sinks(self) -> list[Sink]:
        """Return the sinks of all accounts."""
        return list(self._sinks.values())

    def sinks(self, account_sid: str) -> list[Sink]:
        """Return an account's sinks, oldest first."""
        own = [sink for sink in self._sinks.values() if sink.account_sid == account_sid]
        return sorted(own, key=lambda sink: (sink.created_ms, sink.sid))

    def sink(self, account_sid: str, sid: str) -> Sink:
        """Return a sink. Raises NotFound, and Refused 91006 for what is no sink SID."""
        if not is_sid(sid, "DG"):
            raise Refused(91006, 400, f"Invalid sink SID {sid[:100]}")
        sink = self._sinks.get(canonical(sid))
        if sink is None or sink.account_sid != account_sid:
            raise NotFound
        return sink

    def sink_to_subscribe(self, account_sid: str, sid: str) -> Sink:
        """Return the sink of a new subscription. Raises Refused 91006 and 91001."""
        try:
            return self.sink(account_sid, sid)
        except NotFound:
            raise Refused(91001, 404, f"Sink {sid} not found") from None

    def find_sink(self, sid: str) -> Sink | None:
        """Return a sink of whatever account."""
        return self._sinks.get(sid)

    def is_in_use(self, sink_sid: str) -> bool:
        """Tell whether a sink has a subscription."""
        return any(row.sink_sid == sink_sid for row in self._subscriptions.values())

    def subscriptions(self, account_sid: str) -> list[Subscription]:
        """Return an account's subscriptions, oldest first."""
        rows = self._subscriptions.values()
        own = [row for row in rows if row.account_sid == account_sid]
        return sorted(own, key=lambda row: (row.created_ms, row.sid))

    def subscription(self, account_sid: str, sid: str) -> Subscription:
        """Return a subscription. Raises NotFound."""
        subscription = self._subscriptions.get(canonical(sid))
        if subscription is None or subscription.account_sid != account_sid:
            raise NotFound
        return subscription

    def event(
        self, account_sid: str, sid: str, event_type: str
    ) -> tuple[Subscription, SubscribedEvent]:
        """Return a subscribed event, and its subscription first. Raises NotFound."""
        subscription = self.subscription(account_sid, sid)
        event = subscription.event(event_type)
        if event is None:
            raise NotFound
        return subscription, event

    # Changing.

    def put_sink(self, sink: Sink) -> None:
        """Take a sink that is stored now."""
        self._sinks[sink.sid] = sink
        self._delivery.open_sink(sink)

    def drop_sink(self, sid: str) -> None:
        """Let go of a sink."""
        del self._sinks[sid]
        self._closed.pop(sid, None)
        self._delivery.set_routes(sid, ())
        self._delivery.close_sink(sid)

    def put_subscription(
        self,
        subscription: Subscription,
        *,
        opened: Sequence[Choice],
        closed: Collection[str],
        position: int,
    ) -> None:
        """Take a subscription, some of its types closed and others opened."""
        gone = [event for event in subscription.events if event.type in closed]
        self._close(replace(subscription, events=tuple(gone)), position)
        self._subscriptions[subscription.sid] = subscriptions.change(
            subscription, opened=opened, closed=closed, position=position
        )
        self._tell_routes(subscription.sink_sid)

    def drop_subscription(self, sid: str, position: int) -> None:
        """Let go of a subscription; events up to the position still count."""
        subscription = self._subscriptions.pop(sid)
        self._close(subscription, position)
        self._tell_routes(subscription.sink_sid)

    def _close(self, subscription: Subscription, position: int) -> None:
        closed = self._closed.setdefault(subscription.sink_sid, [])
        closed += subscriptions.routes(subscription, position)

    def _tell_routes(self, sink_sid: str) -> None:
        routes = list(self._closed.get(sink_sid, ()))
        for subscription in self._subscriptions.values():
            if subscription.sink_sid == sink_sid:
                routes += subscriptions.routes(subscription)
        self._delivery.set_routes(
            sink_sid, [route for route in routes if self._is_emitted(route.type)]
        )

    def _is_emitted(self, event_type: str) -> bool:
        row = self.event_types.get(event_type)
        return row is not None and row.status.is_emitted
