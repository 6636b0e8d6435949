"""A connection of the listener: uvicorn's own, with a short way for Voice SDK posts.

A post whose head and body are here is handed to the gateway as it is: no task, no
ASGI messages, one write for its answer. Where its head is that of the last one, it is
not even parsed. Whatever the gateway does not take at once, and every other request,
goes the way of all ASGI servers; so do requests in a pipeline behind another.
"""

import sys
from collections.abc import Callable, Collection, Sequence
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trunkline.api.errors import MORE_INFO, ErrorBody
from trunkline.capture.sdk.http import Answer, answer_of
from trunkline.server.heads import Head, head_of


# Bodies up to this many bytes wait here for their end; uvicorn reads longer ones.
MAX_BODY_BYTES = 65_536

# uvicorn refuses URLs that are longer by far, but only while it parses.
MAX_URL_BYTES = 8_192

_logger = structlog.get_logger("server")


class Door(Protocol):
    """Who takes posts at once."""

    def client_of(
        self,
        headers: Sequence[tuple[bytes, bytes]],
        peer: str,
        tell: Callable[[Answer], None],
    ) -> Any:
        """Return who posts with that head; None where it has to go the usual way.

        `tell` hears, at once or later, what each of its posts is answered.
        """
        ...

    def take_at_once(self, client: Any, body: bytes) -> None:
        """Take a post: the client's `tell` hears of it, unless this raises."""
        ...


