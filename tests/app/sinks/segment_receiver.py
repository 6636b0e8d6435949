"""Segment's tracking API in a thread: takes what Segment takes, refuses the rest.

There is no such server to install. Segment's own clients are the proof of this one:
their requests pass it.
"""

import base64
import binascii
import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


MAX_REQUEST = 500_000
MAX_MESSAGE = 32 * 1024

_TYPES = {"alias", "group", "identify", "page", "screen", "track"}


class Refused(Exception):
    """A request that Segment answers with 400."""


class SegmentReceiver:
    """Answers `/v1/batch` at `url` with 200, keeping the messages and their write keys.

    The statuses in `first` are answered first, without keeping anything.
    """

    def __init__(self, *first: int) -> None:
        self.first = list(first)
        self.messages: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.requests = 0
        self.refused: list[str] = []
        self.arrived = threading.Condition()

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
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

    def take(self, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, Any]]:
        """Return status and body of the answer to a request."""
        with self.arrived:
            self.requests += 1
            if self.first:
                return self.first.pop(0), {"success": False}
            try:
                key, messages = read_batch(path, headers, body)
            except Refused as refused:
                self.refused.append(str(refused))
                return 400, {"success": False, "message": str(refused)}
            self.keys.add(key)
            self.messages += messages
            self.arrived.notify_all()
        return 200, {"success": True}

    def wait_for(self, count: int, seconds: float = 20) -> None:
        """Wait until that many different messages have come."""
        with self.arrived:
            enough = self.arrived.wait_for(lambda: len(self.ids()) >= count, seconds)
        assert enough, f"{len(self.ids())} of {count}, refused: {self.refused[:3]}"

    def ids(self) -> set[str]:
        return {message["messageId"] for message in self.messages}


def read_batch(
    path: str, headers: Any, body: bytes
) -> tuple[str, list[dict[str, Any]]]:
    """Return write key and messages of a request. Raises Refused."""
    if path != "/v1/batch":
        raise Refused(f"no such path: {path}")
    if headers["Content-Type"].split(";")[0] != "application/json":
        raise Refused("not JSON")
    if headers["Content-Encoding"] == "gzip":
        body = gzip.decompress(body)
    if len(body) > MAX_REQUEST:
        raise Refused(f"a request of {len(body)} bytes")
    try:
        batch = json.loads(body)["batch"]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("no batch") from error
    for message in batch:
        _check(message)
    return _write_key(headers["Authorization"] or ""), batch


def _write_key(authorization: str) -> str:
    scheme, _, pair = authorization.partition(" ")
    try:
        user, colon, password = base64.b64decode(pair, validate=True).partition(b":")
    except binascii.Error as error:
        raise Refused("no credentials") from error
    if scheme != "Basic" or not user or not colon or password:
        raise Refused("no write key")
    return user.decode()


def _check(message: dict[str, Any]) -> None:
    size = len(json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode())
    if size > MAX_MESSAGE:
        raise Refused(f"a message of {size} bytes")
    if message.get("type") not in _TYPES:
        raise Refused("no type")
    if not (message.get("userId") or message.get("anonymousId")):
        raise Refused("nobody")
    if not message.get("messageId"):
        raise Refused("no messageId")
    if message["type"] == "track" and not (
        message.get("event") and isinstance(message.get("properties"), dict)
    ):
        raise Refused("a track of nothing")


def _handler(receiver: SegmentReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # Head and body in one write, or the client waits for its ack.

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, told = receiver.take(self.path, self.headers, body)
            answer = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's name)
            pass

    return Handler
