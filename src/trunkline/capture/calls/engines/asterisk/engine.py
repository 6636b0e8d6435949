"""The Asterisk engine: stays connected to ARI, and puts its parts together.

ARI keeps nothing for a websocket that is away. So after every connection, and now and
then, the engine looks which channels Asterisk has: legs that are gone are closed.
"""

import asyncio
from collections.abc import AsyncIterator

import structlog

from trunkline.capture.calls.call import Call, Direction
from trunkline.capture.calls.engines.asterisk.client import Ari, AriFailed, AriLost
from trunkline.capture.calls.engines.asterisk.dialler import Dialler
from trunkline.capture.calls.engines.asterisk.follower import Follower
from trunkline.capture.calls.engines.asterisk.legs import Legs
from trunkline.capture.calls.engines.asterisk.means import Means, Plan
from trunkline.capture.calls.engines.asterisk.reporter import (
    Adopt,
    Reporter,
    Tell,
)
from trunkline.capture.calls.progress import State
from trunkline.clock import Clock


# Seconds. Asterisk may drop an application that registers again within a second, so
# even the first pause is one.
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0

# Seconds between looks at the channels: soon after the first, then now and then.
SECOND_LOOK = 1.0
LOOK_PAUSE = 10.0

_log = structlog.get_logger("asterisk")


class AsteriskEngine:
    """An engine for the switchboard. `run` must run for calls to make progress.

    `report` is the switchboard's, `adopt` keeps a call that the dialplan made.
    """

    def __init__(
        self, *, ari: Ari, report: Tell, adopt: Adopt, clock: Clock, plan: Plan
    ) -> None:
        self._ari = ari
        self._clock = clock
        self._legs = Legs()
        means = Means(ari, self._legs, Reporter(report, adopt, clock), clock, plan)
        self._dialler = Dialler(means)
        self._follower = Follower(means, self._dialler)

    async def place(self, call: Call) -> None:
        """Dial a call; or, after a restart, follow it from its stored state."""
        # A queued leg that has a Call-ID, or came in, was being adopted: it exists.
        exists = call.sip_call_id is not None or call.direction is Direction.INBOUND
        if exists or call.state is not State.QUEUED:
            self._legs.follow(call)
        else:
            self._dialler.add(call)

    async def hang_up(self, call: Call) -> None:
        """Hang up a call that the switchboard has ended."""
        self._dialler.remove(call)

    async def run(self) -> None:
        """Stay connected, dial and follow, until cancelled."""
        async with self._ari, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._dialler.run())
            tasks.create_task(self._follower.run())
            await self._stay_connected()

    async def _stay_connected(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._ari.connect() as messages:
                    _log.info("asterisk.connected")
                    pause = FIRST_PAUSE
                    await self._listen(messages)
            except* (AriFailed, AriLost) as group:
                reasons = "; ".join(str(error) for error in group.exceptions)
                _log.warning("asterisk.lost", error=reasons, again_in_seconds=pause)
            self._dialler.pause()
            await self._clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _listen(self, messages: AsyncIterator[str]) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look())
            async for message in messages:
                await self._follower.take(message)
            raise AriLost("the websocket has ended")

    async def _look(self) -> None:
        """Look at Asterisk's channels: at once, soon after, then now and then."""
        await self._follower.hear_again(await self._ari.channels())
        pause = SECOND_LOOK
        while True:
            if not await self._ari.is_registered():
                raise AriLost("Asterisk has forgotten the application")
            await self._follower.take(await self._ari.channels())
            self._dialler.resume()
            await self._clock.sleep(pause)
            pause = LOOK_PAUSE
