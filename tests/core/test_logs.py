"""Log lines, as a process of its own writes them: the set-up is the process's."""

import json
import subprocess
import sys

import pytest


SPEAKERS = {
    "ours": "import structlog; structlog.get_logger().warning('said', a=1)",
    "a library's": "import logging; logging.getLogger('a.b').warning('%s!', 'hey')",
    "a library's error": (
        "import logging\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: logging.getLogger('a.b').exception('oh')"
    ),
}


FAILURE = (
    "import structlog\n"
    "def fail(token): return token + 1\n"
    "try: fail('a-' + 'secret')\n"
    "except TypeError: structlog.get_logger().exception('failed')"
)


def lines_of(program: str, level: str = "info", form: str = "json") -> list[str]:
    set_up = f"from trunkline import logs; logs.configure({level!r}, {form!r})\n"
    ended = subprocess.run(
        [sys.executable, "-c", set_up + program],
        check=True,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert ended.stdout == ""
    return ended.stderr.splitlines()


@pytest.mark.parametrize("program", SPEAKERS.values(), ids=SPEAKERS)
def test_every_line_is_one_json_object(program: str) -> None:
    [line] = lines_of(program)

    assert {"event", "level", "timestamp"} <= set(json.loads(line))


def test_what_a_library_says_is_in_its_line() -> None:
    [line] = map(json.loads, lines_of(SPEAKERS["a library's"]))

    assert line["event"] == "library.said"
    assert (line["library"], line["message"]) == ("a.b", "hey!")


def test_lines_below_the_level_are_left_out() -> None:
    assert lines_of(SPEAKERS["ours"], "error") == []


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_where_and_no_values(form: str) -> None:
    said = "\n".join(lines_of(FAILURE, form=form))

    assert "TypeError" in said
    assert "fail" in said
    assert "a-secret" not in said
