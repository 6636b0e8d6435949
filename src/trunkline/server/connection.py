"""A connection of the listener: uvicorn's own, with a short way for Voice SDK posts.

A post whose head and body are here is handed to the gateway as it is: no task, no
ASGI messages, one write for its answer. That is a third of what a request costs else.
Whatever the gateway does not take at once, and every other request, goes the way of
all ASGI servers; so do requests in a pipeline behind another.
"""

from collections.abc import Callable, Collection, Sequence
from http import HTTPStatus
from typing import Any, Protocol, cast

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trunkline.capture.sdk.http import Answer


# Bodies up to this many bytes wait here for their end; uvicorn reads longer ones.
MAX_BODY_BYTES = 65_536

_NO_BYTES = b""

_logger = structlog.get_logger("server")


class Door(Protocol):
    """Who takes posts at once."""

    def take_at_once(
        self,
        headers: Sequence[tuple[bytes, bytes]],
        peer: str,
        body: bytes,
        tell: Callable[[Answer], None],
    ) -> bool:
        """Take a post and call `tell` later, or return False and have done nothing."""
        ...


class Connection(HttpToolsProtocol):
    """One client's connection. `paths` are those of which `door` may take posts."""

    def __init__(
        self, *arguments: Any, door: Door, paths: Collection[bytes], **more: Any
    ) -> None:
        super().__init__(*arguments, **more)
        self._door = door
        self._paths = paths
        self._peer = ""
        # A post for the door of which the head is here, and what of its body is.
        self._gathered: list[bytes] | None = None
        self._looked_at = False

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        super().connection_made(transport)
        self._peer = self.client[0] if self.client else ""

    def look(self) -> None:
        """See, now and then, to a post whose body does not come: it is uvicorn's."""
        if self._gathered is None:
            return
        if self._looked_at:
            self._go_the_usual_way()
        self._looked_at = True

    # --- what the parser calls -------------------------------------------------------

    def on_message_begin(self) -> None:
        """Note a new request; most of what uvicorn prepares is not for the door."""
        self.url = _NO_BYTES
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """Keep a post for the door back until it is whole."""
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
        if self._gathered is None:
            super().on_message_complete()
            return
        pieces = self._gathered
        body = pieces[0] if len(pieces) == 1 else _NO_BYTES.join(pieces)
        turn = _Turn(self)
        self.cycle = turn  # type: ignore[assignment]
        try:
            taken = self._door.take_at_once(self.headers, self._peer, body, turn.answer)
        except Exception:  # the usual way tells the client, where it fails as well
            _logger.exception("server.door_failed")
            taken = False
        if taken:
            self._gathered = None
            return
        turn.response_complete = True
        self._go_the_usual_way()
        super().on_message_complete()

    def _is_for_the_door(self) -> bool:
        before = cast("_Turn | None", self.cycle)
        if (
            (before is not None and not before.response_complete)
            or self.parser.get_method() != b"POST"
            or self.url.partition(b"?")[0] not in self._paths
            or self.expect_100_continue
            or not self.parser.should_keep_alive()
            or self.parser.should_upgrade()
            or self._is_crowded()
        ):
            return False
        for name, value in self.headers:
            if name == b"content-length":
                # The parser has seen to it that it is a number, and not too large a one.
                return 0 < int(value) <= MAX_BODY_BYTES
        return False

    def _is_crowded(self) -> bool:
        limit = self.limit_concurrency
        return limit is not None and len(self.connections) >= limit

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

    # --- what the door tells ---------------------------------------------------------

    def write_answer(self, answer: Answer, *, keep_alive: bool) -> None:
        """Write a whole answer, and be ready for the next request."""
        if self.transport.is_closing():
            return
        self.transport.write(self._wire(answer, keep_alive=keep_alive))
        if not keep_alive or any(name == b"connection" for name, _ in answer.headers):
            self.transport.close()
        self.on_response_complete()

    def _wire(self, answer: Answer, *, keep_alive: bool) -> bytes:
        # uvicorn makes a new list of these headers each second: Date is among them.
        headers = [*self.server_state.default_headers, *answer.headers]
        if not keep_alive:
            headers.append((b"connection", b"close"))
        return b"".join(
            (
                _status_line(answer.status),
                *(b"%b: %b\r\n" % header for header in headers),
                b"\r\n",
                answer.body,
            )
        )


class _Turn:
    """A post at the door, in the words in which uvicorn speaks of a request."""

    __slots__ = (
        "_connection", "body", "disconnected", "keep_alive", "message_event",
        "more_body", "response_complete",
    )  # fmt: skip

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.body = bytearray()
        self.disconnected = False
        self.keep_alive = True
        self.message_event = _NOBODY_WAITS
        self.more_body = False
        self.response_complete = False

    def answer(self, answer: Answer) -> None:
        """Answer, unless the client has gone."""
        self.response_complete = True
        if not self.disconnected:
            self._connection.write_answer(answer, keep_alive=self.keep_alive)


class _NobodyWaits:
    """Stands for the event by which uvicorn wakes the task of a request."""

    def set(self) -> None:
        """Wake nobody."""


_NOBODY_WAITS = _NobodyWaits()


def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
