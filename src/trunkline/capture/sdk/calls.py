"""The calls in memory, and the events they hold. Bounded in number and in bytes."""

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from trunkline.capture.sdk.ports import HeldEvent
from trunkline.capture.sdk.sticky import Memory, Sticky


Key = tuple[str, str]
"""Account SID, and a call's temporary id or SID."""


class Call:
    """What is remembered of one call.

    `call_sid` is `None` until a post told it; `is_saved` is false while the store
    lacks something; `held` are the events that wait, by their ids.
    """

    __slots__ = ("call_sid", "held", "is_saved", "memory", "over", "seen_ms")

    def __init__(self, *, call_sid: str | None, sticky: Sticky, seen_ms: int) -> None:
        self.call_sid = call_sid
        self.memory = Memory(sticky)
        self.seen_ms = seen_ms
        self.is_saved = call_sid is not None
        self.over = False
        self.held: dict[str, HeldEvent] = {}


class Calls:
    """Calls by their ids, least recently used first out.

    A call is found under its temporary id, its SID, or both. One with held events
    stays, so that the post that they wait for finds it.
    """

    def __init__(self, max_ids: int) -> None:
        self._max_ids = max_ids
        self._calls: OrderedDict[Key, Call] = OrderedDict()
        self._holding: dict[int, Call] = {}
        self.held_bytes = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._calls

    def get(self, key: Key) -> Call | None:
        """Return a call, and count it as used."""
        call = self._calls.get(key)
        if call is not None:
            self._calls.move_to_end(key)
        return call

    def remember(self, key: Key, call: Call) -> None:
        """Find the call under that key from now on."""
        self._calls[key] = call
        self._calls.move_to_end(key)
        spared = 0
        while len(self._calls) > self._max_ids and spared < self._max_ids:
            oldest, its_call = self._calls.popitem(last=False)
            if its_call.held:
                self._calls[oldest] = its_call
                spared += 1

    def forget_before(self, seen_ms: int) -> None:
        """Forget calls of which nothing was heard since."""
        while self._calls:
            key, call = next(iter(self._calls.items()))
            if call.held or call.seen_ms >= seen_ms:
                break
            del self._calls[key]

    def holding(self) -> Iterator[Call]:
        """Return the calls that hold events."""
        return iter(list(self._holding.values()))

    def hold(self, call: Call, held: HeldEvent) -> None:
        """Let an event wait for its call's SID."""
        call.held[held.event_id] = held
        self._holding[id(call)] = call
        self.held_bytes += len(held.body)

    def release(self, call: Call, held: HeldEvent) -> None:
        """Let an event wait no longer."""
        if call.held.pop(held.event_id, None) is None:
            return
        self.held_bytes -= len(held.body)
        if not call.held:
            del self._holding[id(call)]


def cut_waits(call: Call, due_ms: int) -> None:
    """Let no event of a call wait longer than until then."""
    for event_id, held in call.held.items():
        if held.due_ms > due_ms:
            call.held[event_id] = msgspec.structs.replace(held, due_ms=due_ms)
