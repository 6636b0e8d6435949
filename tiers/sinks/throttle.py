"""A proxy before a Kinesis server that gives each shard AWS's limits, and makes faults.

No Kinesis server to be had for tests limits its shards. The proxy answers what is too
much as AWS does: with 200, and an error for each record that was not taken.
"""

import hashlib
import http.client
import json
import threading
import time
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit


class Fault(Enum):
    """What goes wrong with one call."""

    FAIL = auto()  #: refused as a whole, with 500
    FAIL_HALF = auto()  #: every second record is refused
    LOSE_ANSWER = auto()  #: taken, but the connection ends before the answer
    EXPIRE = auto()  #: refused as if its credentials had expired


class Shard(NamedTuple):
    name: str
    first: int
    last: int


class Bucket:
    """Tokens that come back at a rate, up to what a second brings."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = self._left = rate
        self._at = now

    def has(self, count: float, now: float) -> bool:
        self._left = min(self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        return self._left >= count

    def take(self, count: float) -> None:
        self._left -= count


class Limits:
    """What a shard takes: records and bytes a second."""

    def __init__(self, records: float, size: float, now: float) -> None:
        self._records = Bucket(records, now)
        self._bytes = Bucket(size, now)

    def take(self, size: int, now: float) -> bool:
        if not (self._records.has(1, now) & self._bytes.has(size, now)):
            return False
        self._records.take(1)
        self._bytes.take(size)
        return True


class ThrottlingProxy:
    """Stands before the server at `upstream`. A context manager.

    `faults` are for one call of PutRecords each, in order. `throttled` counts the
    records that were too much.
    """

    def __init__(
        self,
        upstream: str,
        shards: Sequence[Shard],
        *,
        records: float = 1000,
        size: float = 1024 * 1024,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._upstream = urlsplit(upstream).netloc
        self._shards = shards
        self._now = now
        self._limits = {shard: Limits(records, size, now()) for shard in shards}
        self._lock = threading.Lock()
        self.faults: deque[Fault] = deque()
        self.calls = 0
        self.throttled = 0

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

    def answer(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes] | None:
        """Return status and body of the answer to a call, None to break off."""
        if not headers["X-Amz-Target"].endswith(".PutRecords"):
            return self._pass_on(headers, body)
        with self._lock:
            self.calls += 1
            fault = self.faults.popleft() if self.faults else None
        if fault is Fault.FAIL:
            return 500, b'{"__type":"InternalFailure","message":"injected"}'
        if fault is Fault.EXPIRE:
            return 400, b'{"__type":"ExpiredTokenException","message":"injected"}'
        answer = self._put(headers, json.loads(body), fault)
        return None if fault is Fault.LOSE_ANSWER else answer

    def _put(
        self, headers: dict[str, str], call: dict[str, Any], fault: Fault | None
    ) -> tuple[int, bytes]:
        records = call["Records"]
        answers = [
            {"ErrorCode": "InternalFailure", "ErrorMessage": "injected"}
            if fault is Fault.FAIL_HALF and number % 2
            else self._refusal(record)
            for number, record in enumerate(records)
        ]
        taken = [number for number, answer in enumerate(answers) if answer is None]
        if taken:
            call["Records"] = [records[number] for number in taken]
            status, body = self._pass_on(headers, json.dumps(call).encode())
            if status != 200:
                return status, body
            told = json.loads(body)["Records"]
            for number, answer in zip(taken, told, strict=True):
                answers[number] = answer
        failed = len(records) - len(taken)
        return 200, json.dumps(
            {"FailedRecordCount": failed, "Records": answers}
        ).encode()

    def _refusal(self, record: dict[str, str]) -> dict[str, str] | None:
        key = record["PartitionKey"].encode()
        size = len(b64decode(record["Data"])) + len(key)
        place = int(hashlib.md5(key).hexdigest(), 16)
        shard = next(each for each in self._shards if each.first <= place <= each.last)
        with self._lock:
            if self._limits[shard].take(size, self._now()):
                return None
            self.throttled += 1
        return {
            "ErrorCode": "ProvisionedThroughputExceededException",
            "ErrorMessage": f"Rate exceeded for shard {shard.name}.",
        }

    def _pass_on(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        wire = http.client.HTTPConnection(self._upstream, timeout=20)
        try:
            wire.request("POST", "/", body, headers)
            response = wire.getresponse()
            return response.status, response.read()
        finally:
            wire.close()


def _handler(proxy: ThrottlingProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # Head and body in one write.

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in {"host", "content-length", "connection"}
            }
            answer = proxy.answer(headers, body)
            if answer is None:
                self.close_connection = True
                return
            status, told = answer
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's name)
            pass

    return Handler
