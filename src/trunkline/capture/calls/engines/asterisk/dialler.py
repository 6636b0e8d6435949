"""Dials calls through Asterisk, and hangs up; what must wait for Asterisk, waits."""

import asyncio

import structlog

from trunkline.capture.calls.call import Call
from trunkline.capture.calls.engines.asterisk import dialplan
from trunkline.capture.calls.engines.asterisk.client import AriFailed, AriLost
from trunkline.capture.calls.engines.asterisk.legs import gone
from trunkline.capture.calls.engines.asterisk.means import Means
from trunkline.capture.calls.progress import Report


# Seconds that Asterisk lets a phone ring beyond the call's own limit, which Trunkline
# keeps: should Trunkline be gone, it does not ring for ever.
RING_MARGIN = 10

_WAIT = 1.0  # seconds between two looks at calls that wait
_AT_A_TIME = 32

_log = structlog.get_logger("asterisk")


class Dialler:
    """Calls to be dialled and channels to be hung up, while Asterisk is there.

    A call that Asterisk could not be asked for within its ring limit has failed:
    nobody wants it to ring an hour later.
    """

    def __init__(self, means: Means) -> None:
        self._ari, self._legs, self._reporter, self._clock, self._plan = means
        self._waiting: dict[str, tuple[Call, int]] = {}
        self._unwanted: dict[str, None] = {}
        self._news = asyncio.Event()
        self._connected = False
        self._slots = asyncio.Semaphore(_AT_A_TIME)

    def add(self, call: Call) -> None:
        """Have a call dialled."""
        late_ms = self._clock.now_ms() + call.timeout * 1000
        self._waiting[call.sid] = (call, late_ms)
        self._news.set()

    def remove(self, call: Call) -> None:
        """Have a call hung up, wherever it is on its way."""
        self._waiting.pop(call.sid, None)
        leg = self._legs.get(call.sid)
        self._legs.forget(call.sid)
        if leg is None:
            return
        if leg.settled:
            self.hang_up(leg.channel_id or call.sid)
        else:
            # Asterisk is being asked for it this moment, and does not know it yet.
            leg.unwanted = True

    def hang_up(self, channel_id: str) -> None:
        """Have a channel hung up."""
        self._unwanted[channel_id] = None
        self._news.set()

    def resume(self) -> None:
        """Asterisk is there."""
        self._connected = True
        self._news.set()

    def pause(self) -> None:
        """Asterisk is away."""
        self._connected = False

    async def run(self) -> None:
        """Dial and hang up, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._news.clear()
                if self._connected:
                    for call, _ in self._waiting.values():
                        initiated = self._legs.dial(call)
                        tasks.create_task(self._dial(call, initiated))
                    self._waiting.clear()
                    for channel_id in self._unwanted:
                        tasks.create_task(self._hang_up(channel_id))
                    self._unwanted.clear()
                await self._give_up()
                if self._waiting:
                    await self._clock.wait(self._news, _WAIT)
                else:
                    await self._news.wait()

    async def _give_up(self) -> None:
        now_ms = self._clock.now_ms()
        late = [sid for sid, (_, at_ms) in self._waiting.items() if at_ms <= now_ms]
        for sid in late:
            self._waiting.pop(sid, None)
        await self._reporter.tell(*(gone(sid, "Asterisk is away") for sid in late))

    async def _dial(self, call: Call, initiated: Report) -> None:
        async with self._slots:
            # Told first, so that a crash never dials a call twice.
            await self._reporter.tell(initiated)
            leg = self._legs.get(call.sid)
            if leg is None:
                return  # hung up while it waited for its turn
            try:
                await self._ari.dial(
                    call.sid,
                    endpoint=dialplan.endpoint_of(self._plan.endpoint, call.to),
                    caller_id=dialplan.caller_id_of(call.from_),
                    ring_seconds=call.timeout + RING_MARGIN,
                )
            except (dialplan.NoEndpoint, AriFailed) as error:
                await self._failed(call, error)
            except AriLost as error:
                # Where Asterisk may have been asked, two looks tell whether it was.
                if not error.sent:
                    await self._failed(call, error)
            leg.settled = True
            if leg.unwanted:
                self.hang_up(call.sid)

    async def _failed(self, call: Call, error: Exception) -> None:
        _log.warning("asterisk.not_dialled", call_sid=call.sid, error=str(error))
        self._legs.forget(call.sid)
        await self._reporter.tell(gone(call.sid, str(error)))

    async def _hang_up(self, channel_id: str) -> None:
        async with self._slots:
            try:
                await self._ari.hang_up(channel_id)
            except AriFailed as error:
                _log.warning("asterisk.not_hung_up", error=str(error))
            except AriLost as error:
                _log.warning("asterisk.not_hung_up", error=str(error))
                self.pause()
                self.hang_up(channel_id)
