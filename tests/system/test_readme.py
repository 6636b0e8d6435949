"""The README's tour, run as it stands, but on free ports and in a folder of its own."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest


pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not shutil.which("curl"), reason="the tour uses curl"),
]

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


class Block(NamedTuple):
    language: str
    text: str


def tour() -> list[Block]:
    """The fenced blocks of the tour, in order."""
    section = README.split("\n## Five minutes\n")[1].split("\n## ")[0]
    found = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [Block(*block) for block in found]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def background(
    command: list[str], env: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def until(process: subprocess.Popen[str], word: str) -> str:
    """Read a process's lines until one has that word in it; return that line."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if word in line:
            return line
    pytest.fail(f"no {word!r} in: {''.join(seen)}")


def run(command: list[str], env: dict[str, str]) -> str:
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_tour_works_as_written(tmp_path: Path) -> None:
    serve, credentials, receiver, subscribe, call, expected = tour()
    server_port, receiver_port = str(free_port()), str(free_port())

    def here(block: Block) -> str:
        """The block for this machine: free ports, and this very Python."""
        return (
            block.text.replace("4010", server_port)
            .replace("8080", receiver_port)
            .replace(".venv/bin/trunkline", f"{sys.executable} -m trunkline")
        )

    env = {
        name: value for name, value in os.environ.items() if name[:10] != "TRUNKLINE_"
    } | {
        "TRUNKLINE_DATA_DIR": str(tmp_path / "data"),
        "TRUNKLINE_PORT": server_port,
        "TRUNKLINE_LOG_FORMAT": "json",
        "no_proxy": "127.0.0.1",
    }
    script = tmp_path / "receiver.py"
    # A line of its own, so that the test knows when it may go on.
    ready = 'print("ready", flush=True)\nHTTPServer('
    script.write_text(here(receiver).replace("\nHTTPServer(", f"\n{ready}"))

    with ExitStack() as stack:
        server = stack.enter_context(
            background(["sh", "-c", f"exec {here(serve)}"], env)
        )
        until(server, "server.ready")
        # What the shell has after the block is what the other terminals have.
        show = """-c 'import json, os; print(json.dumps(dict(os.environ)))'"""
        exporting = f"{here(credentials)}\n{sys.executable} {show}"
        terminal = json.loads(run(["sh", "-c", exporting], env))
        receiving = stack.enter_context(
            background([sys.executable, str(script)], terminal)
        )
        until(receiving, "ready")
        run([sys.executable, "-c", here(subscribe)], terminal)
        made = json.loads(run(["sh", "-c", here(call)], terminal))
        shown = [until(receiving, "com.twilio") for _ in range(4)]

    assert made["status"] == "queued"
    assert sorted(shown) == sorted(expected.text.splitlines(keepends=True))


def test_the_two_commands_are_those_of_the_makefile() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert re.findall(r"^make (\w+) ", README, re.MULTILINE) == ["demo", "test"]
    assert {"demo", "test"} <= set(targets)
