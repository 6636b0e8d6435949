"""What the engine tells the switchboard."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from trunkline.capture.calls.call import Call
from trunkline.capture.calls.progress import Report
from trunkline.clock import Clock
from trunkline.errors import StorageFailed


_STORAGE_PAUSE = 1.0  # seconds

_log = structlog.get_logger("asterisk")


# Both return once their work is synced, and raise StorageFailed. `Adopt` keeps a call
# that was made elsewhere, and does nothing where it is kept already.
Tell = Callable[[Sequence[Report]], Awaitable[object]]
Adopt = Callable[[Call], Awaitable[object]]


class Reporter:
    """Tells the switchboard; while the disk keeps nothing, again and again."""

    def __init__(self, tell: Tell, adopt: Adopt, clock: Clock) -> None:
        self._tell = tell
        self._adopt = adopt
        self._clock = clock

    async def tell(self, *reports: Report) -> None:
        """Return once reports have been worked off and synced."""
        if reports:
            await self._until_stored(lambda: self._tell(reports))

    async def adopt(self, call: Call) -> None:
        """Return once a call is kept."""
        await self._until_stored(lambda: self._adopt(call))

    async def _until_stored(self, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await work()
            except StorageFailed as error:
                _log.error("asterisk.not_stored", error=str(error))
                await self._clock.sleep(_STORAGE_PAUSE)
            else:
                return
