"""The real server as a process, for tests that stop, kill and restart it."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Self


ACCOUNT_SID = "AC" + "0" * 31 + "1"
AUTH_TOKEN = "the-auth-token"
KEY_SID = "SK" + "0" * 31 + "1"
KEY_SECRET = "the-key-secret-of-32-characters-"


class Server:
    """`trunkline serve` on a free port of 127.0.0.1. A context manager."""

    def __init__(self, data_dir: Path, **variables: str) -> None:
        self.data_dir = data_dir
        self._variables = variables
        self.log: deque[dict[str, Any]] = deque(maxlen=10_000)

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "trunkline", "serve", "--port", "0"]
        self.process = subprocess.Popen(
            [*command, "--data-dir", str(self.data_dir)],
            env=environment(**self._variables),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(read_line(line))
            if self.log[-1]["event"] == "server.ready":
                break
        else:
            raise AssertionError(f"the server did not start: {list(self.log)}")
        self.url: str = self.log[-1]["url"]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        assert self.process.stderr is not None
        self._reader.join()
        self.process.stderr.close()

    def kill(self) -> None:
        """End it as a power cut would: no handler runs."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(read_line(line))


def environment(**variables: str) -> dict[str, str]:
    """The environment of a server with known credentials."""
    return {
        **os.environ,
        "TRUNKLINE_ACCOUNT_SID": ACCOUNT_SID,
        "TRUNKLINE_AUTH_TOKEN": AUTH_TOKEN,
        "TRUNKLINE_API_KEY_SID": KEY_SID,
        "TRUNKLINE_API_KEY_SECRET": KEY_SECRET,
        "TRUNKLINE_LOG_FORMAT": "json",
        **variables,
    }


def read_line(line: str) -> dict[str, Any]:
    """A log line; what is none is kept as it is, for the test that fails to show."""
    try:
        read: dict[str, Any] = json.loads(line)
    except ValueError:
        return {"event": "not a log line", "line": line}
    return read
