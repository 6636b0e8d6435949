"""The data folder: made if need be, private to its owner, used by one server at a time."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from trunkline.errors import DataFolderUnusable


_LOCK_FILE = "lock"


class DataFolder:
    """A context manager that holds the folder; another holder is refused.

    The lock is the kernel's and goes with the process, however it ends.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        """Make and lock the folder. Raises DataFolderUnusable, with nothing touched."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._lock = os.open(self.path / _LOCK_FILE, flags, 0o600)
        except OSError as error:
            raise DataFolderUnusable(
                f"The data folder {self.path} cannot be written: {error.strerror}."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise DataFolderUnusable(
                f"The data folder {self.path} is in use by another process."
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the folder."""
        os.close(self._lock)
