"""Syncs a file without a thread, where the system can: Linux's asynchronous I/O.

A thread that syncs needs Python's lock before and after, and has to win it from an event
loop that is busy: both then wait for one another, hundreds of times a second.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress

from caio import AbstractOperation, linux_aio  # None where it cannot be


# A first sync that takes longer is not waited for: a thread is to sync.
FIRST_SYNC_S = 10.0

Told = Callable[[OSError | None], None]
"""Hears, on the event loop, that a file is on the disk, or why it is not."""


class KernelSync:
    """Syncs one file, one sync at a time.

    Raises OSError where the system does not do that: for old kernels and in some
    containers. That is known for certain once a first sync has come to its end.
    """

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop) -> None:
        if linux_aio is None:
            raise OSError("There is no asynchronous I/O here.")
        self._descriptor = descriptor
        self._loop = loop
        self._context = linux_aio.Context(1)
        os.set_inheritable(self._context.fileno, False)
        # The sync under way, and who hears of it.
        self._operation: AbstractOperation | None = None
        self._told: Told | None = None
        loop.add_reader(self._context.fileno, self._look)

    def begin(self, told: Told) -> None:
        """Begin a sync. Raises OSError where that cannot be, and tells nobody."""
        assert self._told is None
        try:
            operation = linux_aio.Operation.fdsync(self._descriptor)
            operation.set_callback(self._ended)
            begun = self._context.submit(operation)
        except Exception as error:  # there are several for what the system may say
            raise OSError(str(error)) from error
        if begun != 1:
            raise OSError("The system has no room for a sync.")
        self._operation, self._told = operation, told

    def close(self) -> None:
        """Let go of the system's part; whatever is under way, nobody hears of it."""
        self._told = None
        self._loop.remove_reader(self._context.fileno)

    def _look(self) -> None:
        with suppress(BlockingIOError):
            self._context.poll()
        try:
            self._context.process_events()
        except Exception as error:  # noqa: BLE001 (nobody may wait for good)
            self._tell(OSError(str(error)))

    def _ended(self, _result: int) -> None:
        operation, self._operation = self._operation, None
        assert operation is not None
        try:
            operation.get_value()
        except Exception as error:  # noqa: BLE001 (whatever it is, it did not sync)
            self._tell(error if isinstance(error, OSError) else OSError(str(error)))
        else:
            self._tell(None)

    def _tell(self, error: OSError | None) -> None:
        told, self._told = self._told, None
        if told is not None:
            told(error)


async def kernel_sync(
    descriptor: int, loop: asyncio.AbstractEventLoop
) -> KernelSync | None:
    """Return what syncs a file, None where the system does not; it has done it once."""
    ended: asyncio.Future[OSError | None] = loop.create_future()
    try:
        made = KernelSync(descriptor, loop)
    except (OSError, RuntimeError, SystemError):  # NotImplementedError among them
        return None
    try:
        made.begin(ended.set_result)
        async with asyncio.timeout(FIRST_SYNC_S):
            error = await ended
    except (OSError, TimeoutError) as raised:
        error = OSError(str(raised))
    except BaseException:
        made.close()
        raise
    if error is not None:
        made.close()
        return None
    return made
