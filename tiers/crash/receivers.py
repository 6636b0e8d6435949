"""Two receivers for the real process: one takes everything, one is flaky."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl


# An event that was refused this often is taken: retries wait longer each time.
MOST_REFUSALS = 2


class Receiver:
    """Counts how often each event came; a flaky one fails, resets and forgets."""

    def __init__(self, random: Random | None = None) -> None:
        self.taken: Counter[str] = Counter()
        self.names: set[str] = set()
        self.completed: set[str] = set()
        self.callbacks: list[tuple[str, int]] = []
        self._random = random
        self._refused: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, path: str, body: bytes) -> int:
        """Take a request; return the status to answer, 0 for a reset."""
        with self._lock:
            if path.startswith("/callback"):
                form = dict(parse_qsl(body.decode()))
                self.callbacks.append((form["CallSid"], int(form["SequenceNumber"])))
                return 204
            events = json.loads(body)
            status = self._mood(events)
            if status in {0, 204}:  # 0: it has it, and the server does not know
                for event in events:
                    self._keep(event)
            return status

    def _mood(self, events: list[dict[str, Any]]) -> int:
        if self._random is None:
            return 204
        ids = [event["id"] for event in events]
        if self._random.random() < 0.002:
            return 404
        if max(self._refused[id_] for id_ in ids) >= MOST_REFUSALS:
            return 204
        status = self._random.choice((204, 204, 204, 204, 204, 204, 500, 503, 0))
        if status != 204:
            self._refused.update(ids)
        return status

    def _keep(self, event: dict[str, Any]) -> None:
        self.taken[event["id"]] += 1
        if "name" in event["data"]:
            self.names.add(event["data"]["name"])
        elif event["type"] == "com.twilio.voice.status-callback.call.completed":
            self.completed.add(event["data"]["sid"])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever was killed need not be told of."""


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(self.path, body)
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's name)
            pass

    return Handler
