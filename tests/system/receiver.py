"""A webhook receiver in a thread: keeps what it gets, checks what is signed."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator


class Receiver:
    """Answers 204 at every path; `/callback...` takes forms, the rest events."""

    def __init__(self, auth_token: str) -> None:
        self.validator = RequestValidator(auth_token)
        self.events: list[dict[str, Any]] = []
        self.callbacks: list[dict[str, str]] = []
        self.forged = 0
        self.arrived = threading.Condition()

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
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

    def take(self, path: str, body: str, signature: str) -> None:
        """Keep one request; count it as forged where its signature is wrong."""
        form = dict(parse_qsl(body, keep_blank_values=True))
        is_callback = path.startswith("/callback")
        signed = form if is_callback else body
        with self.arrived:
            if not self.validator.validate(self.url + path, signed, signature):
                self.forged += 1
            elif is_callback:
                self.callbacks.append(form)
            else:
                self.events += json.loads(body)
            self.arrived.notify_all()

    def wait_for(self, enough: Any, seconds: float = 20) -> None:
        """Wait until `enough()` holds."""
        with self.arrived:
            if not self.arrived.wait_for(enough, seconds):
                got = Counter(event["type"] for event in self.events)
                raise AssertionError(f"not enough after {seconds} s: {got}")


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            receiver.take(self.path, body, self.headers["X-Twilio-Signature"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's name)
            pass

    return Handler
