"""Matches appended events to sinks, and keeps the sinks' bookmarks.

An appended event is matched once, by dictionary, and offered to the lanes of the
sinks that want it: the cost grows with those sinks, not with all.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence

import structlog

from trunkline.delivery.lane import Lane
from trunkline.delivery.means import Means
from trunkline.delivery.ports import Sender
from trunkline.errors import StorageFailed
from trunkline.events import catalogue
from trunkline.log.records import Entry
from trunkline.streams.routing import Route
from trunkline.streams.sinks import Sink


# How often bookmarks are stored, in seconds: what a crash repeats at the most.
BOOKMARK_PERIOD = 0.25
# A sink that gets nothing has its bookmark stored when it lags this far behind.
IDLE_LAG = 10_000

# How long attempts under way may go on when a lane is replaced, in seconds.
REPLACE_SECONDS = 10.0

_logger = structlog.get_logger("delivery")


class Dispatcher:
    """All lanes. Lives as long as the server."""

    def __init__(self, means: Means, make_sender: Callable[[Sink], Sender]) -> None:
        self._means = means
        self._log = means.log
        self._make_sender = make_sender
        self._lanes: dict[str, Lane] = {}
        self._tests: dict[int | None, Lane] = {}
        self._stored: dict[str, int] = {}
        self._started = False

    # --- what the sinks and subscriptions say --------------------------------------

    def open_sink(self, sink: Sink) -> None:
        """Have a lane for a sink; take up the policy of one that changed."""
        lane = self._lanes.get(sink.sid)
        if lane is None:
            self._lanes[sink.sid] = lane = self._lane(sink)
            if self._started:
                lane.start_at_head()
        elif lane.policy.ordered == sink.policy.ordered:
            lane.set_policy(sink.policy)
        else:
            self._lanes[sink.sid] = self._lane(sink)
            self._means.tasks.create_task(self._replace(lane))

    def _lane(self, sink: Sink) -> Lane:
        return Lane(sink, sender=self._make_sender(sink), means=self._means)

    async def _replace(self, lane: Lane) -> None:
        """Let a lane end what is under way, and its successor go on from there."""
        await lane.stop(REPLACE_SECONDS)
        successor = self._lanes.get(lane.sink_sid)
        if successor is not None:
            self._keep_test(lane, successor)
            await successor.start_at(lane.bookmark)

    def _keep_test(self, lane: Lane, successor: Lane) -> None:
        successor.test_position = lane.test_position
        if lane.test_position in self._tests:
            self._tests[lane.test_position] = successor

    def set_routes(self, sink_sid: str, routes: Sequence[Route]) -> None:
        """Take a sink's routes, in place of those it had."""
        self._means.routes.replace(sink_sid, routes)

    def owe_test(self, sink_sid: str, position: int) -> None:
        """Take the event at `position` as the sink's test; older tests are void."""
        lane = self._lanes.get(sink_sid)
        if lane is not None:
            self._tests.pop(lane.test_position, None)
            self._tests[position] = lane
            lane.test_position = position

    def close_sink(self, sink_sid: str) -> None:
        """Drop a deleted sink with all that is owed to it."""
        lane = self._lanes.pop(sink_sid, None)
        self._stored.pop(sink_sid, None)
        self._means.routes.replace(sink_sid, ())
        if lane is not None:
            self._tests.pop(lane.test_position, None)
            self._means.tasks.create_task(self._forget(lane))

    async def _forget(self, lane: Lane) -> None:
        await lane.stop(0)
        try:
            await self._log.forget(lane.sink_sid)
        except StorageFailed as error:
            # Rows of a sink that is gone harm nobody.
            _logger.warning(
                "delivery.write_failed", sink_sid=lane.sink_sid, error=str(error)
            )

    def lane(self, sink_sid: str) -> Lane | None:
        """Return a sink's lane."""
        return self._lanes.get(sink_sid)

    # --- what the log says -----------------------------------------------------------

    def appended(self, entries: Sequence[Entry]) -> None:
        """Offer entries that are on disk to the lanes of their sinks, in runs."""
        routes = self._means.routes
        for run in _runs(entries):
            event, first, last = run[0].event, run[0].position, run[-1].position
            if routes.are_alike(event.account_sid, event.type, first, last):
                self._offer(run)
            else:  # a subscription begins or ends between them
                for entry in run:
                    self._offer([entry])
            if event.type == catalogue.TEST_EVENT_TYPE:
                self._offer_tests(run)

    def _offer(self, entries: Sequence[Entry]) -> None:
        """Offer entries that go to the same sinks."""
        event = entries[0].event
        for sink_sid, version in self._means.routes.match(
            event.account_sid, event.type, entries[0].position
        ):
            self._lanes[sink_sid].offer(entries, version)

    def _offer_tests(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            tested = self._tests.get(entry.position)
            if tested is not None:
                tested.offer([entry], 1)

    # --- from beginning to end -------------------------------------------------------

    async def start(self) -> None:
        """Start every lane at its bookmark, then keep the bookmarks stored."""
        self._stored = await self._log.bookmarks()
        self._started = True
        for sink_sid, lane in list(self._lanes.items()):
            await lane.start_at(self._first_bookmark(sink_sid))
        self._keeper = self._means.tasks.create_task(self._keep_bookmarks())
        self._guard = self._means.tasks.create_task(self._end_with_the_others())

    async def _end_with_the_others(self) -> None:
        """Should all tasks be cancelled, end what is under way without one, too."""
        try:
            await asyncio.Event().wait()
        finally:
            for lane in self._lanes.values():
                lane.abandon()

    def _first_bookmark(self, sink_sid: str) -> int:
        """Return a stored bookmark; without one, where the first route begins."""
        if sink_sid in self._stored:
            return self._stored[sink_sid]
        routes = self._means.routes.of_sink(sink_sid)
        return min((route.from_position for route in routes), default=self._log.head)

    @property
    def idle(self) -> bool:
        """Whether nothing is owed but what waits for its next attempt."""
        return all(lane.idle for lane in self._lanes.values())

    async def stop(self, seconds: float) -> None:
        """Let attempts under way end in that time, then store the bookmarks."""
        self._keeper.cancel()
        stops = [
            self._means.tasks.create_task(lane.stop(seconds))
            for lane in self._lanes.values()
        ]
        for stopped in stops:
            await stopped
        self._guard.cancel()
        await self.store_bookmarks(every=True)

    async def _keep_bookmarks(self) -> None:
        while True:
            await self._means.clock.sleep(BOOKMARK_PERIOD)
            try:
                await self.store_bookmarks()
            except StorageFailed as error:
                _logger.error("delivery.write_failed", error=str(error))

    async def store_bookmarks(self, *, every: bool = False) -> None:
        """Store the bookmarks that moved; of idle sinks only now and then."""
        moved = {}
        for sink_sid, lane in self._lanes.items():
            bookmark = lane.bookmark
            lag = bookmark - self._stored.get(sink_sid, -IDLE_LAG)
            if lag >= IDLE_LAG or (lag > 0 and (every or lane.touched)):
                moved[sink_sid] = bookmark
            lane.touched = not lane.idle
        if moved:
            await self._log.move_bookmarks(moved)
            self._stored.update(moved)


def _runs(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Take entries apart where the account or the type is another one."""
    start, first = 0, entries[0].event
    for index, entry in enumerate(entries):
        event = entry.event
        if event.type != first.type or event.account_sid != first.account_sid:
            yield entries[start:index]
            start, first = index, event
    yield entries[start:]
