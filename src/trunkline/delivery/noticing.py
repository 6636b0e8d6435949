"""Tells of failing deliveries: in the log, and in a list for whoever looks later."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import structlog

from trunkline.clock import Clock
from trunkline.delivery.decide import SETTLE, Bury
from trunkline.delivery.notices import Failure, Notice, Notices
from trunkline.delivery.records import Arrival, Attempt
from trunkline.errors import StorageFailed
from trunkline.events.times import iso_ms
from trunkline.log.records import DeadLetter
from trunkline.sinks.answer import Level


# How often summaries are looked for, in seconds.
TICK = 10.0

# Notices that wait for the disk; beyond, the oldest is in the log lines alone.
WAITING_LIMIT = 1_000

_logger = structlog.get_logger("delivery")


class Store(Protocol):
    """Keeps notices."""

    async def add(self, notices: Sequence[Notice]) -> None:
        """Keep notices, in their order; the oldest make room."""
        ...


class Noticing:
    """An observer of deliveries. `run` looks after summaries until it is cancelled."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._notices = Notices()
        self._waiting = _list()
        self._news = asyncio.Event()

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        """Do nothing: that is no failure."""

    def attempted(self, attempts: Sequence[Attempt]) -> None:
        """Count the attempts that failed."""
        for attempt in attempts:
            if attempt.decision is not SETTLE:
                self._count(attempt)

    def _count(self, attempt: Attempt) -> None:
        decision, answer = attempt.decision, attempt.answer
        if isinstance(decision, Bury):
            code, message = decision.code, decision.reason
        elif answer is not None and answer.code is not None:
            code, message = answer.code, answer.detail
        else:
            return
        known = answer is not None and answer.code == code
        level = answer.level if answer is not None and known else None
        failure = Failure(
            account_sid=attempt.account_sid,
            sink_sid=attempt.sink_sid,
            code=code,
            level=level or Level.ERROR,
            message=message,
            at_ms=attempt.started_ms + attempt.duration_ms,
            event_type=attempt.event.type,
            event_id=attempt.event.id,
            http_status=answer.http_status if answer is not None else None,
        )
        self._tell(self._notices.failed(failure))

    def buried(self, letter: DeadLetter) -> None:
        """Do nothing: the attempt that ended so has been counted."""

    def lost(self, letters: Sequence[DeadLetter]) -> None:
        """Count deliveries that ended because their events were pruned."""
        by_key: dict[tuple[str, int], list[DeadLetter]] = {}
        for letter in letters:
            by_key.setdefault((letter.sink_sid, letter.code), []).append(letter)
        for same in by_key.values():
            last = same[-1]
            failure = Failure(
                account_sid=last.account_sid,
                sink_sid=last.sink_sid,
                code=last.code,
                level=Level.ERROR,
                message=last.reason,
                at_ms=self._clock.now_ms(),
                event_type=last.event_type,
                event_id=last.event_id,
                http_status=last.http_status,
                count=len(same),
            )
            self._tell(self._notices.failed(failure))

    async def run(self) -> None:
        """Tell summaries, and write notices down, until cancelled."""
        while True:
            await self._clock.wait(self._news, TICK)
            self._news.clear()
            self._tell(self._notices.summaries(self._clock.now_ms()))
            await self.write_down()

    async def write_down(self) -> None:
        """Keep what has been told; what the disk refuses waits for the next time."""
        while self._waiting:
            # Out of the list first: whoever is cancelled while they are written must
            # not leave them there to be written again.
            notices, self._waiting = self._waiting, _list()
            try:
                await self._store.add(list(notices))
            except StorageFailed as error:
                notices.extend(self._waiting)
                self._waiting = notices
                _logger.error("notices.not_stored", error=str(error))
                return

    def _tell(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            tell = _logger.warning if notice.level == "WARNING" else _logger.error
            tell("delivery.notice", **shown(notice))
            self._waiting.append(notice)
            self._news.set()


def _list() -> deque[Notice]:
    return deque(maxlen=WAITING_LIMIT)


def shown(notice: Notice) -> dict[str, object]:
    """Return the fields of a notice (spec event-streams 7)."""
    return {
        "code": notice.code,
        # Not `level`, in a log line: that is the line's own, and the same.
        "message": notice.message,
        "account_sid": notice.account_sid,
        "sink_sid": notice.sink_sid,
        "count": notice.count,
        "first_at": iso_ms(notice.first_ms),
        "last_at": iso_ms(notice.last_ms),
        "event_type": notice.event_type,
        "event_id": notice.event_id,
        "http_status": notice.http_status,
    }
