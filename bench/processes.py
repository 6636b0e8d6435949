"""Child processes: start, stop by id, and what they use of CPU and memory."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec


T = TypeVar("T", bound=msgspec.Struct)

_START_LIMIT = 20.0  # seconds
_STOP_LIMIT = 20.0

_ROOT = Path(__file__).parents[1]
_PROC = Path("/proc")  # Linux; elsewhere `ps` is asked


class DidNotWork(Exception):
    """A child did not start, did not stop, or failed; with what it wrote."""


class Child:
    """A running child process. Its standard error goes to the file `log`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self.pid = process.pid
        self.log = log

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its threads so far."""
        return cpu_seconds(self._process.pid)

    def peak_mib(self) -> float:
        """Return the most memory it had at a time (elsewhere than Linux: has now)."""
        return _peak_mib(self._process.pid)

    def first_line(self) -> str:
        """Return what it says when it is ready: the first line of its output."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode()
        if not line:
            raise self.failure("ended before it was ready")
        return line.strip()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def check(self) -> None:
        """Raise DidNotWork if it has ended."""
        if self._process.poll() is not None:
            raise self.failure(f"ended with {self._process.returncode}")

    def stop(self) -> None:
        """End it, and wait until it has."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def failure(self, what: str) -> DidNotWork:
        """Return an error that says what happened and what the child wrote."""
        wrote = self.log.read_text("utf-8", "replace")[-2000:]
        return DidNotWork(f"{self._process.args!r} {what}\n{wrote}")


@contextmanager
def running(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Run a command, and stop it at the end whatever happens."""
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **(environment or {})},
            cwd=_ROOT,
        ) as process,
    ):
        child = Child(process, log)
        try:
            yield child
        finally:
            child.stop()


def run_module(module: str, *arguments: str, result: type[T], stdin: bytes = b"") -> T:
    """Run a module of ours to its end; return what it wrote. Raises DidNotWork.

    Its last argument is the file to write its result to: results have megabytes, and
    on a pipe their end was seen to be lost.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        command = [sys.executable, "-m", module, *arguments, str(path)]
        done = subprocess.run(
            command, input=stdin, capture_output=True, cwd=_ROOT, check=False
        )
        try:
            return msgspec.json.decode(path.read_bytes(), type=result)
        except (OSError, msgspec.DecodeError) as error:
            wrote = done.stderr.decode("utf-8", "replace")[-2000:]
            what = f"{module} ended with {done.returncode}: {error}"
            raise DidNotWork(f"{what}\n{wrote}") from None


def await_port(child: Child, port: int) -> None:
    """Wait until a child listens on a port."""
    deadline = time.monotonic() + _START_LIMIT
    while time.monotonic() < deadline:
        child.check()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise child.failure("does not listen")


def await_log(child: Child, pattern: str) -> str:
    """Wait until a child's log has a match; return its first group."""
    deadline = time.monotonic() + _START_LIMIT
    while time.monotonic() < deadline:
        if match := re.search(pattern, child.log.read_text("utf-8", "replace")):
            return match[1]
        child.check()
        time.sleep(0.02)
    raise child.failure("is not ready")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used: in steps of 10 ms on Linux."""
    if _PROC.exists():
        # The name, in brackets, may have spaces in it; fields are counted after it.
        stat = (_PROC / f"{pid}/stat").read_text("ascii", "replace")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return _seconds(_ps("time=", pid))


def _peak_mib(pid: int) -> float:
    if _PROC.exists():
        status = (_PROC / f"{pid}/status").read_text("utf-8", "replace")
        match = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(match[1]) / 1024 if match else 0.0
    return int(_ps("rss=", pid)) / 1024


def _ps(what: str, pid: int) -> str:
    command = ["ps", "-o", what, "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _seconds(text: str) -> float:
    """Return the seconds in `[[days-]hours:]minutes:seconds`."""
    days, _, clock = text.strip().rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds + 86_400 * int(days or 0)
