"""Queries find their rows by an index: none gets slower as the database grows."""

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
LARGE = (
    "call|call_event|call_leg|callback|event|event_of_call|sdk_call|sdk_post|sdk_sample"
)

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


@pytest.fixture(scope="module")
def connection() -> sqlite3.Connection:
    schema = queries.load("trunkline.database", "schema.sql")
    connection = sqlite3.connect(":memory:")
    connection.executescript(schema["tables"] + schema["late_indexes"])
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
