"""The documentation lists what there is, once: settings and commands."""

import re
from dataclasses import fields
from pathlib import Path

import click
import pytest

from trunkline import cli
from trunkline.settings import Settings, option, variable


ROOT = Path(__file__).parents[2]
SETTINGS = (ROOT / "docs/reference/settings.md").read_text("utf-8")
COMMANDS = (ROOT / "docs/reference/commands.md").read_text("utf-8")


def rows(page: str) -> list[list[str]]:
    """The cells of each row of the tables of a page, the headings left out."""
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_setting_is_listed_once_and_in_order() -> None:
    listed = [row[0].strip(" `") for row in rows(SETTINGS)]

    assert listed == [variable(setting.name) for setting in fields(Settings)]


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda field: field.name)
def test_a_setting_is_described_as_the_code_describes_it(setting: object) -> None:
    [row] = [r for r in rows(SETTINGS) if r[0].strip(" `") == variable(setting.name)]  # type: ignore[attr-defined]

    assert row[3] == setting.metadata["doc"]  # type: ignore[attr-defined]
    shown = f"`{option(setting.name)}`" if setting.metadata["option"] else "-"  # type: ignore[attr-defined]
    assert row[1] == shown
    if isinstance(setting.default, str | int) and setting.name != "data_dir":  # type: ignore[attr-defined]
        assert row[2] == f"`{setting.default}`"  # type: ignore[attr-defined]


def test_every_command_has_its_heading() -> None:
    headings = re.findall(r"^## `trunkline ([\w-]+)`$", COMMANDS, re.MULTILINE)

    assert sorted(headings) == sorted(cli.main.commands)


def test_every_command_of_a_group_has_its_row() -> None:
    listed = re.findall(r"^\| `trunkline ([\w-]+ [\w-]+)[` ]", COMMANDS, re.MULTILINE)
    groups = [c for c in cli.main.commands.values() if isinstance(c, click.Group)]

    assert sorted(listed) == sorted(f"{g.name} {c}" for g in groups for c in g.commands)


def test_every_link_in_the_documentation_leads_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page}: {link}"
