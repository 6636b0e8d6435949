"""One server, as often as it is started, on its simulated machine."""

import asyncio
import base64
import gc
import json
import os
import traceback
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import jwt
import structlog
from tiers.simulation.disk import Disks, SimulatedDisk
from tiers.simulation.loop import JumpingClock, VirtualLoop
from tiers.simulation.network import SimulatedNetwork

from trunkline.delivery.lane import Lane
from trunkline.server import running
from trunkline.settings import read


ACCOUNT_SID = "AC" + "0" * 31 + "1"
AUTH_TOKEN = "the-auth-token"
KEY_SID = "SK" + "0" * 31 + "1"
KEY_SECRET = "the-key-secret-of-32-characters-"

_BASIC = base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode())


class World:
    """The machine, the server on it, and who uses it."""

    def __init__(self, loop: VirtualLoop, seed: int, folder: Path) -> None:
        self.loop = loop
        self.random = Random(seed)
        self.clock = JumpingClock(loop)
        self.network = loop.network = SimulatedNetwork(
            loop, self.clock, Random(self.random.random())
        )
        self._root = folder
        first = folder / "0"
        first.mkdir()
        self.disks = Disks(loop, first)
        self.faults: list[str] = []
        self._minted = -1e9, 0
        self._token = b""
        self._app: Any = None
        self._mine: set[asyncio.Task[Any]] = set()
        entropy = Random(self.random.random())
        os.urandom = entropy.randbytes
        self._listen_to_logs()

    @property
    def disk(self) -> SimulatedDisk:
        return self.disks.current

    @property
    def is_up(self) -> bool:
        return self._app is not None

    def lanes(self) -> list[Lane]:
        """Return the lanes there are; those of former lives that linger do no harm."""
        return [each for each in gc.get_objects() if type(each) is Lane]

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Let a task outlive the server."""
        self._mine.add(task)

    # --- the server ------------------------------------------------------------------

    async def start(self) -> None:
        """Start the server on the folder as it is."""
        self.network.life += 1
        self._ready: asyncio.Future[Any] = self.loop.create_future()
        self._stop = asyncio.Event()
        self._task = self.loop.create_task(self._serve(), name="server")
        self._app = await self._ready

    async def stop(self) -> None:
        """Stop it as SIGTERM does."""
        self._app = None
        self._stop.set()
        await self._task

    async def crash(self, *, power: bool) -> None:
        """Kill it, or cut the power; the next start finds what that leaves."""
        self._app = None
        folder = self._root / str(self.network.life)
        self.disk.left(folder, power=power, random=self.random)
        self.network.life += 1
        victims = [
            task
            for task in asyncio.all_tasks()
            if task not in self._mine and task is not asyncio.current_task()
        ]
        victims.sort(key=_birth)  # a set's order is nobody's seed
        for task in victims:
            task.cancel()
        await asyncio.gather(*victims, return_exceptions=True)
        self.disks.current = SimulatedDisk(folder)

    async def _serve(self) -> None:
        settings = read(
            {
                "TRUNKLINE_DATA_DIR": str(self.disk.folder),
                "TRUNKLINE_ACCOUNT_SID": ACCOUNT_SID,
                "TRUNKLINE_AUTH_TOKEN": AUTH_TOKEN,
                "TRUNKLINE_API_KEY_SID": KEY_SID,
                "TRUNKLINE_API_KEY_SECRET": KEY_SECRET,
                "TRUNKLINE_SIMULATOR_PACE": "700",
            }
        )
        try:
            async with running(
                settings, clock=self.clock, random=Random(self.random.random())
            ) as app:
                self._ready.set_result(app)
                await self._stop.wait()
        except BaseException as error:
            if not self.disk.dead:
                self.faults.append(f"the server ended: {traceback.format_exc()}")
                if not self._ready.done():
                    self._ready.set_exception(error)
            raise

    def _listen_to_logs(self) -> None:
        """Drop log lines, but count what was logged with a traceback: a bug of ours."""

        def listen(_logger: Any, _name: str, line: Any) -> Any:
            if line.get("exc_info") and not self.disk.dead:
                self.faults.append(f"{line['event']}: {traceback.format_exc()}")
            raise structlog.DropEvent

        structlog.configure(processors=[listen], cache_logger_on_first_use=False)

    # --- its users ---------------------------------------------------------------------

    async def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> tuple[int, Any]:
        """Make a request; status 0 where nobody listens."""
        if self._app is None:
            return 0, None
        path, _, query = path.partition("?")
        sent: list[Any] = []
        came = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            if not came:
                await asyncio.Event().wait()
            return came.pop()

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [
                (b"host", b"trunkline"),
                (b"content-length", str(len(body)).encode()),
                *headers,
            ],
            "client": ("127.0.0.1", 1234),
            "server": ("127.0.0.1", 4010),
        }
        await self._app(scope, receive, send)
        answer = b"".join(message.get("body", b"") for message in sent[1:])
        parsed = json.loads(answer) if answer.startswith(b"{") else None
        return sent[0]["status"], parsed

    async def form(self, path: str, **fields: Any) -> tuple[int, Any]:
        """Post a form to the API."""
        form_type = (b"content-type", b"application/x-www-form-urlencoded")
        body = urlencode(fields, doseq=True).encode()
        return await self.request("POST", path, body, (self._auth, form_type))

    async def get(self, path: str) -> tuple[int, Any]:
        return await self.request("GET", path, headers=(self._auth,))

    async def delete(self, path: str) -> tuple[int, Any]:
        return await self.request("DELETE", path, headers=(self._auth,))

    async def post_sdk_event(self, event: Any, delivery: str | None = None) -> int:
        """Post a Voice SDK event."""
        headers = [
            (b"x-twilio-token", self._fresh_token()),
            (b"content-type", b"application/json"),
        ]
        if delivery is not None:
            headers.append((b"x-trunkline-delivery", delivery.encode()))
        body = json.dumps(event).encode()
        status, _ = await self.request(
            "POST", "/v4/EndpointEvents", body, tuple(headers)
        )
        return status

    @property
    def _auth(self) -> tuple[bytes, bytes]:
        return b"authorization", b"Basic " + _BASIC

    def _fresh_token(self) -> bytes:
        now, jumps = self.loop.time(), len(self.clock.jumps)
        if now - self._minted[0] > 1800 or jumps != self._minted[1]:
            self._minted = now, jumps
            seconds = self.clock.now_ms() // 1000
            claims = {
                "jti": f"{KEY_SID}-{seconds}",
                "iss": KEY_SID,
                "sub": ACCOUNT_SID,
                "iat": seconds,
                "exp": seconds + 3600,
                "grants": {
                    "identity": "alice",
                    "voice": {"outgoing": {"application_sid": "AP" + "0" * 32}},
                },
            }
            self._token = jwt.encode(
                claims, KEY_SECRET, "HS256", {"cty": "twilio-fpa;v=1"}
            ).encode()
        return self._token


def _birth(task: asyncio.Task[Any]) -> int:
    """Return a task's number among all: the loop names them so."""
    number = task.get_name().removeprefix("Task-")
    return int(number) if number.isdecimal() else 0
