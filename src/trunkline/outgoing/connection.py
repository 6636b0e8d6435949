"""One HTTP/1.1 connection: one request at a time, one answer to each.

The hot path has no task and no future for a request: one write, one call when the
answer is there, and a timer that is set only when none is set for earlier: when it
goes off, it looks at the deadline of the moment. States: at rest (`_hear` is None),
awaiting a head, reading a body, lost.
"""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from trunkline.outgoing.messages import Reason, Request, Response, SendFailed


# What one answer may have before its body, interim answers included. Twice nginx's
# and eight times Apache's bounds on what they would pass on.
HEAD_LIMIT = 65_536
_MOST_FIELDS = 256

# How much chunked framing and trailers may add to a body.
_FRAMING_LIMIT = 65_536

# Whole answers up to this are remembered, for the next may be the same.
_SHORT = 4_096

# Statuses (RFC 9110 15). Below the first and above the last there are none.
_FIRST_INTERIM, _FIRST_FINAL, _LAST = 100, 200, 599

# Timers may go off early by the clock's resolution.
_TICK = 0.001


class Stale(Exception):
    """A used connection ended before any byte of an answer: a fresh one may do."""


Result = Response | SendFailed | Stale
Hear = Callable[[Result], None]
"""Is told once how an exchange ended, when the connection may be used again."""