class Connection(HttpToolsProtocol):
    """One client's connection. `paths` are those of which `door` may take posts."""

    cycle: Any

    def __init__(
        self, *arguments: Any, door: Door, paths: Collection[bytes], **more: Any
    ) -> None:
        super().__init__(*arguments, **more)
        self._door = door
        self._paths = paths
        self._peer = ""
        # So many connections are too many: uvicorn turns their requests away.
        self._crowd = self.limit_concurrency or sys.maxsize
        self._turn = _Turn()
        # A post for the door of which the head is here, and what of its body is.
        self._gathered: list[bytes] | None = None
        # Whether the parser is in the middle of a request.
        self._begun = False
        # The head of the last post that the door took, and who it says that posts.
        self._head: Head | None = None
        self._client: Any = None
        # What is here of a post with that head; the parser has not seen it.
        self._kept_back = b""
        # The post that the door took of what the parser was just fed with.
        self._taken: tuple[Any, bytes] | None = None
        self._looked_at = False
        # Whether the last request was the door's: then no timer runs until the next.
        self._is_at_rest = False
        # The answer written last, as it was written: nearly all are the same.
        self._written: tuple[Answer, Any, bytes] | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        super().connection_made(transport)
        self._peer = self.client[0] if self.client else ""

    def connection_lost(self, exc: Exception | None) -> None:
        """End; who posted here knows this connection, and is let go of."""
        super().connection_lost(exc)
        self._head = self._client = self._taken = None

    def look(self) -> None:
        """See to a client that stops half-way, or does not come again; now and then.

        A post whose body does not come is uvicorn's, which has a limit for that.
        """
        if self._gathered is not None:
            if self._looked_at:
                self._go_the_usual_way()
            self._looked_at = True
        elif self._kept_back:
            if self._looked_at:
                data, self._kept_back = self._kept_back, b""
                self._parse(data)
            self._looked_at = True
        elif self._is_at_rest:
            # Here and not after each post: a timer costs as much as parsing its head.
            self._is_at_rest = False
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    # --- what comes ------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take a post with the head of the last one; let all else be parsed."""
        if self._head is not None and not self._begun:
            if self._kept_back:
                data, self._kept_back = self._kept_back + data, b""
            else:
                self._looked_at = False
            if self._is_seen_to(self._head, data):
                return
        self._parse(data)

    def _is_seen_to(self, head: Head, data: bytes) -> bool:
        """See to a post with the head of the last one; tell whether it is one."""
        found = head.body_in(data)
        if found is None:
            return False
        start, end = found
        turn = self._turn
        if (
            not start < end <= start + MAX_BODY_BYTES
            or len(data) > end
            or self.cycle is not turn
            or not turn.response_complete
            or self.flow.write_paused
            or len(self.connections) >= self._crowd
        ):
            return False
        self._is_at_rest = False
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        if len(data) < end:
            self._kept_back = data
            return True
        turn.response_complete = False
        try:
            self._door.take_at_once(self._client, data[start:])
        except Exception:  # noqa: BLE001 (it is told where it happens the usual way, too)
            turn.response_complete = True
            return False
        return True

    def _parse(self, data: bytes) -> None:
        begun = self._begun
        super().data_received(data)
        taken, self._taken = self._taken, None
        if taken is not None and not begun:
            client, body = taken
            self._head, self._client = head_of(data, body), client

    # --- what the parser calls -------------------------------------------------------

    def on_message_begin(self) -> None:
        """Note a new request; most of what uvicorn prepares is not for the door."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._begun = True
        self._is_at_rest = False

    def on_headers_complete(self) -> None:
        """Keep a post for the door back until it is whole."""
        # Once more: another may have been answered since this one began.
        self._is_at_rest = False
        if self._is_for_the_door():
            self._gathered, self._looked_at = [], False
        else:
            self._begin_the_usual_way()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        if self._gathered is None:
            super().on_body(body)
        else:
            self._gathered.append(body)

    def on_message_complete(self) -> None:
        """Hand a whole post to the door."""
        self._begun = False
        pieces = self._gathered
        if pieces is None:
            super().on_message_complete()
            return
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        client = self._hand_over(body)
        if client is None:
            self._go_the_usual_way()
            super().on_message_complete()
        else:
            self._gathered, self._taken = None, (client, body)

    def _hand_over(self, body: bytes) -> Any:
        """Hand a post over; return who posts, None where the door did not take it."""
        turn = self.cycle = self._turn
        turn.response_complete = False
        try:
            client = self._door.client_of(self.headers, self._peer, self.answer)
            if client is not None:
                self._door.take_at_once(client, body)
        except Exception:  # the usual way tells the client, where it fails as well
            _logger.exception("server.door_failed")
            client = None
        if client is None:
            turn.response_complete = True
        return client

    def _is_for_the_door(self) -> bool:
        if (
            self.url not in self._paths
            and self.url.partition(b"?")[0] not in self._paths
        ):
            return False
        parser, before = self.parser, self.cycle
        return (
            (before is None or before.response_complete)
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and len(self.url) <= MAX_URL_BYTES
            and not self.expect_100_continue
            and parser.should_keep_alive()
            and not parser.should_upgrade()
            # Who does not read answers has the next one wait, which uvicorn sees to.
            and not self.flow.write_paused
            and len(self.connections) < self._crowd
            and 0 < self._content_length() <= MAX_BODY_BYTES
        )

    def _content_length(self) -> int:
        for name, value in self.headers:
            if name == b"content-length":
                # The parser has seen to it that it is a number of some twenty digits.
                return int(value)
        return 0

    def _begin_the_usual_way(self) -> None:
        url, headers = self.url, self.headers
        expects = self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()

    def _go_the_usual_way(self) -> None:
        """Leave a post to uvicorn, with what has come of it."""
        gathered, self._gathered = self._gathered or (), None
        self._begin_the_usual_way()
        for piece in gathered:
            super().on_body(piece)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the shape that all errors have."""
        body = ErrorBody(
            code=20001, message=msg, more_info=MORE_INFO.format(20001), status=400
        )
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        answer = answer_of(400, headers, msgspec.json.encode(body))
        common = self.server_state.default_headers
        self.transport.write(_wire(answer, common, keep_alive=False)[0])
        self.transport.close()

    # --- what the door tells ---------------------------------------------------------

    def answer(self, answer: Answer) -> None:
        """Answer the post at the door, unless its client has gone."""
        turn = self._turn
        turn.response_complete = True
        if turn.disconnected or self.transport.is_closing():
            return
        keep_alive = turn.keep_alive
        # uvicorn makes a new list of these headers each second: Date is among them.
        common, written = self.server_state.default_headers, self._written
        if (
            not keep_alive
            or written is None
            or written[0] is not answer
            or written[1] is not common
        ):
            wire, keep_alive = _wire(answer, common, keep_alive=keep_alive)
            written = (answer, common, wire)
            self._written = written if keep_alive else None
        self.transport.write(written[2])
        if not keep_alive:
            self.transport.close()
        elif self.pipeline:
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1
            self._is_at_rest = True


class _Turn:
    """The post at the door, in the words in which uvicorn speaks of a request.

    A connection has one at a time.
    """

    __slots__ = (
        "body", "disconnected", "keep_alive", "message_event", "more_body",
        "response_complete",
    )  # fmt: skip

    def __init__(self) -> None:
        self.body = bytearray()
        self.disconnected = False
        self.keep_alive = True
        self.message_event = _NOBODY_WAITS
        self.more_body = False
        self.response_complete = True


class _NobodyWaits:
    """Stands for the event by which uvicorn wakes the task of a request."""

    def set(self) -> None:
        """Wake nobody."""


_NOBODY_WAITS = _NobodyWaits()


def _wire(
    answer: Answer, common: Sequence[tuple[bytes, bytes]], *, keep_alive: bool
) -> tuple[bytes, bool]:
    """Return an answer as it is written, and whether another may follow."""
    headers = [*common, *answer.headers]
    if (b"connection", b"close") in headers:
        keep_alive = False
    elif not keep_alive:
        headers.append((b"connection", b"close"))
    phrase = HTTPStatus(answer.status).phrase
    lines = [f"HTTP/1.1 {answer.status} {phrase}\r\n".encode()]
    lines += [b"%b: %b\r\n" % header for header in headers]
    return b"".join((*lines, b"\r\n", answer.body)), keep_alive
