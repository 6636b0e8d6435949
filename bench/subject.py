"""The subject: the real server on a folder of its own, and a receiver."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import msgspec

from bench.kinds import Kind
from bench.posts import ENVIRONMENT, basic_authorization
from bench.processes import Child, DidNotWork, await_log, running
from bench.receiver import Count


#: The server's folder, in the folder that it is given.
DATA = "data"

_REQUEST_LIMIT = 10.0  # seconds
_POLL = 0.05

# Calls must not go on by themselves while something else is measured.
_CALM = {"TRUNKLINE_SIMULATOR_PACE": "600000"}


class Server:
    """A running server: its process, and its API as far as it is needed here."""

    def __init__(self, child: Child, url: str) -> None:
        self.child = child
        self._url = url
        self.port = int(url.rpartition(":")[2])

    def subscribe(self, kind: Kind, sink_at: "Receiver") -> "Subscribed":
        """Make a sink of a kind that ends at a receiver, and subscribe it."""
        sink = self._post(
            "/v1/Sinks",
            Description="bench",
            SinkType=kind.sink_type,
            SinkConfiguration=json.dumps(kind.configuration_at(sink_at.url)),
        )
        if sink["status"] != "active":
            self._post(f"/v1/Sinks/{sink['sid']}/Test")
            self._post(f"/v1/Sinks/{sink['sid']}/Validate", TestId=sink_at.test_id())
        subscription = self._post(
            "/v1/Subscriptions",
            Description="bench",
            SinkSid=sink["sid"],
            Types=json.dumps({"type": kind.event_type}),
        )
        return Subscribed(sink["sid"], subscription["sid"])

    def remove(self, subscribed: "Subscribed") -> None:
        """Remove a sink and its subscription."""
        self._send("DELETE", f"/v1/Subscriptions/{subscribed.subscription_sid}")
        self._send("DELETE", f"/v1/Sinks/{subscribed.sink_sid}")

    def _post(self, path: str, **form: str) -> dict[str, str]:
        body = self._send("POST", path, urlencode(form).encode())
        answer: dict[str, str] = json.loads(body)
        return answer

    def _send(self, method: str, path: str, body: bytes | None = None) -> bytes:
        headers = {"Authorization": basic_authorization()}
        request = Request(self._url + path, body, headers, method=method)
        try:
            with urlopen(request, timeout=_REQUEST_LIMIT) as response:
                answer: bytes = response.read()
        except HTTPError as error:
            said = error.read().decode("utf-8", "replace")
            raise DidNotWork(f"{method} {path}: {error.code} {said}") from None
        return answer


class Subscribed(NamedTuple):
    """A sink and its subscription."""

    sink_sid: str
    subscription_sid: str


class Receiver:
    """A running receiver (`bench.receiver`), and what has arrived there."""

    def __init__(self, child: Child, port: int) -> None:
        self.child = child
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def count(self) -> Count:
        return msgspec.json.decode(self._get("/count"), type=Count)

    def arrivals(self) -> dict[int, int]:
        """Return when each event arrived, by its number."""
        return msgspec.json.decode(self._get("/arrivals"), type=dict[int, int])

    def last_request(self) -> bytes:
        """Return the newest POST, as it came."""
        return msgspec.json.decode(self._get("/last"), type=bytes)

    def test_id(self) -> str:
        """Wait for a test event; return the id in it."""
        deadline = time.monotonic() + _REQUEST_LIMIT
        while time.monotonic() < deadline:
            if test_id := msgspec.json.decode(self._get("/test"), type=str):
                return test_id
            time.sleep(_POLL)
        raise self.child.failure("got no test event")

    def _get(self, path: str) -> bytes:
        with urlopen(self.url + path, timeout=_REQUEST_LIMIT) as response:
            body: bytes = response.read()
        return body


@contextmanager
def server(
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    launch: Sequence[str] = ("-m", "trunkline"),
    under: Sequence[str] = (),
) -> Iterator[Server]:
    """Run the server on its folder within `folder`: a new one, if need be.

    Python runs `under` another command, if one is given.
    """
    command = [*under, sys.executable, *launch, "serve", "--port", "0"]
    command += ["--data-dir", str(folder / DATA), "--log-format", "json"]
    variables = {**ENVIRONMENT, **_CALM, **(environment or {})}
    with running(command, folder / "server.log", variables) as child:
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