class Connection(asyncio.Protocol):
    """Lives from the end of the handshake to the loss of the connection.

    `on_lost` is called once, when it is lost, whoever ended it. A request that begins
    when it is older than `max_age` seconds is its last.
    """

    _request: Request
    _total_at: float

    def __init__(self, on_lost: Callable[["Connection"], None], max_age: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._deadline = 0.0
        self._used = False
        self._reusable = True
        # The last answer that came at once, as it came and as it was read.
        self._known: tuple[bytes, Response] | None = None
        self._hear: Hear | None = None
        self._clear()
        self._old_at = self._loop.time() + max_age

    def _clear(self) -> None:
        self._received = 0
        self._came_at_once = b""
        self._head_bytes = 0
        self._fields: list[tuple[bytes, bytes]] = []
        self._status = 0
        self._head_done = False
        self._complete = False
        self._body: list[bytes] = []
        self._room = 0
        self._body_until = 0.0

    # --- what the client asks for --------------------------------------------------

    def exchange(
        self, request: Request, wire: bytes, now: float, total_at: float, hear: Hear
    ) -> None:
        """Write a request; `hear` is told how it ends.

        `wire` is what is written, `request` has the limits; `total_at` is when
        `total_timeout` passes (both in loop time). Whoever gives up must `abandon`.
        """
        assert self._hear is None
        if now >= self._old_at:
            self._reusable = False
        self._hear = hear
        self._request = request
        self._total_at = total_at
        if self._received:
            self._clear()
        self._room = request.body_limit
        transport = self._transport
        if transport is None or transport.is_closing():
            self._end_early(None)
            return
        transport.write(wire)
        self._arm(min(now + request.read_timeout, total_at))

    def abandon(self) -> None:
        """End what is under way without telling anyone, and the connection with it."""
        self._hear = None
        self._reusable = False
        self.abort()

    @property
    def closing(self) -> bool:
        """Whether this connection is of no more use."""
        return self._transport is None or self._transport.is_closing()

    def is_reusable(self) -> bool:
        """Tell whether another request may go out here, once nothing is under way."""
        transport = self._transport
        return self._reusable and transport is not None and not transport.is_closing()

    def rest(self, seconds: float) -> bool:
        """Wait for the next request for that long; False if there cannot be one."""
        if not self.is_reusable():
            return False
        self._arm(self._loop.time() + seconds)
        return True

    def close(self) -> None:
        """End the connection politely; only at rest."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End the connection at once, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio's calls -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take up the transport."""
        # uvloop's transports do what asyncio's do, and are no subclass of them.
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        """Read on in the answer."""
        if self._hear is None or self._parser is None:
            self.abort()  # Nothing was asked.
            return
        if not self._received:
            if self._is_known(data):
                return
            self._came_at_once = data
        else:
            self._came_at_once = b""
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(Reason.NOT_HTTP, "the answer changes the protocol")
            return
        except httptools.HttpParserError as error:
            if not self._complete:
                self._fail(Reason.NOT_HTTP, f"the answer is not HTTP: {error}")
                return
            self._reusable = False
        self._look()

    def _is_known(self, data: bytes) -> bool:
        """End the answer if it is the last one, byte for byte; tell whether it is.

        It says the same, and the parser, which is between two answers, may stay there.
        """
        if self._known is None or data != self._known[0]:
            return False
        response = self._known[1]
        if len(response.body) > self._room:
            return False
        self._settle(response)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything; an answer under way ends here."""
        self._transport = self._parser = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._hear is not None:
            self._end_early(exc)
        self._on_lost(self)

    # --- the parser's calls ----------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin an answer, or notice that there is one too many."""
        if self._complete:
            self._reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those after the body (trailers) are dropped."""
        if self._head_done:
            return
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > HEAD_LIMIT or len(self._fields) >= _MOST_FIELDS:
            self._head_bytes = HEAD_LIMIT + 1
            return
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the status; interim answers are passed over."""
        assert self._parser is not None
        if self._complete:
            return
        status: int = self._parser.get_status_code()
        if _FIRST_INTERIM <= status < _FIRST_FINAL:
            self._fields.clear()
            return
        self._status = status
        self._head_done = True

    def on_body(self, data: bytes) -> None:
        """Keep what there is room for."""
        if self._complete:
            return
        if self._room >= 0:
            self._body.append(data[: self._room] if len(data) > self._room else data)
            self._room -= len(data)

    def on_message_complete(self) -> None:
        """End the answer."""
        assert self._parser is not None
        if self._head_done and not self._complete:
            self._complete = True
            self._reusable &= self._parser.should_keep_alive()

    # --- how answers end -------------------------------------------------------------

    def _look(self) -> None:
        """See what the bytes that just came mean for the answer."""
        if self._head_bytes > HEAD_LIMIT or (
            not self._head_done and self._received > HEAD_LIMIT
        ):
            self._fail(Reason.NOT_HTTP, "the answer's head has no end")
        elif self._head_done and not _FIRST_FINAL <= self._status <= _LAST:
            self._fail(Reason.NOT_HTTP, f"the answer has status {self._status}")
        elif self._room < 0:
            self._cut()
        elif self._complete:
            response = self._response(truncated=False)
            if self._reusable and 0 < len(self._came_at_once) <= _SHORT:
                self._known = self._came_at_once, response
            self._settle(response)
        elif self._received > HEAD_LIMIT + self._request.body_limit + _FRAMING_LIMIT:
            self._cut()
        else:
            self._wait_on()

    def _wait_on(self) -> None:
        now = self._loop.time()
        end_at = self._total_at
        if self._head_done and self._request.body_timeout is not None:
            if not self._body_until:
                self._body_until = now + self._request.body_timeout
            end_at = self._body_until
        self._arm(min(now + self._request.read_timeout, end_at))

    def _end_early(self, error: Exception | None) -> None:
        """The connection is gone, and an answer is under way."""
        if self._head_done and not self._framed() and error is None:
            # Its end is the connection's end (RFC 9112 6.3).
            self._reusable = False
            self._settle(self._response(truncated=False))
        elif self._used and not self._received:
            self._settle(Stale())
        else:
            what = "reset" if error else "closed"
            when = "within" if self._received else "before"
            detail = f"the connection was {what} {when} the answer"
            self._fail(Reason.CONNECTION_LOST, detail)

    def _framed(self) -> bool:
        """Tell whether the answer says where its body ends."""
        for name, value in self._fields:
            key = name.lower()
            if key == b"content-length" or (
                key == b"transfer-encoding" and value.lower().endswith(b"chunked")
            ):
                return True
        return False

    def _expire(self) -> None:
        if self._hear is None:
            self.close()
        elif self._head_done and self._request.body_timeout is not None:
            self._cut()
        elif self._loop.time() + _TICK >= self._total_at:
            self._fail(Reason.TOTAL_TIMEOUT, "no complete answer in time")
        else:
            self._fail(Reason.NO_ANSWER, "no answer in time")

    def _cut(self) -> None:
        """What came until now is the answer."""
        self._reusable = False
        self.abort()
        self._settle(self._response(truncated=True))

    def _fail(self, reason: Reason, detail: str) -> None:
        head = self._response(truncated=True) if self._head_done else None
        self._reusable = False
        self.abort()
        self._settle(SendFailed(reason, detail, connected=True, response=head))

    def _settle(self, result: Result) -> None:
        """Tell how it ended: the last that is done, for the next may begin there."""
        hear, self._hear = self._hear, None
        self._used = True
        if hear is not None:
            hear(result)

    def _response(self, *, truncated: bool) -> Response:
        return Response(
            status=self._status,
            headers=tuple(
                [
                    (name.decode("latin-1"), value.decode("latin-1"))
                    for name, value in self._fields
                ]
            ),
            body=b"".join(self._body) if self._body else b"",
            truncated=truncated,
        )

    # --- the timer -------------------------------------------------------------------

    def _arm(self, at: float) -> None:
        self._deadline = at
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._loop.time() + _TICK < self._deadline:
            self._arm(self._deadline)
        else:
            self._expire()
