"""Joins posts to their calls, holds those that cannot be yet: the shell of `identity`.

What is held is on disk before its post is answered, and leaves the disk in the same
transaction that appends its event. So a crash loses none; ids of events are given
when posts arrive, so trying again doubles none either.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from operator import attrgetter

import structlog

from trunkline.capture.sdk import identity, mapping
from trunkline.capture.sdk.calls import Call, Calls, cut_waits
from trunkline.capture.sdk.mapping import Sender
from trunkline.capture.sdk.ports import HeldEvent, Ids, Intake, SavedCall, Store
from trunkline.capture.sdk.post import CallIds, Post, parse_event
from trunkline.capture.sdk.sticky import Sticky, updated
from trunkline.clock import Clock
from trunkline.errors import StorageFailed
from trunkline.events.call_event import encode
from trunkline.events.catalogue import SDK_EVENT_TYPE
from trunkline.events.envelope import Event


# Ids of calls in memory, some 1,500 bytes each. The store finds calls that have left.
MAX_IDS = 30_000

# Held bodies in memory; beyond, events go out under their temporary id at once.
MAX_HELD_BYTES = 64 * 1024 * 1024

# A call's state ends this long after its last post; its ids are found for longer.
CALL_ENDS_MS = 24 * 60 * 60 * 1000
PAIR_KEPT_MS = 7 * 24 * 60 * 60 * 1000
UNATTACHED_KEPT_MS = 30 * 24 * 60 * 60 * 1000

# How often deadlines are looked at, and what is past its time is pruned.
TICK_S = 1.0
PRUNE_EVERY_TICKS = 60

# Events released together share a transaction.
_RELEASED_TOGETHER = 500

# Different calls asked for in the store because of one post with an expired token.
_MAX_LOOKUPS = 4

_logger = structlog.get_logger("sdk")


class Joiner:
    """Turns posts into events of the right call. Lives as long as the server.

    `open` comes first; `run` looks after deadlines until it is cancelled. `counts`
    are of events: emitted, emitted_unresolved, held, released, released_unresolved;
    and of posts: unattached.
    """

    def __init__(
        self,
        *,
        intake: Intake,
        store: Store,
        clock: Clock,
        ids: Ids,
        hold_seconds: int = 60,
        max_ids: int = MAX_IDS,
        max_held_bytes: int = MAX_HELD_BYTES,
    ) -> None:
        self._intake = intake
        self._store = store
        self._clock = clock
        self._ids = ids
        self._hold_ms = hold_seconds * 1000
        self._max_held_bytes = max_held_bytes
        self._calls = Calls(max_ids)
        self.counts: Counter[str] = Counter()

    async def open(self) -> None:
        """Take up again what was held when the server stopped."""
        for held in await self._store.held_events():
            ids = CallIds(None, held.temp_call_sid)
            call = await self._recall(held.sender.account_sid, ids)
            post = parse_event(held.body, held.received_ms)
            call.sticky = updated(call.sticky, post)
            call.over = call.over or identity.ends_call(post)
            self._calls.hold(call, held)

    async def take(self, body: bytes, post: Post, sender: Sender, now_ms: int) -> None:
        """See to a post: returns once its event, or the post held, is on disk.

        Raises StorageFailed where it is not.
        """
        account_sid, ids = sender.account_sid, post.ids
        call_id = ids.temp_call_sid or ids.call_sid
        if call_id is None:
            await self._store.keep_unattached(account_sid, now_ms, body)
            self.counts["unattached"] += 1
            return
        call = self._calls.get((account_sid, call_id))
        if call is None:
            call = await self._recall(account_sid, ids)
        call.seen_ms = now_ms
        sticky = updated(call.sticky, post)
        if sticky.edge is not call.sticky.edge:
            call.is_saved = False  # told once in a call: a restart must not lose it
        call.sticky = sticky
        if identity.ends_call(post):
            call.over = True
        has_room = self._calls.held_bytes < self._max_held_bytes
        decision = identity.join(
            call.call_sid,
            ids,
            now_ms=now_ms,
            hold_ms=self._hold_ms if has_room else 0,
            over=call.over,
        )
        match decision:
            case identity.Hold(until_ms):
                held = HeldEvent(
                    event_id=self._ids.sid("EZ"),
                    temp_call_sid=call_id,
                    due_ms=until_ms,
                    received_ms=now_ms,
                    at_ms=post.at_ms,
                    sender=sender,
                    body=body,
                )
                await self._hold(call, held)
            case identity.Emit(call_sid):
                await self._emit(call, call_sid, post, sender)

    async def knows(self, account_sid: str, calls: Iterable[CallIds]) -> bool:
        """Tell whether any of these is a call of the account."""
        for ids in list(dict.fromkeys(calls))[:_MAX_LOOKUPS]:
            for call_id in (ids.temp_call_sid, ids.call_sid):
                if call_id is not None and (
                    (account_sid, call_id) in self._calls
                    or await self._store.find_call(account_sid, call_id) is not None
                ):
                    return True
        return False

    async def run(self) -> None:
        """Release what is due, and prune, until cancelled."""
        ticks = 0
        while True:
            try:
                await self.release_due()
                if ticks % PRUNE_EVERY_TICKS == 0:
                    await self.prune()
            except StorageFailed as error:
                # Held events stay where they are; the next tick tries again.
                _logger.error("sdk_release_failed", error=str(error))
            ticks += 1
            await self._clock.sleep(TICK_S)

    async def release_due(self) -> None:
        """Send off, under the id they have, held events whose time has come."""
        now_ms = self._clock.now_ms()
        due = [
            (held, call)
            for call in self._calls.holding()
            for held in call.held.values()
            # Where the SID is known, a release has failed: no need to wait on.
            if held.due_ms <= now_ms or call.call_sid is not None
        ]
        due.sort(key=lambda pair: pair[0].at_ms)
        for start in range(0, len(due), _RELEASED_TOGETHER):
            await self._release(due[start : start + _RELEASED_TOGETHER])

    async def prune(self) -> None:
        """Forget calls whose time is over."""
        now_ms = self._clock.now_ms()
        self._calls.forget_before(now_ms - CALL_ENDS_MS)
        await self._store.prune(
            pairs_before_ms=now_ms - PAIR_KEPT_MS,
            posts_before_ms=now_ms - UNATTACHED_KEPT_MS,
        )

    async def _emit(
        self, call: Call, call_sid: str, post: Post, sender: Sender
    ) -> None:
        event = _event(self._ids.sid("EZ"), post, sender, call.sticky, call_sid)
        if call.is_saved and call.call_sid == call_sid and not call.held:
            # The hot way: nearly every post goes here.
            await self._intake.accept((event,))
            self.counts["emitted"] += 1
        elif call_sid == post.ids.temp_call_sid:
            # Nothing is held, or there is no room: the browser's own id must do.
            await self._intake.accept((event,))
            self.counts["emitted_unresolved"] += 1
        else:
            await self._emit_and_save(call, call_sid, event, post.ids)

    async def _emit_and_save(
        self, call: Call, call_sid: str, event: Event, ids: CallIds
    ) -> None:
        """Emit an event, after those that waited for it, and save its call."""
        account_sid = event.account_sid
        if call.call_sid is not None and call.call_sid != call_sid:
            _logger.warning(
                "sdk_call_sid_changed",
                account_sid=account_sid,
                temp_call_sid=ids.temp_call_sid,
                old_call_sid=call.call_sid,
                call_sid=call_sid,
            )
        call.call_sid = call_sid
        call.is_saved = True
        self._calls.remember((account_sid, call_sid), call)
        save = self._store.save_call(
            SavedCall(
                account_sid=account_sid,
                known_as=ids.temp_call_sid or call_sid,
                call_sid=call_sid,
                sticky=call.sticky,
                seen_ms=call.seen_ms,
            )
        )
        waited = sorted(call.held.values(), key=attrgetter("at_ms"))
        release = self._store.release([held.event_id for held in waited])

        def save_and_release(connection: sqlite3.Connection) -> None:
            save(connection)
            release(connection)

        events = [*(_held_event(held, call, call_sid) for held in waited), event]
        for held in waited:
            self._calls.release(call, held)
        try:
            await self._intake.accept(events, save_and_release)
        except BaseException:
            # Should it have been written all the same, ids keep it from doubling.
            call.is_saved = False
            for held in waited:
                self._calls.hold(call, held)
            raise
        self.counts["emitted"] += 1
        self.counts["released"] += len(waited)

    async def _hold(self, call: Call, held: HeldEvent) -> None:
        # In memory before it is on disk, for a post with the SID may come in between;
        # what that writes comes after.
        self._calls.hold(call, held)
        if call.over:
            cut_waits(call, held.due_ms)
        try:
            await self._store.hold(held, cut=call.over)
        except BaseException:
            self._calls.release(call, held)
            raise
        self.counts["held"] += 1

    async def _release(self, due: Sequence[tuple[HeldEvent, Call]]) -> None:
        events = [
            _held_event(held, call, call.call_sid or held.temp_call_sid)
            for held, call in due
        ]
        release = self._store.release([event.id for event in events])
        for held, call in due:
            self._calls.release(call, held)
        try:
            await self._intake.accept(events, release)
        except BaseException:
            for held, call in due:
                self._calls.hold(call, held)
            raise
        unresolved = sum(call.call_sid is None for _, call in due)
        self.counts["released_unresolved"] += unresolved
        self.counts["released"] += len(due) - unresolved

    async def _recall(self, account_sid: str, ids: CallIds) -> Call:
        """Return a call that memory does not have: the store's, or a new one."""
        key = account_sid, ids.temp_call_sid or ids.call_sid or ""
        saved = await self._store.find_call(*key)
        call = self._calls.get(key)
        if call is not None:
            return call  # another post of the call was quicker
        if saved is not None:
            call = Call(
                call_sid=saved.call_sid, sticky=saved.sticky, seen_ms=saved.seen_ms
            )
            self._calls.remember((account_sid, saved.call_sid), call)
        elif ids.call_sid is not None:
            call = self._calls.get((account_sid, ids.call_sid))
            if call is not None:
                call.is_saved = False  # was known by its SID only
        if call is None:
            now_ms = self._clock.now_ms()
            call = Call(call_sid=None, sticky=Sticky(), seen_ms=now_ms)
        self._calls.remember(key, call)
        return call


def _event(
    event_id: str, post: Post, sender: Sender, sticky: Sticky, call_sid: str
) -> Event:
    data = mapping.call_event(post, sender, sticky, call_sid)
    return Event(
        event_id,
        sender.account_sid,
        SDK_EVENT_TYPE,
        f"/v1/Voice/{call_sid}/Events",
        data.timestamp,
        call_sid,
        encode(data),
    )


def _held_event(held: HeldEvent, call: Call, call_sid: str) -> Event:
    post = parse_event(held.body, held.received_ms)
    return _event(held.event_id, post, held.sender, call.sticky, call_sid)
