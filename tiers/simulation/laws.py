"""What must hold after any life: read off the log, the receivers and the ledger."""

import json
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tiers.simulation.ledger import SHORT_WINDOW, WINDOW
from tiers.simulation.life import Life
from tiers.simulation.network import Arrival

from trunkline.database import DATABASE_FILE


# From the decision to try until the receiver has the request: connecting takes part
# of a second, and an attempt ends after five.
_ON_THE_WAY_MS = 6_000

_TERMINAL = {"completed", "busy", "failed", "no-answer", "canceled"}
_PREFIX = "com.twilio.voice.status-callback.call."


@dataclass(slots=True)
class Verdict:
    """What was found. `broken` is empty in a good run."""

    broken: list[str] = field(default_factory=list)
    accepted: int = 0
    owed: int = 0
    delivered: int = 0
    dead: int = 0
    duplicates: int = 0
    lost: int = 0


@dataclass(slots=True)
class _Record:
    """What the database says at the end."""

    events: dict[int, tuple[str, str, str, int, Any]]
    routes: list[tuple[str, str, int, int | None]]
    letters: dict[str, set[int]]
    exceptions: int


def judge(life: Life, folder: Path) -> Verdict:
    """Return what became of everything."""
    record = _read(folder / DATABASE_FILE)
    verdict = Verdict(broken=list(life.world.faults))
    verdict.accepted = len(life.ledger.posts) + len(life.ledger.calls)
    if record.exceptions:
        verdict.broken.append(f"{record.exceptions} exceptions are left")
    _accepted_is_logged(life, record, verdict)
    for name, sid in life.sinks.items():
        arrivals = life.receivers[name].arrivals
        _logged_is_delivered_or_dead(name, sid, arrivals, record, verdict)
        _no_retry_is_early(name, arrivals, life, verdict)
        _no_attempt_is_late(name, arrivals, record, life, verdict)
        if name.startswith("ordered"):
            _calls_are_in_order(name, arrivals, record, life, verdict)
    _callbacks_are_in_order(life, verdict)
    return verdict


def _read(path: Path) -> _Record:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        assert found == "ok", found
        events = {
            position: (id_, type_, call_sid, accepted_ms, json.loads(data))
            for position, id_, type_, call_sid, accepted_ms, data in connection.execute(
                "SELECT position, id, type, call_sid, accepted_ms, data FROM event"
            )
        }
        routes = connection.execute(
            "SELECT sink_sid, type, from_position, until_position FROM subscribed_type"
        ).fetchall()
        letters = defaultdict(set)
        for sid, position in connection.execute(
            "SELECT sink_sid, position FROM dead_letter"
        ):
            letters[sid].add(position)
        exceptions = connection.execute("SELECT count(*) FROM exception").fetchone()[0]
    return _Record(events, routes, letters, exceptions)


def _accepted_is_logged(life: Life, record: _Record, verdict: Verdict) -> None:
    marks: Counter[str] = Counter()
    progress: dict[str, Counter[str]] = defaultdict(Counter)
    for _, type_, call_sid, _, data in record.events.values():
        if type_.startswith(_PREFIX):
            progress[call_sid][type_.removeprefix(_PREFIX)] += 1
        elif "name" in data:
            marks[data["name"]] += 1
    for mark in sorted(life.ledger.posts):
        if marks[mark] == 0:
            verdict.lost += 1
            verdict.broken.append(f"post {mark} was accepted and is not in the log")
        elif marks[mark] > 1:
            verdict.broken.append(f"post {mark} counted {marks[mark]} times")
    for call in sorted(life.ledger.calls):
        told = progress[call]
        if not (told["initiated"] and _TERMINAL & set(told)):
            verdict.lost += 1
            verdict.broken.append(
                f"call {call} was accepted and told only {dict(told)}"
            )
        if max(told.values(), default=0) > 1:
            verdict.broken.append(f"call {call} told {dict(told)}")


