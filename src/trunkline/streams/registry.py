"""Changes of sinks and subscriptions: checked, stored, then made known.

A change counts once it is stored; see `directory` for who hears of it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace

from trunkline.clock import Clock
from trunkline.errors import Refused
from trunkline.events import catalogue
from trunkline.events.catalogue import EventType
from trunkline.events.ids import Ids
from trunkline.streams import sinks, subscriptions
from trunkline.streams.directory import Delivery, Directory
from trunkline.streams.policy import DeliveryPolicy
from trunkline.streams.sinks import MAX_SINKS, Sink
from trunkline.streams.store import StreamStore
from trunkline.streams.subscriptions import (
    MAX_SUBSCRIPTIONS,
    Choice,
    SubscribedEvent,
    Subscription,
    Wish,
)


SendTest = Callable[[Sink, str], Awaitable[None]]
"""Puts the test event with that test id on its way to the sink."""


class Registry:
    """Makes, changes and deletes sinks and subscriptions.

    Lives as long as the server; `open` comes first. `directory` shows what there is,
    and its rules hold here: whatever an account does not own is NotFound.
    """

    def __init__(
        self,
        store: StreamStore,
        delivery: Delivery,
        clock: Clock,
        ids: Ids,
        send_test: SendTest,
        *,
        one_subscription_per_sink: bool = False,
        event_types: Mapping[str, EventType] = catalogue.EVENT_TYPES,
    ) -> None:
        self.directory = Directory(delivery, event_types)
        self._store = store
        self._clock = clock
        self._ids = ids
        self._send_test = send_test
        self._one_per_sink = one_subscription_per_sink
        # Held from check to commit: two requests cannot both be the hundredth.
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Load what is stored and tell delivery of it."""
        self.directory.fill(await self._store.load())

    async def create_sink(
        self, account_sid: str, *, description: str, sink_type: str, configuration: str
    ) -> Sink:
        """Make a sink. Raises Refused 91000, and 91003 at the limit."""
        sink = sinks.create(
            sid=self._ids.sid("DG"),
            account_sid=account_sid,
            description=description,
            sink_type=sink_type,
            configuration=configuration,
            now_ms=self._clock.now_ms(),
        )
        async with self._lock:
            if len(self.directory.sinks(account_sid)) >= MAX_SINKS:
                raise Refused(
                    91003, 409, f"Maximum number of sinks ({MAX_SINKS}) reached"
                )
            return await self._save_sink(sink)

    async def describe_sink(self, account_sid: str, sid: str, description: str) -> Sink:
        """Give a sink another description. Raises Refused 91000."""
        async with self._lock:
            sink = self.directory.sink(account_sid, sid)
            now_ms = self._clock.now_ms()
            return await self._save_sink(sinks.describe(sink, description, now_ms))

    async def set_policy(
        self, account_sid: str, sid: str, policy: DeliveryPolicy
    ) -> Sink:
        """Have a sink delivered to by another policy."""
        async with self._lock:
            sink = self.directory.sink(account_sid, sid)
            return await self._save_sink(replace(sink, policy=policy))

    async def delete_sink(self, account_sid: str, sid: str) -> None:
        """Delete a sink and drop its queued events. Raises Refused 91007 if in use."""
        async with self._lock:
            sink = self.directory.sink(account_sid, sid)
            if self.directory.is_in_use(sink.sid):
                raise Refused(
                    91007, 409, f"Sink {sink.sid} is in use and cannot be deleted"
                )

            def deleted(_: None) -> None:
                self.directory.drop_sink(sink.sid)

            await self._store.delete_sink(sink.sid, deleted)

    async def test_sink(self, account_sid: str, sid: str) -> None:
        """Send a test event with a new test id to a sink."""
        async with self._lock:
            sink = self.directory.sink(account_sid, sid)
            test_id = self._ids.uuid4()
            tested = sinks.test(sink, test_id, self._clock.now_ms())
            await self._save_sink(tested)
        await self._send_test(tested, test_id)

    async def validate_sink(self, account_sid: str, sid: str, test_id: str) -> None:
        """Confirm that a test event has arrived. Raises Refused 91004 and 91005."""
        async with self._lock:
            sink = self.directory.sink(account_sid, sid)
            validated = sinks.validate(sink, test_id, self._clock.now_ms())
            if validated is not sink:
                await self._save_sink(validated)

    async def test_failed(self, sink_sid: str, test_id: str) -> None:
        """Hear that a test event was given up; nothing happens if a newer one is out."""
        async with self._lock:
            sink = self.directory.find_sink(sink_sid)
            if sink is None:
                return
            failed = sinks.test_failed(sink, test_id, self._clock.now_ms())
            if failed is not sink:
                await self._save_sink(failed)

    async def create_subscription(
        self, account_sid: str, sink_sid: str, description: str, wishes: Sequence[Wish]
    ) -> Subscription:
        """Subscribe a sink to the wished types, all or none.

        The description has been checked. Raises Refused: what `choose_all` raises,
        91100 for a sink that is not live, 20409 at the limit.
        """
        async with self._lock:
            sink = self.directory.sink_to_subscribe(account_sid, sink_sid)
            chosen = subscriptions.choose_all(
                wishes, sink.sink_type, self.directory.event_types
            )
            self._check_subscribable(sink)
            now_ms = self._clock.now_ms()
            subscription = Subscription(
                sid=self._ids.sid("DF"),
                account_sid=account_sid,
                sink_sid=sink.sid,
                description=description,
                created_ms=now_ms,
                updated_ms=now_ms,
            )
            return await self._save_subscription(subscription, opened=chosen)

    async def describe_subscription(
        self, account_sid: str, sid: str, description: str
    ) -> Subscription:
        """Give a subscription another description, which has been checked."""
        async with self._lock:
            subscription = self.directory.subscription(account_sid, sid)
            return await self._save_subscription(
                replace(subscription, description=description)
            )

    async def delete_subscription(self, account_sid: str, sid: str) -> None:
        """Delete a subscription; its queued events are still delivered."""
        async with self._lock:
            subscription = self.directory.subscription(account_sid, sid)

            def deleted(position: int) -> None:
                self.directory.drop_subscription(subscription.sid, position)

            await self._store.delete_subscription(subscription.sid, deleted)

    async def put_event(self, account_sid: str, sid: str, wish: Wish) -> bool:
        """Add a type to a subscription, or set the version of one that it has.

        One that it has stays as it is where no version is wished. Tells whether the
        type was added. Raises Refused 20409.
        """
        async with self._lock:
            subscription = self.directory.subscription(account_sid, sid)
            event = subscription.event(wish.type)
            if event is not None:
                if wish.version is not None:
                    await self._set_version(subscription, event, wish.version)
                return False
            sink = self.directory.sink(account_sid, subscription.sink_sid)
            choice = subscriptions.choose(
                wish, sink.sink_type, self.directory.event_types
            )
            await self._save_subscription(subscription, opened=[choice])
            return True

    async def set_version(self, account_sid: str, sid: str, wish: Wish) -> None:
        """Set the version of a subscribed event; to the latest where none is wished.

        Raises NotFound where the type is not subscribed, Refused 20409.
        """
        async with self._lock:
            subscription, event = self.directory.event(account_sid, sid, wish.type)
            await self._set_version(subscription, event, wish.version)

    async def remove_event(self, account_sid: str, sid: str, event_type: str) -> None:
        """Take a type off a subscription; its queued events are still delivered."""
        async with self._lock:
            subscription, event = self.directory.event(account_sid, sid, event_type)
            await self._save_subscription(subscription, closed={event.type})

    def _check_subscribable(self, sink: Sink) -> None:
        if not sink.live:
            reason = f"sink {sink.sid} is not active"
            raise Refused(91100, 409, f"Subscription could not be created: {reason}")
        if self._one_per_sink and self.directory.is_in_use(sink.sid):
            raise Refused(20409, 409, f"Sink with SID {sink.sid} is in use")
        if len(self.directory.subscriptions(sink.account_sid)) >= MAX_SUBSCRIPTIONS:
            raise Refused(
                20409, 409, f"Subscription limit of {MAX_SUBSCRIPTIONS} reached"
            )

    async def _set_version(
        self, subscription: Subscription, event: SubscribedEvent, wanted: int | None
    ) -> None:
        row = subscriptions.find_type(event.type, self.directory.event_types)
        version = subscriptions.choose_version(row, wanted)
        if version != event.version:
            choice = Choice(event.type, version)
            await self._save_subscription(
                subscription, opened=[choice], closed={event.type}
            )

    async def _save_sink(self, sink: Sink) -> Sink:
        def saved(_: None) -> None:
            self.directory.put_sink(sink)

        await self._store.save_sink(sink, saved)
        return sink

    async def _save_subscription(
        self,
        subscription: Subscription,
        *,
        opened: Sequence[Choice] = (),
        closed: Collection[str] = (),
    ) -> Subscription:
        updated = replace(subscription, updated_ms=self._clock.now_ms())

        def saved(position: int) -> None:
            self.directory.put_subscription(
                updated, opened=opened, closed=closed, position=position
            )

        await self._store.save_subscription(
            updated, opened=opened, closed=closed, then=saved
        )
        return updated
