"""The demo as a process: the main job of the whole program, with Twilio's client."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


pytestmark = pytest.mark.timeout(120)

TYPES = {
    f"com.twilio.voice.{family}.call.{word}"
    for family in ("status-callback", "webhook.status-callback")
    for word in ("initiated", "ringing", "answered", "completed")
} | {"com.twilio.voice.insights.call-event.sdk"}


@contextmanager
def demo(folder: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the demo; its data folder is made in `folder`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "trunkline", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        env=os.environ | {"TMPDIR": str(folder)},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_every_event_arrives_and_verifies(tmp_path: Path) -> None:
    with demo(tmp_path, "--once") as process:
        output, _ = process.communicate(timeout=90)

    assert process.returncode == 0, output
    summary = output[output.index("Summary") :]
    assert {word for word in summary.split() if word.startswith("com.")} == TYPES
    # Five calls with 14 progress events, each with its twin, and 34 SDK posts.
    assert output.count("signature ok\n") == 14 * 2 + 34
    assert "All 62 events of all 9 types arrived" in output
    assert "\x1b" not in output


def test_it_leaves_nothing_behind(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        assert process.stdout is not None
        # Interrupted in the middle: its server runs, calls are on their way.
        lines = iter(process.stdout.readline, "")
        assert any("signature ok" in line for line in lines)
        assert list(tmp_path.iterdir())

        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=60)

    assert process.returncode == 143
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_without_once_it_runs_on_until_it_is_stopped(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any(line.startswith("Try next") for line in lines)

        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)

    assert process.returncode == 0


def test_without_twilios_client_it_says_how_to_get_it(tmp_path: Path) -> None:
    missing = tmp_path / "twilio.py"
    missing.write_text('raise ModuleNotFoundError("none", name="twilio")\n')

    result = subprocess.run(
        [sys.executable, "-m", "trunkline", "demo", "--once"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert result.returncode == 1
    assert "pip install 'trunkline[demo]'" in result.stderr
    assert "Traceback" not in result.stderr
