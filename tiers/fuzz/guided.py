"""Inputs that are made by what they reach in the code: coverage-guided, by atheris.

    python -m tiers.fuzz.guided TABLE --folder F --seconds 3 --seed N [--only NAME]

Loads the table with everything that it tests instrumented. libFuzzer ends its process, so
each target has one of its own, forked here. Prints a line of JSON for each.
"""

import argparse
import base64
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from tiers.fuzz.mutation import PIECES
from tiers.fuzz.outcome import Outcome
from tiers.fuzz.target import Target


# What is looked into: ours, and parsers in Python that ours rely on.
INSTRUMENTED = ["trunkline", "jwt", "defusedxml"]

# An event post is 64 KiB at most; what is wrong shows with less.
MAX_BYTES = 8192
MAX_SECONDS = 5
MAX_MIB = 1024

MAX_WORD = 64  # libFuzzer's limit for a word of its dictionary

_COVERED = re.compile(r"cov: (\d+)")
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_RAISED = re.compile(r"=== Uncaught Python exception: ===\n(.*)")
_ENDED = re.compile(r"ERROR: libFuzzer: (.*)")


def is_here() -> bool:
    """Tell whether atheris is installed."""
    return importlib.util.find_spec("atheris") is not None


def outcomes(
    table: str, names: list[str], folder: Path, seconds: int, seed: int
) -> Iterator[Outcome]:
    """Fuzz targets of a table one after the other; yield what came of each."""
    folder /= "guided"
    command = [sys.executable, "-m", "tiers.fuzz.guided", table]
    options = [f"--folder={folder}", f"--seconds={seconds}", f"--seed={seed}"]
    log = folder / "log"
    folder.mkdir()
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [*command, *options, *(f"--only={name}" for name in names)],
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            bugs = [(base64.b64decode(data), error) for data, error in told["bugs"]]
            tried = Counter(guided=told["tried"])
            yield Outcome(tried, bugs, told["coverage"])
    if process.returncode:
        raise SystemExit(log.read_text(errors="replace")[-4000:])


def main() -> None:
    parser = argparse.ArgumentParser(prog="tiers.fuzz.guided")
    parser.add_argument("table")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--only", action="append")
    options = parser.parse_args()
    import atheris  # noqa: PLC0415 (is not everywhere)

    with atheris.instrument_imports(include=[*INSTRUMENTED, options.table]):
        table = importlib.import_module(options.table)
    for target in table.targets(options.folder):
        if target.name in options.only:
            folder = options.folder / target.folder
            folder.mkdir()
            outcome = _in_a_child(target, folder, options.seconds, options.seed)
            told = {
                "tried": outcome.tried["guided"],
                "coverage": outcome.coverage,
                "bugs": [(base64.b64encode(d).decode(), e) for d, e in outcome.bugs],
            }
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


def _in_a_child(target: Target, folder: Path, seconds: int, seed: int) -> Outcome:
    """Run libFuzzer on a target in a process of its own; return what came of it."""
    corpus, words, log = folder / "corpus", folder / "words", folder / "log"
    corpus.mkdir()
    for number, data in enumerate(target.corpus):
        (corpus / str(number)).write_bytes(data)
    words.write_text("".join(f'"{_escaped(p)}"\n' for p in PIECES if _is_word(p)))
    arguments = [
        f"-seed={crc32(f'{seed} {target.name}'.encode()) or 1}",
        # It ends in the second after that one.
        f"-max_total_time={max(1, seconds - 1)}",
        f"-max_len={MAX_BYTES}",
        f"-timeout={MAX_SECONDS}",
        f"-rss_limit_mb={MAX_MIB}",
        f"-dict={words}",
        f"-artifact_prefix={folder / 'bug-'}",
        "-print_final_stats=1",
        str(corpus),
    ]
    child = os.fork()
    if child == 0:
        _become_libfuzzer(target, arguments, log)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    told = log.read_text(errors="replace")
    tried = Counter(guided=_last(_EXECUTED, told))
    outcome = Outcome(tried, [], _last(_COVERED, told))
    for bug in folder.glob("bug-*"):
        # A slow unit is written down for information only.
        if not bug.name.startswith("bug-slow-unit"):
            outcome.bugs.append((bug.read_bytes(), _reason(told)))
    if ended and not outcome.bugs:
        raise SystemExit(f"{target.name} ended with {ended}:\n{told[-4000:]}")
    return outcome


def _become_libfuzzer(target: Target, arguments: list[str], log: Path) -> None:
    """Fuzz; does not return."""
    import atheris  # noqa: PLC0415 (is not everywhere)

    descriptor = os.open(log, os.O_CREAT | os.O_WRONLY)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)

    def try_one(data: bytes) -> None:
        with suppress(*target.refusals):
            target.parse(data)

    atheris.Setup(["fuzz", *arguments], try_one)
    atheris.Fuzz()


def _reason(log: str) -> str:
    found = _RAISED.search(log) or _ENDED.search(log)
    return found[1][:300] if found else "the process ended"


def _last(pattern: re.Pattern[str], log: str) -> int:
    found = pattern.findall(log)
    return int(found[-1]) if found else 0


def _is_word(piece: bytes) -> bool:
    return 0 < len(piece) <= MAX_WORD


def _escaped(piece: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in piece)


if __name__ == "__main__":
    main()
