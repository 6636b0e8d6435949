"""The reference of Events v1, and of accounts and keys, says what the code does."""

import ast
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from tests.app.site import Site, described


ROOT = Path(__file__).parents[3]
EVENTS = (ROOT / "docs/reference/events-api.md").read_text("utf-8")
ACCOUNTS = (ROOT / "docs/reference/accounts-api.md").read_text("utf-8")
API = ROOT / "src/trunkline/api"

# Where errors of Events v1 come from.
SOURCES = [
    *(API / name for name in ("auth.py", "errors.py", "forms.py", "paging.py")),
    *(API / "events_v1").glob("*.py"),
    *(ROOT / "src/trunkline/streams").glob("*.py"),
]
PAGING = {"PageSize", "Page", "PageToken"}


def table(page: str, heading: str) -> list[list[str]]:
    """The rows of the first table under a heading whose first cell is code."""
    section = page.split(f" {heading}\n")[1].partition("\n## ")[0]
    first = section.split("\n|---|")[1].split("\n\n")[0]
    lines = [line for line in first.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def operations(document: dict[str, Any], *prefixes: str) -> Iterator[list[str]]:
    """What the rows of the table of operations have to be."""
    for path, item in document["paths"].items():
        if not path.startswith(prefixes):
            continue
        for method, operation in item.items():
            names = chain(query_of(operation), form_of(operation))
            statuses = [each for each in operation["responses"] if each < "300"]
            yield [
                f"`{method.upper()} {path}`",
                operation["summary"],
                ", ".join(f"`{name}`" for name in names) or "-",
                ", ".join(statuses),
            ]


def query_of(operation: dict[str, Any]) -> Iterator[str]:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query" and parameter["name"] not in PAGING:
            yield parameter["name"] + "*" * parameter["required"]


def form_of(operation: dict[str, Any]) -> Iterator[str]:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        for name in content["schema"]["properties"]:
            yield name + "*" * (name in content["schema"].get("required", ()))


def test_every_operation_has_its_row(site: Site) -> None:
    document = described(site.url).document
    rows = table(EVENTS, "Operations")
    assert len(rows) == 22
    assert sorted(rows) == sorted(operations(document, "/v1/"))

    rows = table(ACCOUNTS, "Accounts and API keys")
    prefixes = ("/trunkline/v1/Accounts", "/trunkline/v1/Keys")
    assert sorted(rows) == sorted(operations(document, *prefixes))


def refusals(source: str) -> Iterator[tuple[int, int]]:
    """Code and status of each `Refused(code, status, ...)` in a source."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refused":
            code, status, _ = node.args
            yield ast.literal_eval(code), ast.literal_eval(status)


def test_every_error_has_its_row() -> None:
    sent = set(chain(*(refusals(path.read_text("utf-8")) for path in SOURCES)))
    rows = table(EVENTS, "Errors")
    listed = [(int(code.strip("`")), int(status)) for code, status, _ in rows]

    assert listed == sorted(sent)
