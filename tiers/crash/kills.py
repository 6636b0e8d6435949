"""The real server, killed at random moments under load and started again."""

import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.system.server import Server
from tiers.crash.clients import Load, subscribe, wait_until
from tiers.crash.receivers import Receiver

from trunkline.database import DATABASE_FILE


# For the last deliveries: two refusals of the flaky sink cost three seconds.
LONG_ENOUGH = 60.0


@dataclass(slots=True)
class Outcome:
    """What came of the rounds. `broken` is empty if all is well."""

    seed: int
    kills: int = 0
    accepted: int = 0
    owed: int = 0
    dead: int = 0
    lost: int = 0
    duplicates: int = 0
    broken: list[str] = field(default_factory=list)


def kill_again_and_again(seed: int, seconds: float, folder: Path) -> Outcome:
    """Kill a server for that long, then let it deliver what it owes."""
    random = Random(seed)
    outcome = Outcome(seed)
    end = time.monotonic() + seconds
    with Receiver() as steady, Receiver(Random(seed)) as flaky:
        load = Load(steady.url)
        sinks: dict[str, Receiver] = {}
        while time.monotonic() < end:
            with Server(folder) as server:
                if not sinks:
                    sinks[subscribe(server, "steady", steady.url)] = steady
                    sinks[subscribe(server, "flaky", flaky.url)] = flaky
                load.start(server)
                # Mostly in the middle of the work, now and then as soon as it starts.
                time.sleep(
                    random.choice((0.0, random.uniform(0, 0.3), random.uniform(0, 1.5)))
                )
                server.kill()
                outcome.kills += 1
            load.join()
        with Server(folder) as server:
            wait_until(lambda: not _undone(folder, load, sinks, steady), LONG_ENOUGH)
            if server.stop() != 0:
                outcome.broken.append("the last server did not end with 0")
        outcome.broken += _undone(folder, load, sinks, steady)
        outcome.broken += _callbacks_out_of_order(steady, load)
        outcome.lost = len(outcome.broken)
        outcome.accepted = load.accepted
        outcome.duplicates = sum(
            count - 1 for sink in sinks.values() for count in sink.taken.values()
        )
        with closing(sqlite3.connect(folder / DATABASE_FILE)) as connection:
            (events,) = connection.execute("SELECT count(*) FROM event").fetchone()
            (outcome.dead,) = connection.execute(
                "SELECT count(*) FROM dead_letter"
            ).fetchone()
        outcome.owed = events * len(sinks)
    return outcome


def _undone(
    folder: Path, load: Load, sinks: dict[str, Receiver], steady: Receiver
) -> list[str]:
    """Return what was accepted and did not come to its end at every sink."""
    missing = [f"post {name} is not delivered" for name in load.posts - steady.names]
    missing += [f"call {sid} is not delivered" for sid in load.calls - steady.completed]
    if missing:
        return sorted(missing)
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as connection:
        events = connection.execute("SELECT position, id FROM event").fetchall()
        buried = set(connection.execute("SELECT sink_sid, position FROM dead_letter"))
    return [
        f"{id_} at {position} is not delivered"
        for sid, sink in sinks.items()
        for position, id_ in events
        if not sink.taken[id_] and (sid, position) not in buried
    ]


def _callbacks_out_of_order(steady: Receiver, load: Load) -> list[str]:
    sent: dict[str, list[int]] = {}
    for sid, number in steady.callbacks:
        sent.setdefault(sid, []).append(number)
    return [
        f"callbacks of {sid}: {dict(Counter(sent.get(sid, [])))}"
        for sid in sorted(load.calls)
        if sorted(set(sent.get(sid, []))) != [0, 1, 2, 3]
        or sent[sid] != sorted(sent[sid])
    ]
