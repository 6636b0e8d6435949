"""The codes of refusals, as docs/reference lists them, are those of the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]

# What a parameter of every API is refused with; not of one room.
COMMON = ("20001", "400")

CALLS = ["capture/calls/creation.py", "capture/calls/updates.py", "api/calls_2010.py"]
GATEWAY = ["capture/sdk/*.py"]


def listed(page: str, heading: str) -> list[tuple[str, str]]:
    """The codes and statuses of a page's table whose first heading this is."""
    text = (ROOT / "docs/reference" / page).read_text("utf-8")
    table = text.split(f"| {heading} | Status |")[1].split("\n\n")[0]
    return re.findall(r"^\| `(\d+)` \| `(\d+)` \|", table, re.MULTILINE)


def refused_in(pattern: str) -> Iterator[tuple[str, str]]:
    """The codes and statuses that modules refuse with."""
    for module in (ROOT / "src/trunkline").glob(pattern):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            match node:
                case ast.Call(
                    ast.Name("Refused"),
                    [ast.Constant(int(code)), ast.Constant(int(status)), *_],
                ):
                    yield str(code), str(status)
                case ast.Call(ast.Name("party"), [*_, ast.Constant(int(code))]):
                    yield str(code), "400"
                case _:
                    pass


@pytest.mark.parametrize(
    ("page", "heading", "modules"),
    [("call-progress.md", "Refusal", CALLS), ("voice-sdk.md", "Code", GATEWAY)],
)
def test_refusals_are_listed(page: str, heading: str, modules: list[str]) -> None:
    refused = {pair for pattern in modules for pair in refused_in(pattern)}

    assert len(refused) > 5
    assert sorted(listed(page, heading)) == sorted(refused - {COMMON})
