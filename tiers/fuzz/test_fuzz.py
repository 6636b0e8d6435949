"""The fuzzers find what is planted for them, say so, and can show it again."""

import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from tiers.fuzz import guided, mutation, planted


def fuzz(kept: Path, *options: str, before: str = "") -> tuple[int, str]:
    """Run the tier on what is planted; return its exit code and what it prints."""
    command = "import sys\nfrom tiers.fuzz.__main__ import main\nsys.exit(main())"
    ended = subprocess.run(
        [
            *(sys.executable, "-c", f"{before}\n{command}"),
            *("--table=tiers.fuzz.planted", f"--kept={kept}", "--seed=1"),
            *options,
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_a_parser_that_fails_is_shown_with_its_input(tmp_path: Path) -> None:
    code, told = fuzz(tmp_path, "--part=changed", "--only=first byte", "--seconds=1")

    assert code == 1
    assert "IndexError: index out of range for b''" in told
    assert "changed), 1 bug\n" in told


def test_an_input_that_failed_can_be_tried_again(tmp_path: Path) -> None:
    _, told = fuzz(tmp_path, "--part=changed", "--only=first byte", "--seconds=1")
    file = re.search(r"REPLAY=(\S+)", told)
    assert file is not None

    code, shown = fuzz(tmp_path, f"--replay={file[1]}")

    assert code == 1
    assert "IndexError" in shown
    Path(file[1]).write_bytes(b"a")
    assert fuzz(tmp_path, f"--replay={file[1]}") == (0, "first byte: read as 97\n")


@pytest.mark.skipif(
    not guided.is_here(), reason="atheris has no wheel for this machine"
)
def test_coverage_leads_to_what_luck_does_not_find(tmp_path: Path) -> None:
    [_, word] = planted.targets(tmp_path)
    assert mutation.fuzz(word, Random(1), 0.5).bugs == []

    code, told = fuzz(tmp_path, "--part=guided", "--only=magic word", "--seconds=10")

    assert code == 1
    assert "ValueError: planted for b'TRUNK" in told
    assert re.search(
        r"magic word: [\d,]+ inputs \([\d,]+ guided, coverage \d+\), 1 bug", told
    )


def test_without_atheris_it_says_so_and_changes_inputs_all_the_same(
    tmp_path: Path,
) -> None:
    gone = "import sys\nsys.modules['atheris'] = None"
    code, told = fuzz(tmp_path, "--only=magic word", "--seconds=1", before=gone)

    assert code == 0
    assert "atheris cannot be installed here" in told
    assert re.search(r"magic word: [\d,]+ inputs \([\d,]+ changed\), 0 bugs", told)
