"""The law: what was answered 2xx is kept, and ends delivered or as a dead letter."""

import json
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path

from tiers.crash.scenario import Outside

from trunkline.database import DATABASE_FILE


PREFIX = "com.twilio.voice.status-callback.call."
ENDINGS = {"completed", "busy", "failed", "no-answer", "canceled"}


def kept(folder: Path, outside: Outside) -> list[str]:
    """Return what a folder that a crash has left is missing, without a server."""
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as connection:
        (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
        names = {
            name
            for (name,) in connection.execute(
                "SELECT json_extract(CAST(body AS TEXT), '$.name') FROM ("
                "SELECT body FROM sdk_post"
                " UNION ALL SELECT post FROM event WHERE post <> x'')"
            )
        }
        calls = {sid for (sid,) in connection.execute("SELECT sid FROM call")}
        unlisted = connection.execute(
            "SELECT position FROM event WHERE (account_sid, position >> 6) NOT IN "
            "(SELECT account_sid, block FROM account_block)"
        ).fetchall()
    missing = [f"post {name}" for name in sorted(outside.posts - names)]
    missing += [f"call {sid}" for sid in sorted(outside.calls - calls)]
    missing += [f"event {position} in its account's" for (position,) in unlisted]
    return [sound, *missing] if sound != "ok" else missing


def delivered(folder: Path, outside: Outside) -> tuple[list[str], int]:
    """Return what was not delivered in the end, and how many repeats there are."""
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as connection:
        events = connection.execute(
            "SELECT position, id, type, call_sid, data FROM event"
        ).fetchall()
        sinks = dict(connection.execute("SELECT description, sid FROM sink").fetchall())
        buried = set(connection.execute("SELECT sink_sid, position FROM dead_letter"))
        routes = dict(
            connection.execute(
                "SELECT sink_sid, min(from_position) FROM subscribed_type GROUP BY 1"
            ).fetchall()
        )
    broken = [
        f"{name}: {id_} at {position} is lost"
        for position, id_, *_ in events
        for name, sid in sinks.items()
        if position > routes.get(sid, position)
        and id_ not in outside.arrivals[name]
        and (sid, position) not in buried
    ]
    broken += _miscounted(outside, [event[2:] for event in events])
    broken += _out_of_order(outside)
    return broken, len(outside.callbacks) - len(set(outside.callbacks))


def _miscounted(outside: Outside, events: list[tuple[str, str, bytes]]) -> list[str]:
    """Return posts without an event or with two, and calls not told to their end."""
    names: Counter[str] = Counter()
    progress: dict[str, Counter[str]] = defaultdict(Counter)
    for type_, call_sid, data in events:
        if type_.startswith(PREFIX):
            progress[call_sid][type_.removeprefix(PREFIX)] += 1
        elif "name" in (body := json.loads(data)):
            names[body["name"]] += 1
    broken = [
        f"post {name} counts {names[name]} times"
        for name in sorted(outside.posts)
        if names[name] != 1
    ]
    for sid in sorted(outside.calls):
        told = progress[sid]
        if not (told["initiated"] and ENDINGS & set(told)) or max(told.values()) > 1:
            broken.append(f"call {sid} told {dict(told)}")
    return broken


def _out_of_order(outside: Outside) -> list[str]:
    last: dict[str, int] = {}
    broken = []
    for sid, number in outside.callbacks:
        if number < last.get(sid, -1):
            broken.append(f"callback {number} of {sid} came after {last[sid]}")
        last[sid] = number
    return broken
