"""The subject: the real server on a folder of its own, and a webhook receiver."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import msgspec

from bench.posts import ENVIRONMENT, basic_authorization
from bench.processes import Child, await_log, running
from bench.receiver import Count


SDK_EVENT_TYPE = "com.twilio.voice.insights.call-event.sdk"

_REQUEST_LIMIT = 10.0  # seconds

# Calls must not go on by themselves while something else is measured.
_CALM = {"TRUNKLINE_SIMULATOR_PACE": "600000"}


class Server:
    """A running server: its process, and its API as far as it is needed here."""

    def __init__(self, child: Child, url: str) -> None:
        self.child = child
        self._url = url
        self.port = int(url.rpartition(":")[2])

    def subscribe(self, destination: str) -> None:
        """Make a webhook sink that gets all Voice SDK events, one by one."""
        sink = self._post(
            "/v1/Sinks",
            Description="bench",
            SinkType="webhook",
            SinkConfiguration=json.dumps(
                {"destination": destination, "method": "POST", "batch_events": False}
            ),
        )
        self._post(
            "/v1/Subscriptions",
            Description="bench",
            SinkSid=sink["sid"],
            Types=json.dumps({"type": SDK_EVENT_TYPE}),
        )

    def _post(self, path: str, **form: str) -> dict[str, str]:
        request = Request(
            self._url + path,
            urlencode(form).encode(),
            {"Authorization": basic_authorization()},
        )
        with urlopen(request, timeout=_REQUEST_LIMIT) as response:
            answer: dict[str, str] = json.load(response)
        return answer


class Receiver:
    """A running receiver (`bench.receiver`), and what has arrived there."""

    def __init__(self, child: Child, port: int) -> None:
        self.child = child
        self.url = f"http://127.0.0.1:{port}"

    def count(self) -> Count:
        return msgspec.json.decode(self._get("/count"), type=Count)

    def arrivals(self) -> dict[int, int]:
        """Return when each event arrived, by its number."""
        return msgspec.json.decode(self._get("/arrivals"), type=dict[int, int])

    def _get(self, path: str) -> bytes:
        with urlopen(self.url + path, timeout=_REQUEST_LIMIT) as response:
            body: bytes = response.read()
        return body


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """Run the server on a new folder within `folder`."""
    command = [sys.executable, "-m", "trunkline", "serve", "--port", "0"]
    command += ["--data-dir", str(folder / "data"), "--log-format", "json"]
    environment = {**ENVIRONMENT, **_CALM}
    with running(command, folder / "server.log", environment) as child:
        yield Server(child, await_log(child, r'"url": ?"(http://[^"]+)"'))


@contextmanager
def receiver(folder: Path) -> Iterator[Receiver]:
    """Run a receiver."""
    command = [sys.executable, "-m", "bench.receiver"]
    with running(command, folder / "receiver.log") as child:
        yield Receiver(child, int(child.first_line()))


@contextmanager
def responder(folder: Path) -> Iterator[tuple[Child, int]]:
    """Run the bare responder (`bench.responder`); yield it and its port."""
    command = [sys.executable, "-m", "bench.responder"]
    with running(command, folder / "responder.log") as child:
        yield child, int(child.first_line())
