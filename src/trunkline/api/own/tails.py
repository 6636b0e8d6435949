"""Whoever watches events as they are accepted, each behind a bounded queue."""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence

from trunkline.errors import Refused
from trunkline.log.records import Entry


# Events that wait for one watcher. One that is slower misses some, and is told so.
QUEUE_LIMIT = 1_000
# Watchers at a time: each costs the way in a little.
MAX_TAILS = 100


class Tail:
    """One watcher's queue. `news` is set when there is something to take."""

    def __init__(
        self, account_sid: str, types: Collection[str], call_ids: Collection[str]
    ) -> None:
        self._account_sid = account_sid
        self._types = frozenset(types)
        self._call_ids = frozenset(call_ids)
        self._waiting: deque[Entry] = deque()
        self._missed = 0
        self.news = asyncio.Event()
        self.closed = False

    def offer(self, entry: Entry) -> None:
        """Take an event if it is one that is watched for, and if there is room."""
        event = entry.event
        if (
            event.account_sid != self._account_sid
            or (self._types and event.type not in self._types)
            or (self._call_ids and event.call_sid not in self._call_ids)
        ):
            return
        if len(self._waiting) >= QUEUE_LIMIT:
            self._missed += 1
            return
        self._waiting.append(entry)
        self.news.set()

    def take(self) -> tuple[list[Entry], int]:
        """Return what waits, and how many were missed after that for lack of room."""
        taken, missed = list(self._waiting), self._missed
        self._waiting.clear()
        self._missed = 0
        self.news.clear()
        return taken, missed

    def close(self) -> None:
        """Have the watcher stop."""
        self.closed = True
        self.news.set()


class Tails:
    """All watchers. Listens to the log, and costs it next to nothing without any."""

    def __init__(self) -> None:
        self._tails: set[Tail] = set()
        self._closed = False

    def appended(self, entries: Sequence[Entry]) -> None:
        """Offer events that are on disk to whoever watches."""
        for tail in self._tails:
            for entry in entries:
                tail.offer(entry)

    def open(
        self, account_sid: str, types: Collection[str], call_ids: Collection[str]
    ) -> Tail:
        """Begin to watch. Raises Refused 20429 where too many do, or at the end."""
        if len(self._tails) >= MAX_TAILS or self._closed:
            raise Refused(20429, 429, "Too many requests")
        tail = Tail(account_sid, types, call_ids)
        self._tails.add(tail)
        return tail

    def drop(self, tail: Tail) -> None:
        """Forget a watcher who has gone."""
        self._tails.discard(tail)

    def close(self) -> None:
        """Have all stop: the server does."""
        self._closed = True
        for tail in self._tails:
            tail.close()

    def __len__(self) -> int:
        return len(self._tails)
