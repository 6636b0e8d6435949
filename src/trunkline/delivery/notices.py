"""When failing deliveries are worth a notice (spec event-streams 7). Pure.

Failures are counted by sink and code. The first is told at once, then those that make
a count of 10, 100, 1000 and so on, and what came in between once in twenty minutes.
After twenty minutes without such a failure the count begins anew.
"""

from dataclasses import dataclass

import msgspec

from trunkline.sinks.answer import Level


PERIOD_MS = 20 * 60 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A delivery that failed, or `count` of them told together; the last is described.

    `message` says in words what happened, free of secrets.
    """

    account_sid: str
    sink_sid: str
    code: int
    level: Level
    message: str
    at_ms: int
    event_type: str
    event_id: str
    http_status: int | None = None
    count: int = 1


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator is told: `count` failures from `first_ms` to `last_ms`.

    Type, id, message and status are those of the last one.
    """

    account_sid: str
    sink_sid: str
    code: int
    level: str
    message: str
    count: int
    first_ms: int
    last_ms: int
    event_type: str
    event_id: str
    http_status: int | None


@dataclass(slots=True)
class _Run:
    """The failures of one sink and code, without a pause of twenty minutes."""

    first_ms: int
    summary_ms: int
    last: Failure
    count: int
    told: int = 0

    def tell(self) -> Notice:
        self.told = self.count
        last = self.last
        return Notice(
            account_sid=last.account_sid,
            sink_sid=last.sink_sid,
            code=last.code,
            level=last.level,
            message=last.message,
            count=self.count,
            first_ms=self.first_ms,
            last_ms=last.at_ms,
            event_type=last.event_type,
            event_id=last.event_id,
            http_status=last.http_status,
        )


class Notices:
    """Counts failures. Holds one entry for each sink and code that failed lately."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, int], _Run] = {}

    def failed(self, failure: Failure) -> list[Notice]:
        """Count a failure; return the notices that are to be told now."""
        key = failure.sink_sid, failure.code
        run = self._runs.get(key)
        notices = []
        if run is not None and failure.at_ms - run.last.at_ms >= PERIOD_MS:
            notices += [run.tell()] if run.count > run.told else []
            run = None
        if run is None:
            at_ms = failure.at_ms
            run = self._runs[key] = _Run(at_ms, at_ms + PERIOD_MS, failure, 0)
        before = run.count
        run.count += failure.count
        run.last = failure
        if before == 0 or len(str(run.count)) > len(str(before)):
            notices.append(run.tell())
        return notices

    def summaries(self, now_ms: int) -> list[Notice]:
        """Return the summaries whose time has come; forget what has ceased."""
        notices = []
        for key, run in list(self._runs.items()):
            if run.summary_ms <= now_ms:
                if run.count > run.told:
                    notices.append(run.tell())
                run.summary_ms = now_ms + PERIOD_MS
            if now_ms - run.last.at_ms >= PERIOD_MS and run.count == run.told:
                del self._runs[key]
        return notices