def _logged_is_delivered_or_dead(
    name: str, sid: str, arrivals: list[Arrival], record: _Record, verdict: Verdict
) -> None:
    taken = Counter(arrival.event for arrival in arrivals if arrival.taken)
    routes = [route[1:] for route in record.routes if route[0] == sid]
    verdict.duplicates += sum(count - 1 for count in taken.values())
    for position, (id_, type_, _, _, _) in record.events.items():
        owed = any(
            type_ == wanted
            and after < position
            and (until is None or position <= until)
            for wanted, after, until in routes
        )
        if not owed:
            continue
        verdict.owed += 1
        if taken[id_]:
            verdict.delivered += 1
        elif position in record.letters[sid]:
            verdict.dead += 1
        else:
            verdict.lost += 1
            verdict.broken.append(f"{name}: {id_} at {position} ({type_}) is lost")


def _no_retry_is_early(
    name: str, arrivals: list[Arrival], life: Life, verdict: Verdict
) -> None:
    """Within one life, by one clock; what was asked for again may come at any time."""
    if life.ledger.again[life.sinks[name]]:
        return
    last: dict[str, Arrival] = {}
    for arrival in arrivals:
        before = last.get(arrival.event)
        if (
            before is not None
            and before.life == arrival.life
            and not _jumped(life, before.at, arrival.at)
            and arrival.wall_ms < before.wall_ms + before.retry_after_ms
        ):
            verdict.broken.append(f"{name}: a retry came early: {before} {arrival}")
        last[arrival.event] = arrival


def _no_attempt_is_late(
    name: str, arrivals: list[Arrival], record: _Record, life: Life, verdict: Verdict
) -> None:
    window_ms = 1000 * (
        SHORT_WINDOW if name in {"short window", "stubborn"} else WINDOW
    )
    accepted = {row[0]: row[3] for row in record.events.values()}
    if life.ledger.again[life.sinks[name]]:
        return  # each asking opens a window of its own
    for arrival in arrivals:
        if arrival.event not in accepted:
            continue  # lost with the power, before it was answered
        late_ms = arrival.wall_ms - accepted[arrival.event] - window_ms
        since = arrival.at - _ON_THE_WAY_MS / 1000
        if late_ms > _ON_THE_WAY_MS and not _jumped(life, since, arrival.at):
            verdict.broken.append(
                f"{name}: an attempt came {late_ms} ms late: {arrival}"
            )


def _jumped(life: Life, since: float, until: float) -> bool:
    """Tell whether the clock was set between two moments."""
    return any(since <= at <= until for at, _ in life.world.clock.jumps)


def _calls_are_in_order(
    name: str, arrivals: list[Arrival], record: _Record, life: Life, verdict: Verdict
) -> None:
    """The first arrivals of a call's events come as the log has them."""
    sid = life.sinks[name]
    if life.ledger.again[sid]:
        return
    places = {row[0]: (position, row[2]) for position, row in record.events.items()}
    newest: dict[str, int] = {}
    seen: set[str] = set()
    for arrival in arrivals:
        if not arrival.taken or arrival.event in seen or arrival.event not in places:
            continue
        seen.add(arrival.event)
        position, call = places[arrival.event]
        if position in record.letters[sid] or not call:
            continue
        if position < newest.get(call, 0):
            verdict.broken.append(
                f"{name}: {arrival.event} at {position} came after {newest[call]}"
            )
        newest[call] = max(position, newest.get(call, 0))


def _callbacks_are_in_order(life: Life, verdict: Verdict) -> None:
    last: dict[str, int] = {}
    for callback in life.receivers["callbacks"].callbacks:
        sid, number = callback["CallSid"], int(callback["SequenceNumber"])
        if number < last.get(sid, -1):
            verdict.broken.append(f"callback {number} of {sid} came after {last[sid]}")
        last[sid] = number
