"""Load in a process of its own: `python -m bench.load FILE`.

It reads a `Plan` as JSON from stdin, and writes a `Result` as JSON to the file.

Raw protocols on uvloop, and requests that are encoded but for their number: the
generator must cost much less than what it measures.

Closed loop: every connection sends its next request when the last one is answered.
Open loop: requests are sent at a fixed rate, however long answers take; a request that
finds no connection free waits, and its time waiting counts.
"""

import asyncio
import gc
import re
import sys
import time
from collections import Counter, deque
from pathlib import Path
from typing import cast

import msgspec
import uvloop


POSTS_PER_CALL = 25  # what a Voice SDK posts in a call of ordinary length

_TICK = 0.001  # seconds between two looks at what an open loop owes
_ANSWER_LIMIT = 10.0  # seconds for the last answers, after the last request

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to send. `template` is a whole request with `%(n)` and `%(call)` in it.

    `rate` is in requests per second; none means a closed loop. Posts of `calls` calls
    come in turn, as from so many phones at a time.
    """

    host: str
    port: int
    template: bytes
    seconds: float
    rate: float | None = None
    connections: int = 32
    calls: int = 64
    first: int = 0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    `sent_ns[i]` is when request `first + i` was due, on the monotonic clock that all
    processes share; `latencies_ns` are from there to the answer, in order of answers.
    """

    seconds: float
    cpu_seconds: float
    sent_ns: list[int]
    latencies_ns: list[int]
    statuses: dict[int, int]


class _Run:
    """One run: which request is next, which connections are free, what was measured."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self.loop.create_future()
        self.free: deque[_Connection] = deque()
        self.late: deque[int] = deque()
        self.sent_ns: list[int] = []
        self.latencies_ns: list[int] = []
        self.statuses: Counter[int] = Counter()
        self.started_ns = 0
        self.ends_ns = 0

    def start(self) -> None:
        self.started_ns = time.monotonic_ns()
        self.ends_ns = self.started_ns + int(self.plan.seconds * 1e9)
        if self.plan.rate is not None:
            self._tick()
            return
        while self.free:
            self._send(self.free.popleft(), self._next(self.started_ns))

    def answered(self, connection: "_Connection", index: int, status: int) -> None:
        now_ns = time.monotonic_ns()
        self.latencies_ns.append(now_ns - self.sent_ns[index])
        self.statuses[status] += 1
        if self.plan.rate is None and now_ns < self.ends_ns:
            self._send(connection, self._next(now_ns))
        elif self.late:
            self._send(connection, self.late.popleft())
        else:
            self.free.append(connection)
            self._end_if_over(now_ns)

    def _tick(self) -> None:
        assert self.plan.rate is not None
        now_ns = time.monotonic_ns()
        until_ns = min(now_ns, self.ends_ns)
        owed = int((until_ns - self.started_ns) * self.plan.rate / 1e9)
        while len(self.sent_ns) < owed:
            index = self._next(now_ns)
            if self.free:
                self._send(self.free.popleft(), index)
            else:
                self.late.append(index)
        if now_ns < self.ends_ns:
            self.loop.call_later(_TICK, self._tick)
        else:
            self._end_if_over(now_ns)

    def _next(self, due_ns: int) -> int:
        self.sent_ns.append(due_ns)
        return len(self.sent_ns) - 1

    def _send(self, connection: "_Connection", index: int) -> None:
        number = self.plan.first + index
        connection.send(self.plan.template % values_of(number, self.plan.calls), index)

    def _end_if_over(self, now_ns: int) -> None:
        answered = len(self.latencies_ns) == len(self.sent_ns)
        if now_ns >= self.ends_ns and answered and not self.done.done():
            self.done.set_result(None)


class _Connection(asyncio.Protocol):
    """One connection that is kept, with at most one request on its way."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._buffer = b""
        self._index = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one without inheriting from it.
        self._transport = cast("asyncio.Transport", transport)
        self._run.free.append(self)

    def send(self, request: bytes, index: int) -> None:
        self._index = index
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, end)
        if len(self._buffer) < end + 4 + (int(length[1]) if length else 0):
            return
        status = int(self._buffer[9:12])
        self._buffer = b""
        self._run.answered(self, self._index, status)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._run.done.done():
            self._run.done.set_exception(ConnectionError("the server hung up"))


def values_of(number: int, calls: int) -> dict[bytes, int]:
    """Return what a template says of the request with that number."""
    turn = number // (calls * POSTS_PER_CALL)
    call = turn * calls + number % calls
    return {b"n": number, b"call": call}


async def generate(plan: Plan) -> Result:
    """Send what the plan says; return once all is answered.

    Raises ConnectionError where the server hangs up, TimeoutError where it is silent.
    """
    run = _Run(plan)
    for _ in range(plan.connections):
        await run.loop.create_connection(lambda: _Connection(run), plan.host, plan.port)
    gc.freeze()
    gc.disable()
    cpu_before = time.process_time()
    run.start()
    await asyncio.wait_for(run.done, plan.seconds + _ANSWER_LIMIT)
    return Result(
        seconds=(time.monotonic_ns() - run.started_ns) / 1e9,
        cpu_seconds=time.process_time() - cpu_before,
        sent_ns=run.sent_ns,
        latencies_ns=run.latencies_ns,
        statuses=dict(run.statuses),
    )


def main() -> None:
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(generate(plan))
    Path(sys.argv[1]).write_bytes(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
