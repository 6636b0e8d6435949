"""How many instructions a post costs: `python -m bench.instructions accept|deliver|batches`.

The server runs under valgrind's callgrind, which counts what it executes outside the
kernel: within a few hundredths the same, whatever else the machine does. So it tells
whether a change does less; `python -m bench` tells what that is worth.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import kinds, posts
from bench.processes import DidNotWork
from bench.runs import await_events, generate, plan, warm_up, warm_up_to
from bench.subject import receiver, server


# A line of callgrind_annotate: instructions, their part, where, and in which library.
_LINE = re.compile(r" *([\d,]+) \([^)]*\)  (.*:)?(\S.*?)(?: \[(.*)\])?$")


def main() -> None:
    options = _options()
    if shutil.which("valgrind") is None:
        raise DidNotWork("valgrind is not here: it is a package of that name.")
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name), Path(name) / "callgrind.out"
        under = [
            "valgrind",
            "--tool=callgrind",
            "--instr-atstart=no",
            f"--callgrind-out-file={out}",
        ]
        with (
            server(folder, {"PYTHONHASHSEED": "0"}, under=under) as subject,
            receiver(folder) as sink,
        ):
            wanted = plan(subject.port, posts.event_post("127.0.0.1"), options.seconds)
            if options.what in kinds.ROADS:
                subject.subscribe(kinds.ROADS[options.what], sink)
                warm_up_to(sink, wanted)
            else:
                warm_up(wanted)
            before = sink.count().events
            _count(subject.child.pid, "on")
            posted = len(generate(wanted).sent_ns)
            if options.what in kinds.ROADS:
                await_events(sink, before + posted)
            _count(subject.child.pid, "off")
        _show(out, posted, options.lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.instructions",
        description="Count the instructions of a post, outside the kernel.",
    )
    parser.add_argument(
        "what",
        choices=("accept", *kinds.ROADS),
        help="Voice SDK posts without a sink, to a webhook one by one, or in batches",
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="default 10")
    parser.add_argument("--lines", type=int, default=25, help="default 25")
    return parser.parse_args()


def _count(pid: int, switch: str) -> None:
    command = ["callgrind_control", "-i", switch, str(pid)]
    subprocess.run(command, check=True, capture_output=True)


def _show(out: Path, posted: int, lines: int) -> None:
    """Print the functions with most instructions of their own, per post."""
    shown = subprocess.run(
        ["callgrind_annotate", "--threshold=100", str(out)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout
    found = [match for line in shown.splitlines() if (match := _LINE.match(line))]
    rows = [
        (int(count.replace(",", "")) / posted, function, library or "")
        for count, _, function, library in (match.groups() for match in found)
    ]
    total, *functions = rows
    write = sys.stdout.write
    write(f"{posted} posts, {total[0]:,.0f} instructions each\n")
    for each, function, library in functions[:lines]:
        write(f"{each:10,.0f}  {Path(library).name:40} {function}\n")


if __name__ == "__main__":
    try:
        main()
    except (DidNotWork, subprocess.CalledProcessError) as error:
        sys.exit(f"bench: {error}")
