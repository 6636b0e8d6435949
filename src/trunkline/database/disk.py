"""Getting bytes to the disk itself, past every cache."""

import os
import sys
from pathlib import Path


if sys.platform == "darwin":
    import fcntl

    def sync(descriptor: int) -> None:
        """Return once a file's contents are on the disk; raises OSError."""
        # fsync leaves them in the drive's cache on this system.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)

else:

    def sync(descriptor: int) -> None:
        """Return once a file's contents are on the disk; raises OSError."""
        os.fdatasync(descriptor)


def sync_folder(path: Path) -> None:
    """Return once the names of a folder's files are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
