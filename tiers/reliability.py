"""Results of the tiers that try to break promises, kept in `.reliability/`.

    python -m tiers.reliability

writes the newest of each tier into the tables of docs/reliability.md.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


ROOT = Path(__file__).parents[1]
RESULTS = ROOT / ".reliability"
DOCUMENT = ROOT / "docs" / "reliability.md"

BEGIN = "<!-- {}: written by python -m tiers.reliability -->"
END = "<!-- end of {} -->"

COLUMNS = ("runs", "kills", "faults", "accepted", "lost", "duplicates")

# What the tier that feeds parsers counts is of another kind.
FUZZ = RESULTS / "fuzz.jsonl"
FUZZ_COLUMNS = ("targets", "seconds", "changed", "guided", "inputs", "bugs")


def append(tier: str, figures: Mapping[str, object]) -> None:
    """Keep the figures of a run."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC).isoformat(timespec="seconds")  # noqa: TID251 (a tool)
    line = {"tier": tier, "at": now, "commit": _commit(), **figures}
    with (RESULTS / f"{tier}.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def keep_table(tier: str, lines: list[str]) -> None:
    """Keep a table as it is to be shown."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC).isoformat(timespec="seconds")[:10]  # noqa: TID251 (a tool)
    told = [*lines, "", f"{now}, `{_commit()}`."]
    (RESULTS / f"{tier}.md").write_text("\n".join(told))


def _commit() -> str:
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    return said.stdout.strip() or "unknown"


def _row(figures: Mapping[str, object]) -> str:
    kills = sum(int(str(figures.get(k, 0))) for k in ("kills", "power_cuts", "stops"))
    faults = sum(
        int(str(figures.get(k, 0))) for k in ("faults", "disk_faults", "clock_jumps")
    )
    shown = {**figures, "kills": kills, "faults": faults}
    cells = [f"{shown.get(name, 0):,}" for name in COLUMNS]
    if "simulated_hours" in figures:
        cells[0] += f", of {figures['simulated_hours']:.0f} simulated hours"
    return _line(figures, cells)


def _line(figures: Mapping[str, object], cells: list[str]) -> str:
    where = f"{str(figures['at'])[:10]}, `{figures['commit']}`"
    return f"| `make test-{figures['tier']}` | {' | '.join(cells)} | {where} |"


def _newest(file: Path) -> dict[str, Any]:
    newest: dict[str, Any] = json.loads(file.read_text().splitlines()[-1])
    return newest


def table(files: Iterable[Path]) -> str:
    """Return the newest result of each tier that tries to lose events as a table."""
    head = "| Command | Runs | Kills and stops | Other faults | Accepted | Lost | Duplicates | When, at |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    lines += [_row(_newest(file)) for file in files]
    return "\n".join(lines)


def fuzz_table() -> str:
    """Return the newest result of the tier that feeds parsers as a table."""
    figures = _newest(FUZZ)
    figures["inputs"] = figures["changed"] + figures["guided"]
    head = "| Command | Parsers | Seconds | Changed inputs | Guided inputs | Inputs in all | Bugs | When, at |"
    cells = [f"{figures[name]:,}" for name in FUZZ_COLUMNS]
    return "\n".join((head, "|---|---|---|---|---|---|---|---|", _line(figures, cells)))


def main() -> int:
    text = DOCUMENT.read_text()
    if files := sorted(set(RESULTS.glob("*.jsonl")) - {FUZZ}):
        text = _put(text, "results", table(files))
    if FUZZ.exists():
        text = _put(text, "fuzz", fuzz_table())
    breaks = RESULTS / "mutants.md"
    if breaks.exists():
        text = _put(text, "mutants", breaks.read_text())
    DOCUMENT.write_text(text)
    return 0


def _put(text: str, name: str, table: str) -> str:
    """Put a table in the place of the one that a document has."""
    begin, end = BEGIN.format(name), END.format(name)
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{table}\n{end}{after}"


if __name__ == "__main__":
    sys.exit(main())
