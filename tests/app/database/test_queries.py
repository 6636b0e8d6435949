"""Queries find their rows by an index: none gets slower as the database grows."""

import itertools
import re
import sqlite3
from typing import Any

import pytest

from trunkline.database import queries


FILES = [
    ("trunkline.log", "queries.sql"),
    ("trunkline.log", "search.sql"),
    *(
        ("trunkline.storage", f"{name}.sql")
        for name in ("calls", "notices", "posts", "pruning", "timeline")
    ),
]

# Tables of which there is a row for each call, event or post. Sinks, subscriptions and
# accounts are few, and what fails is bounded by what is kept.
LARGE = "account_block|call|call_event|call_leg|callback|event|event_of_call|sdk_call|sdk_post|sdk_sample"

# Those that go through a table from its one end, and stop soon.
FROM_ONE_END = {
    "live",  # once, at the start
    "oldest",
    "prune_posts",
}

WITHOUT_INDEX = re.compile(
    rf"SCAN ({LARGE})\b|SEARCH ({LARGE}) .*\(account_sid=\?\)$", re.ASCII
)


def named_queries() -> list[tuple[str, str]]:
    return [
        (f"{name}: {query}", sql)
        for package, name in FILES
        for query, sql in queries.load(package, name).items()
        if query not in FROM_ONE_END
    ]


# Those that go through the blocks of an account.
BY_BLOCKS = [
    *((name, "queries.sql") for name in ("read", "count", "read_again")),
    *((name, "search.sql") for name in ("events_down", "events_up")),
]


@pytest.fixture(scope="module")
def connection() -> sqlite3.Connection:
    schema = queries.load("trunkline.database", "schema.sql")
    connection = sqlite3.connect(":memory:")
    for part in ("tables", "late_indexes", "account_blocks"):
        connection.executescript(schema[part])
    return connection


def plan_of(connection: sqlite3.Connection, sql: str) -> list[tuple[Any, ...]]:
    given: Any = dict.fromkeys(re.findall(r":(\w+)", sql), 0)
    if not given:
        numbered = [int(number) for number in re.findall(r"\?(\d+)", sql)]
        given = [0] * max(numbered, default=sql.count("?"))
    return connection.execute(f"EXPLAIN QUERY PLAN {sql}", given).fetchall()


@pytest.mark.parametrize(
    "sql", [pytest.param(sql, id=name) for name, sql in named_queries()]
)
def test_a_query_searches_what_is_large_by_an_index(
    connection: sqlite3.Connection, sql: str
) -> None:
    steps = [row[3] for row in plan_of(connection, sql)]
    assert not [step for step in steps if WITHOUT_INDEX.match(step)], steps


@pytest.mark.parametrize(("name", "file"), BY_BLOCKS)
def test_events_of_an_account_come_in_their_order_block_by_block(
    connection: sqlite3.Connection, name: str, file: str
) -> None:
    sql = queries.load("trunkline.log", file)[name]
    steps = [row[3] for row in plan_of(connection, sql)]
    assert [step for step in steps if step.startswith("SEARCH")] == [
        "SEARCH b USING PRIMARY KEY (account_sid=? AND block>? AND block<?)",
        "SEARCH e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
    ]
    scanned = [step for step in steps if step.startswith("SCAN")]
    assert all("json_each" in step or "subquery" in step for step in scanned), steps
    assert not [step for step in steps if "TEMP B-TREE" in step]


@pytest.mark.parametrize(("name", "file"), BY_BLOCKS)
def test_twice_the_events_of_an_account_take_twice_the_steps(
    connection: sqlite3.Connection, name: str, file: str
) -> None:
    sql = queries.load("trunkline.log", file)[name]
    count = 64 * 40
    connection.execute("DELETE FROM event")
    connection.executemany(
        "INSERT INTO event VALUES (?1, ?1, 'AC1', 'type', '', '', '', 1, '', 1, '')",
        [(position,) for position in range(1, count)],
    )
    connection.execute(
        "INSERT OR IGNORE INTO account_block SELECT account_sid, position >> 6 FROM event"
    )

    def steps_of(upto: int) -> int:
        """Return how many hundred instructions of SQLite's machine it takes."""
        done = itertools.count()
        parameters = {
            "account_sid": "AC1",
            "types": '["type"]',
            "any_type": False,
            "call_sid": None,
            "from_ms": 0,
            "to_ms": 2,
            "after": 0,
            "upto": upto,
            "key": upto + 1 if name == "events_down" else 0,
            "lowest": 0,
            "highest": upto + 1,
            "limit": count,
            "offset": 0,
        }
        connection.set_progress_handler(lambda: next(done) < 0, 100)
        rows = connection.execute(sql, parameters).fetchall()
        connection.set_progress_handler(None, 0)
        assert rows
        return next(done)

    assert steps_of(count - 1) < 2.2 * steps_of(count // 2)
