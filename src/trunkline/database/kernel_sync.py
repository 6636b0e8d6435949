"""Syncs a file without a thread, where the system can: Linux's asynchronous I/O.

A thread that syncs needs Python's lock before and after, and has to win it from an event
loop that is busy: both then wait for one another, hundreds of times a second.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from caio import AbstractOperation, linux_aio  # None where it cannot be


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
        self._told: Told | None = None
        loop.add_reader(self._context.fileno, self._look)

    def begin(self, told: Told) -> None:
        """Begin a sync. Raises OSError where that cannot be, and tells nobody."""
        assert self._told is None
        operation = linux_aio.Operation.fdsync(self._descriptor)
        operation.set_callback(lambda _result: self._end(operation))
        try:
            begun = self._context.submit(operation)
        except (OSError, ValueError) as error:  # it has both for what the system says
            raise OSError(str(error)) from error
        if begun != 1:
            raise OSError("The system has no room for a sync.")
        self._told = told

    def close(self) -> None:
        """Let go of the system's part; no sync may be under way."""
        self._loop.remove_reader(self._context.fileno)

    def _look(self) -> None:
        with suppress(BlockingIOError):
            self._context.poll()
        self._context.process_events()

    def _end(self, operation: AbstractOperation) -> None:
        error: OSError | None = None
        try:
            operation.get_value()
        except OSError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 (whatever it is, it did not sync)
            error = OSError(str(raised))
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
    except OSError:
        made.close()
        return None
    if await ended is not None:
        made.close()
        return None
    return made
