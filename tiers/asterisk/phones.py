"""Telephones: a real Asterisk in its chroot, and sipp on both sides of it."""

import json
import os
import shutil
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from secrets import token_hex


HERE = Path(__file__).parent
USER = "trunkline"

_READY_WITHIN = 20.0  # seconds
_STOPPED_WITHIN = 10.0
_RTP_PORTS = 100


class Asterisk:
    """Asterisk, with configuration of ours in a folder of its own within the chroot."""

    def __init__(self, root: Path, callback_url: str) -> None:
        self._root = root
        self._run = f"/run/trunkline-{os.getpid()}"
        self.password = token_hex(16)
        self.sip_port = free_port(socket.SOCK_DGRAM)
        self.callee_port = free_port(socket.SOCK_DGRAM)
        self._http_port = free_port(socket.SOCK_STREAM)
        self.url = f"http://127.0.0.1:{self._http_port}"
        rtp_start = free_port(socket.SOCK_DGRAM) % 40_000 + 10_000
        self._configure(
            RUN=self._run,
            MODULES=str(self._modules()),
            HTTP_PORT=self._http_port,
            PASSWORD=self.password,
            RTP_START=rtp_start,
            RTP_END=rtp_start + _RTP_PORTS,
            SIP_PORT=self.sip_port,
            CALLEE_PORT=self.callee_port,
            CALLBACK=callback_url,
        )

    def start(self) -> None:
        """Start it, and return once it answers."""
        self._process = subprocess.Popen(
            [
                *("chroot", "--userspec=asterisk:asterisk", str(self._root)),
                *("asterisk", "-f", "-C", f"{self._run}/etc/asterisk.conf"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _READY_WITHIN
        while self.channels() is None:
            assert self._process.poll() is None, "Asterisk did not start"
            assert time.monotonic() < deadline, "Asterisk is not ready"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it, and remove what it wrote."""
        self._process.terminate()
        try:
            self._process.wait(_STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
        shutil.rmtree(self._folder)

    def channels(self) -> bytes | None:
        """What it says of its channels; None while it says nothing."""
        return self._ask("GET", "/channels")

    def bridged(self) -> list[set[str]]:
        """The channels of each bridge: who hears whom."""
        found = json.loads(self._ask("GET", "/bridges") or b"[]")
        return [set(bridge["channels"]) for bridge in found]

    def hang_up(self, channel_id: str) -> None:
        """Hang up a channel, without the server's doing."""
        assert self._ask("DELETE", f"/channels/{channel_id}") is not None

    def _ask(self, method: str, path: str) -> bytes | None:
        basic = b64encode(f"{USER}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        with closing(
            HTTPConnection("127.0.0.1", self._http_port, timeout=2)
        ) as connection:
            try:
                connection.request(method, f"/ari{path}", headers=headers)
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, HTTPException):
                return None
        return body if answer.status in {200, 204} else None

    @property
    def _folder(self) -> Path:
        return self._root / self._run.lstrip("/")

    def _modules(self) -> Path:
        [found] = self._root.glob("usr/lib/*/asterisk/modules")
        return Path("/") / found.relative_to(self._root)

    def _configure(self, **values: object) -> None:
        etc = self._folder / "etc"
        etc.mkdir(parents=True)
        for template in (HERE / "config").iterdir():
            text = template.read_text("utf-8")
            for name, value in values.items():
                text = text.replace(f"@{name}@", str(value))
            (etc / template.name).write_text(text, "utf-8")
        subprocess.run(
            ["chroot", self._root, "chown", "-R", "asterisk:asterisk", self._run],
            check=True,
        )


@contextmanager
def callees(asterisk: Asterisk) -> Iterator[None]:
    """Everyone who can be called, on the port to which Asterisk's trunk leads."""
    command = _sipp("callee", asterisk.callee_port)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def call_in(asterisk: Asterisk, number: str, scenario: str = "caller") -> None:
    """Call a number of Asterisk's dialplan, and return once the call is over."""
    target = f"127.0.0.1:{asterisk.sip_port}"
    port = free_port(socket.SOCK_DGRAM)
    command = _sipp(scenario, port, "-s", number, "-m", "1", "-timeout", "20", target)
    done = subprocess.run(
        command, check=False, timeout=25, capture_output=True, text=True
    )
    assert done.returncode == 0, f"not as {scenario}.xml says: {done.stderr[-1000:]}"


def _sipp(scenario: str, port: int, *more: str) -> Sequence[str]:
    local = "127.0.0.1"
    media = free_port(socket.SOCK_DGRAM)
    control = free_port(socket.SOCK_DGRAM)
    return [
        *("sipp", "-sf", str(HERE / f"scenarios/{scenario}.xml"), "-nostdin"),
        *("-trace_err", "-error_file", "/dev/stderr"),
        *("-i", local, "-p", str(port), "-mi", local, "-mp", str(media)),
        *("-ci", local, "-cp", str(control), *more),
    ]


def free_port(kind: int) -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
