"""A lean receiver in a process of its own; prints its port when ready.

A POST is answered 200, and the number of each event in it noted with its time of
arrival: webhook requests and Segment's batches alike; `/kinesis/` is PutRecords, and
`/sts/` AssumeRole. What is posted to `/hung` is read, and never answered.
`GET /count` tells how many events there were, `GET /arrivals` all of them, `GET /test`
the id in the newest test event, `GET /last` the newest POST.
"""

import asyncio
import gc
import re
import sys
import time
from collections import defaultdict
from typing import cast

import msgspec
import uvloop

from bench import aws


_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_NUMBER = re.compile(rb'bench-(\d{8})"')
_TEST = re.compile(rb'"test_id":"([^"]+)"')
_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class Count(msgspec.Struct):
    """Events that arrived, each once for a path, and how many of them again."""

    events: int = 0
    repeats: int = 0


class Arrivals:
    """When each event arrived at each path, in nanoseconds of the monotonic clock."""

    def __init__(self) -> None:
        self._at_ns: defaultdict[bytes, dict[int, int]] = defaultdict(dict)
        self.count = Count()
        self.test_id = ""
        self.last = b""

    def note(self, path: bytes, body: bytes) -> None:
        now_ns = time.monotonic_ns()
        if test := _TEST.search(body):
            self.test_id = test[1].decode()
        for text in _NUMBER.findall(body):
            number, at_ns = int(text), self._at_ns[path]
            if number in at_ns:
                self.count.repeats += 1
            else:
                at_ns[number] = now_ns
                self.count.events += 1

    def everywhere(self) -> dict[int, int]:
        """Return when each event had arrived at the last of the paths it came to."""
        found: dict[int, int] = {}
        for at_ns in self._at_ns.values():
            for number, now_ns in at_ns.items():
                found[number] = max(now_ns, found.get(number, 0))
        return found


class _Receiver(asyncio.Protocol):
    """One connection. Clients here send one request at a time."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one without inheriting from it.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, end)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < whole:
            return
        request, self._buffer = self._buffer[:whole], self._buffer[whole:]
        self._transport.write(self._answer(request, end + 4))

    def _answer(self, request: bytes, body_at: int) -> bytes:
        arrivals, path = self._arrivals, request.split(b" ", 2)[1]
        if request.startswith(b"POST "):
            arrivals.last = request
            return _taken(arrivals, path, request[body_at:])
        return _answer_with(msgspec.json.encode(_told(arrivals, path)))


def _told(arrivals: Arrivals, path: bytes) -> object:
    """Return what a GET asks for."""
    match path:
        case b"/arrivals":
            return arrivals.everywhere()
        case b"/test":
            return arrivals.test_id
        case b"/last":
            return arrivals.last
        case _:
            return arrivals.count


def _taken(arrivals: Arrivals, path: bytes, body: bytes) -> bytes:
    """Note what was posted; return the answer, nothing where there is none."""
    if path.startswith(b"/hung"):
        return b""
    if path == b"/sts/":
        return _answer_with(aws.assume_role())
    if path == b"/kinesis/":
        data, answer = aws.put_records(body)
        arrivals.note(path, data)
        return _answer_with(answer)
    arrivals.note(path, body)
    return _OK


def _answer_with(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


async def serve() -> None:
    arrivals = Arrivals()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Receiver(arrivals), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    gc.freeze()
    gc.disable()
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as _runner:
        _runner.run(serve())
