"""Joins posts to their calls, holds those that cannot be yet: the shell of `identity`.

What is held is on disk before its post is answered, and leaves the disk in the same
transaction that appends its event. So a crash loses none; what is held has the id of
its event from the start, so trying again doubles none either.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import attrgetter

import structlog

from trunkline.capture.sdk import identity
from trunkline.capture.sdk.arrival import (
    SURELY_SMALL,
    Arrival,
    check_size,
    event_of,
    held_event,
    kept_post,
    released,
)
from trunkline.capture.sdk.calls import Call, Calls, cut_waits
from trunkline.capture.sdk.ports import (
    Delivery,
    Done,
    HeldEvent,
    Ids,
    Intake,
    Rows,
    SavedCall,
    Store,
    Write,
)
from trunkline.capture.sdk.post import CallIds, Post, parse_event
from trunkline.capture.sdk.sticky import Sticky
from trunkline.clock import Clock
from trunkline.errors import TrunklineError
from trunkline.events.envelope import Event


# Ids of calls in memory, some 2,500 bytes each. The store finds calls that have left.
MAX_IDS = 30_000

# Held bodies in memory; beyond, events go out under their temporary id at once.
MAX_HELD_BYTES = 64 * 1024 * 1024

# A call's state ends this long after its last post; its ids are found for longer.
CALL_ENDS_MS = 24 * 60 * 60 * 1000
PAIR_KEPT_MS = 7 * 24 * 60 * 60 * 1000
DELIVERY_KEPT_MS = 24 * 60 * 60 * 1000
_DAY_MS = 24 * 60 * 60 * 1000

# How often deadlines are looked at, and what is past its time is pruned.
TICK_S = 1.0
PRUNE_EVERY_TICKS = 60

# Events released together share a transaction.
_RELEASED_TOGETHER = 500

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

# Different calls asked for in the store because of one post with an expired token.
_MAX_LOOKUPS = 4

_logger = structlog.get_logger("sdk")


class Joiner:
    """Turns posts into events of the right call. Lives as long as the server.

    `open` comes first; `run` looks after deadlines until it is cancelled. `counts`
    are of events: emitted, emitted_unresolved, held, released, released_unresolved;
    and of posts: unattached, below_level. What may have to be undone is counted once it
    is on disk, all else as it is decided.
    """

    def __init__(
        self,
        *,
        intake: Intake,
        store: Store,
        clock: Clock,
        ids: Ids,
        hold_seconds: int = 60,
        min_level: str = "DEBUG",
        keep_raw: bool = True,
        retention_days: int = 30,
        max_ids: int = MAX_IDS,
        max_held_bytes: int = MAX_HELD_BYTES,
    ) -> None:
        self._intake = intake
        self._store = store
        self._clock = clock
        self._ids = ids
        self._hold_ms = hold_seconds * 1000
        self._quiet = frozenset(_LEVELS[: _LEVELS.index(min_level)])
        self._keep_raw = keep_raw
        self._kept_ms = retention_days * _DAY_MS
        self._max_held_bytes = max_held_bytes
        self._calls = Calls(max_ids)
        self.counts: dict[str, int] = defaultdict(int)

    async def open(self) -> None:
        """Take up again what was held when the server stopped."""
        for held in await self._store.held_events():
            ids = CallIds(None, held.temp_call_sid)
            call = self._call(held.sender.account_sid, ids)
            post = parse_event(held.body, held.received_ms)
            call.memory.hear(post)
            call.over = call.over or identity.ends_call(post)
            self._calls.hold(call, held)

    def take(
        self, arrival: Arrival, done: Done, delivery: Delivery | None = None
    ) -> None:
        """See to a post; `done` hears when its event, or the post held, is on disk.

        Or why it is not: StorageFailed, or Repeated for a delivery that has come
        (attempts of one must take turns). Raises StorageFailed where nothing is taken any
        more, Refused 20413 for too large an event; then `done` is not called.
        """
        if len(arrival.body) > SURELY_SMALL:
            check_size(arrival)
        once: Write | None = None
        if delivery is not None:
            once = self._store.once(delivery)
            if self._store.has_come(delivery):
                # Nothing of it is held, or whoever comes next would release it as well;
                # but it is the write that says so: what was seen may not be synced.
                self._intake.submit((), done, also=once)
                return
        post, now_ms = arrival.post, arrival.now_ms
        account_sid, ids = arrival.sender.account_sid, post.ids
        call_id = ids.temp_call_sid or ids.call_sid
        if call_id is None:
            self._keep_unattached(arrival, done, once)
            return
        call = self._call(account_sid, ids)
        call.seen_ms = now_ms
        if call.memory.hear(post):
            call.is_saved = False  # told once in a call: a restart must not lose it
        decision = identity.settled(call.call_sid, ids) or self._decide(
            call, post, now_ms
        )
        if isinstance(decision, identity.Hold):
            until_ms = decision.until_ms
            self._hold(call, call_id, arrival, until_ms, done, once)
            return
        events: Sequence[Event] = ()
        rows: Sequence[Rows] = ()
        with_event: bytes | None = None
        if post.level in self._quiet:
            rows = self._kept(arrival, decision, None)
        else:
            # The log gives it its id, and keeps the post in its row.
            events = (event_of("", post, arrival.sender, call.memory, decision),)
            with_event = arrival.body if self._keep_raw else None
        if call.is_saved and call.call_sid == decision and not call.held:
            # The hot way: nearly every post goes here.
            count = "emitted" if events else "below_level"
        elif decision == ids.temp_call_sid:
            # Nothing is held, or there is no room: this id must do.
            count = "emitted_unresolved" if events else "below_level"
        else:
            self._emit_and_save(
                call, decision, arrival, events, done, rows, once, with_event
            )
            return
        self._intake.submit(events, done, rows, once, with_event)
        self.counts[count] += 1

    def _decide(self, call: Call, post: Post, now_ms: int) -> identity.Decision:
        if identity.ends_call(post):
            call.over = True
        has_room = self._calls.held_bytes < self._max_held_bytes
        return identity.join(
            call.call_sid,
            post.ids,
            now_ms=now_ms,
            hold_ms=self._hold_ms if has_room else 0,
            over=call.over,
        )

    def knows(self, account_sid: str, calls: Iterable[CallIds]) -> bool:
        """Tell whether any of these is a call of the account."""
        return any(
            (account_sid, call_id) in self._calls
            or self._store.find_call(account_sid, call_id) is not None
            for ids in list(dict.fromkeys(calls))[:_MAX_LOOKUPS]
            for call_id in (ids.temp_call_sid, ids.call_sid)
            if call_id is not None
        )

    async def run(self) -> None:
        """Release what is due, and prune, until cancelled."""
        ticks = 0
        while True:
            try:
                await self.release_due()
                if ticks % PRUNE_EVERY_TICKS == 0:
                    await self.prune()
            except TrunklineError as error:
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
        while await self._store.prune(
            pairs_before_ms=now_ms - PAIR_KEPT_MS,
            posts_before_ms=now_ms - self._kept_ms,
            deliveries_before_ms=now_ms - DELIVERY_KEPT_MS,
        ):
            pass  # a bounded number at a time, in transactions of their own

    def _kept(
        self, arrival: Arrival, call_id: str, event_id: str | None
    ) -> Sequence[Rows]:
        """Return the row that keeps a post by itself, none where posts are not kept."""
        if not self._keep_raw:
            return ()
        return (self._store.keep(kept_post(arrival, call_id, event_id)),)

    def _keep_unattached(
        self, arrival: Arrival, done: Done, once: Write | None
    ) -> None:
        self.counts["unattached"] += 1
        rows: Sequence[Rows] = ()
        if self._keep_raw:
            sid, now_ms = arrival.sender.account_sid, arrival.now_ms
            rows = (self._store.keep_unattached(sid, now_ms, arrival.body),)
        self._intake.submit((), done, rows=rows, also=once)

    def _emit_and_save(  # noqa: PLR0917 (in the order in which they come to be known)
        self,
        call: Call,
        call_sid: str,
        arrival: Arrival,
        events: Sequence[Event],
        done: Done,
        rows: Sequence[Rows],
        once: Write | None,
        post: bytes | None,
    ) -> None:
        """Emit a post's event, after those that waited for it, and save its call."""
        account_sid, ids = arrival.sender.account_sid, arrival.post.ids
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
                sticky=call.memory.sticky,
                seen_ms=call.seen_ms,
            )
        )
        waited = sorted(call.held.values(), key=attrgetter("at_ms"))
        release = self._store.release([held.event_id for held in waited])
        sticky = call.memory.sticky
        waiting = [released(held, sticky, call_sid) for held in waited]
        for held in waited:
            self._calls.release(call, held)

        def ended(error: BaseException | None) -> None:
            if error is None:
                self.counts["emitted" if events else "below_level"] += 1
                self.counts["released"] += len(waited)
            else:
                # Should it have been written all the same, ids keep it from doubling.
                call.is_saved = False
                for held in waited:
                    self._calls.hold(call, held)
            done(error)

        rows = [save, release, *rows]
        self._submit([*waiting, *events], ended, rows=rows, also=once, post=post)

    def _hold(  # noqa: PLR0917 (in the order in which they come to be known)
        self,
        call: Call,
        call_id: str,
        arrival: Arrival,
        until_ms: int,
        done: Done,
        once: Write | None,
    ) -> None:
        """Hold a post's event, unless it makes none, and keep the post."""
        if arrival.post.level in self._quiet:
            kept = self._kept(arrival, call_id, None)
            self._intake.submit((), done, rows=kept, also=once)
            self.counts["below_level"] += 1
            return
        event_id = self._ids.sid("EZ", arrival.now_ms)
        kept = self._kept(arrival, call_id, event_id)
        held = held_event(arrival, event_id, call_id, until_ms)
        # In memory before it is on disk, for a post with the SID may come in between;
        # what that writes comes after.
        self._calls.hold(call, held)
        if call.over:
            cut_waits(call, held.due_ms)

        def ended(error: BaseException | None) -> None:
            if error is None:
                self.counts["held"] += 1
            else:
                self._calls.release(call, held)
            done(error)

        hold = self._store.hold(held, cut=call.over)
        self._submit((), ended, rows=[*hold, *kept], also=once)

    def _submit(
        self,
        events: Sequence[Event],
        ended: Done,
        *,
        rows: Sequence[Rows],
        also: Write | None,
        post: bytes | None = None,
    ) -> None:
        """Submit what `ended` has to undo where it fails, at once or later."""
        try:
            self._intake.submit(events, ended, rows=rows, also=also, post=post)
        except TrunklineError as error:
            ended(error)

    async def _release(self, due: Sequence[tuple[HeldEvent, Call]]) -> None:
        events = [
            released(held, call.memory.sticky, call.call_sid or held.temp_call_sid)
            for held, call in due
        ]
        release = self._store.release([event.id for event in events])
        for held, call in due:
            self._calls.release(call, held)
        try:
            await self._intake.accept(events, rows=[release])
        except BaseException:
            for held, call in due:
                self._calls.hold(call, held)
            raise
        unresolved = sum(call.call_sid is None for _, call in due)
        self.counts["released_unresolved"] += unresolved
        self.counts["released"] += len(due) - unresolved

    def _call(self, account_sid: str, ids: CallIds) -> Call:
        """Return a call: the one in memory, the store's, or a new one."""
        key = account_sid, ids.temp_call_sid or ids.call_sid or ""
        call = self._calls.get(key)
        if call is not None:
            return call
        saved = self._store.find_call(*key)
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
