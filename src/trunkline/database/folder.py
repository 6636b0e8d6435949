"""The data folder: made if need be, private to its owner, used by one server at a time."""

import fcntl
import os
import re
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from trunkline.errors import DataFolderInUse, DataFolderUnusable


_LOCK_FILE = "lock"
_ADDRESS_FILE = "address"

_CERTIFICATE = re.compile(
    "-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL
)


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
            raise DataFolderInUse(
                f"The data folder {self.path} is in use by another process."
            ) from error
        (self.path / _ADDRESS_FILE).unlink(missing_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the folder."""
        os.close(self._lock)


class Announcement(NamedTuple):
    """Where the holder of a folder listens, and by what certificate it is known."""

    url: str
    certificate: str | None
    """PEM; None where it speaks plain HTTP."""


def announce(path: Path, url: str, certificate: Path | None) -> None:
    """Write down, for commands on this machine, where the holder of a folder listens."""
    pem = "" if certificate is None else certificate.read_text("utf-8")
    leaf = _CERTIFICATE.search(pem)  # nothing else of a file that may hold its key
    (path / _ADDRESS_FILE).write_text(f"{url}\n{leaf[0] if leaf else ''}", "utf-8")


def announced(path: Path) -> Announcement | None:
    """Return what the holder of a folder wrote; None while it does not listen yet."""
    try:
        url, _, pem = (path / _ADDRESS_FILE).read_text("utf-8").partition("\n")
    except OSError:
        return None
    return Announcement(url, pem or None) if url else None
