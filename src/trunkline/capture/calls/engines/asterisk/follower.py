"""Works off what Asterisk says, in its order, and does what its channels wait for.

A channel of the dialplan that enters our application is adopted: it becomes a call,
its news are asked for, and it goes on in the dialplan. What the dialplan dials for it
is adopted too. A channel that we dialled is joined with the one it was dialled for.
"""

import asyncio
from collections.abc import Awaitable, Iterable

import structlog

from trunkline.capture.calls.engines.asterisk import dialplan, events
from trunkline.capture.calls.engines.asterisk.client import AriFailed, AriLost
from trunkline.capture.calls.engines.asterisk.dialler import Dialler
from trunkline.capture.calls.engines.asterisk.events import Channel, Event, call_sid_of
from trunkline.capture.calls.engines.asterisk.legs import Leg
from trunkline.capture.calls.engines.asterisk.means import Means
from trunkline.capture.calls.progress import Report


_MESSAGES = 10_000
_BATCH = 500

# How Asterisk answers a subscription to a channel that has gone meanwhile.
_NO_SUCH_CHANNEL = frozenset({404, 422})

_log = structlog.get_logger("asterisk")

# A message of the websocket; all channels at one moment; or one that is gone.
News = str | list[Channel] | Channel


class Follower:
    """From messages to reports. Whoever brings messages waits while there are many."""

    def __init__(self, means: Means, dialler: Dialler) -> None:
        self._ari, self._legs, self._reporter, self._clock, self._plan = means
        self._dialler = dialler
        self._news: asyncio.Queue[News] = asyncio.Queue(_MESSAGES)
        self._bridges: set[str] = set()

    async def take(self, news: News) -> None:
        """Take a message, or a look at all channels; each is worked off in its turn."""
        await self._news.put(news)

    async def hear_again(self, channels: Iterable[Channel]) -> None:
        """Ask for the news of what we followed before the connection was made."""
        for channel in channels:
            if self._legs.of(channel) is not None:
                await self._hear_of(channel)

    async def run(self) -> None:
        """Work, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                reports: list[Report] = []
                for news in await self._batch():
                    now_ms = self._clock.now_ms()
                    match news:
                        case str():
                            await self._work_off(news, reports, tasks)
                        case list():
                            reports += self._legs.look(news, now_ms)
                        case Channel():
                            reports += self._legs.vanished(news, now_ms)
                await self._reporter.tell(*reports)

    async def _batch(self) -> list[News]:
        """Return what there is, once there is something."""
        batch = [await self._news.get()]
        while not self._news.empty() and len(batch) < _BATCH:
            batch.append(self._news.get_nowait())
        return batch

    async def _work_off(
        self, message: str, reports: list[Report], tasks: asyncio.TaskGroup
    ) -> None:
        try:
            event = events.decode(message)
        except events.Unreadable as error:
            _log.warning("asterisk.unreadable", error=str(error))
            return
        if event is None:
            return
        leg = self._legs.of(event.about) or await self._adopted(event, tasks)
        reports += self._legs.hear(event, self._clock.now_ms())
        if event.type == "StasisStart":
            self._enter(event.about, leg, tasks)
        elif event.type == "ChannelDestroyed" and event.about.id in self._bridges:
            self._bridges.discard(event.about.id)
            tasks.create_task(self._done(self._ari.unbridge(event.about.id)))

    async def _adopted(self, event: Event, tasks: asyncio.TaskGroup) -> Leg | None:
        """Return the leg of a call that the dialplan made; None if it is not ours."""
        channel = event.about
        if call_sid_of(channel) == channel.id:
            return None  # we dialled it, and its call is over
        parent = self._legs.of(event.caller) if event.caller is not None else None
        now_ms = self._clock.now_ms()
        if event.type == "StasisStart":
            call, warnings = dialplan.incoming(
                event,
                account_sid=self._plan.account_sid,
                now_ms=now_ms,
                networks=self._plan.networks,
            )
            for warning in warnings:
                _log.warning("asterisk.argument", call_sid=call.sid, error=warning)
        elif event.type == "Dial" and not event.dialstatus and parent is not None:
            call = dialplan.dialled(event, parent.call, now_ms)
            tasks.create_task(self._hear_of(channel))
        else:
            return None
        await self._reporter.adopt(call)
        return self._legs.follow(call, channel_id=channel.id)

    def _enter(
        self, channel: Channel, leg: Leg | None, tasks: asyncio.TaskGroup
    ) -> None:
        """Do what a channel waits for in our application."""
        if call_sid_of(channel) != channel.id:
            tasks.create_task(self._send_on(channel))
        elif leg is None:
            self._dialler.hang_up(channel.id)
        elif (parent := self._legs.get(leg.call.parent_call_sid)) is not None:
            tasks.create_task(self._join(parent, channel))

    async def _send_on(self, channel: Channel) -> None:
        await self._hear_of(channel)
        await self._done(self._ari.go_on(channel.id))

    async def _join(self, parent: Leg, channel: Channel) -> None:
        # One bridge for all that a parent dials: who answers too late is hung up, and
        # has taken nobody away.
        bridge_id = parent.channel_id or parent.call.sid
        self._bridges.add(bridge_id)
        await self._done(self._ari.bridge(bridge_id, (bridge_id, channel.id)))

    async def _hear_of(self, channel: Channel) -> None:
        try:
            await self._ari.subscribe(channel.id)
        except AriFailed as error:
            _log.warning("asterisk.not_done", error=str(error))
            if error.status in _NO_SUCH_CHANNEL:
                await self.take(channel)
        except AriLost as error:
            _log.warning("asterisk.not_done", error=str(error))

    async def _done(self, asked: Awaitable[None]) -> None:
        try:
            await asked
        except (AriFailed, AriLost) as error:
            _log.warning("asterisk.not_done", error=str(error))
