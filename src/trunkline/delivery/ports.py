"""What delivery needs of the log and of a sink's client."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from trunkline.delivery.records import Arrival, Attempt
from trunkline.log.records import DeadLetter, DeliveryException, Entry
from trunkline.sinks.answer import Answer, Parcel


class Log(Protocol):
    """The event log, as delivery reads it and writes down what became of events."""

    head: int

    async def read(
        self, account_sid: str, types: Iterable[str], after: int, upto: int, limit: int
    ) -> list[Entry]:
        """Return entries of an account and types, oldest first."""
        ...

    async def count(
        self, account_sid: str, types: Iterable[str], after: int, upto: int
    ) -> int:
        """Return how many entries `read` would find, without a limit."""
        ...

    async def bookmarks(self) -> dict[str, int]:
        """Return every sink's bookmark."""
        ...

    async def move_bookmarks(self, positions: Mapping[str, int]) -> None:
        """Move bookmarks forward."""
        ...

    async def hold(self, exceptions: Sequence[DeliveryException]) -> None:
        """Keep failed deliveries."""
        ...

    async def release(self, sink_sid: str, positions: Sequence[int]) -> None:
        """Drop exceptions."""
        ...

    async def due(
        self, sink_sid: str, now_ms: int, after: tuple[int, int], limit: int
    ) -> list[tuple[DeliveryException, Entry]]:
        """Return exceptions that are due, by due time."""
        ...

    async def postpone(
        self, sink_sid: str, call: str, position: int, due_ms: int
    ) -> None:
        """Let a call's exceptions after a position wait until `due_ms` at least."""
        ...

    async def waiting_calls(self, sink_sid: str) -> list[tuple[str, int]]:
        """Return the call and the due time of each exception of a sink."""
        ...

    async def next_due(self, sink_sid: str) -> int | None:
        """Return when the next exception is due."""
        ...

    async def with_own_row(self, sink_sid: str, after: int) -> set[int]:
        """Return positions that are exceptions or dead letters."""
        ...

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Keep dead letters, drop their exceptions."""
        ...

    async def forget(self, sink_sid: str) -> None:
        """Drop what is kept of a sink that is gone."""
        ...


class Sender(Protocol):
    """A sink's client.

    It takes up to `max_events` events together, of `max_bytes` as a JSON array.
    `expired_code` is what a delivery of this kind of sink dies of at its deadline.
    """

    max_events: int
    max_bytes: int
    expired_code: int

    async def send(self, parcels: Sequence[Parcel]) -> Sequence[Answer]:
        """Send events together; return one answer for each. Never raises."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Work(Protocol):
    """What is under way: a request, a task."""

    def cancel(self) -> object:
        """Give up, and tell nobody."""
        ...


@runtime_checkable
class DirectSender(Sender, Protocol):
    """A sink's client that can often send without waiting for anything first."""

    def begin(
        self,
        bodies: Sequence[bytes],
        hear: Callable[[Answer | None, Any], None],
        about: object,
    ) -> Work | None:
        """Send rendered events together now; return None if that cannot be.

        `hear` is told the answer that they share, None where they were not sent after
        all, and `send` has to do it; and what this is `about`, which is the caller's.
        """
        ...


class Observer(Protocol):
    """Hears of deliveries as they go; must be quick and never raise."""

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        """Hear of one sink's deliveries that arrived."""
        ...

    def attempted(self, attempts: Sequence[Attempt]) -> None:
        """Hear of attempts at one sink's other deliveries, and of ends without one."""
        ...

    def buried(self, letter: DeadLetter) -> None:
        """Hear of a dead letter that is on disk."""
        ...
