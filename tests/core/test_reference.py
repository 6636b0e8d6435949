"""The reference lists every log line, every metric and every path of our own API."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from trunkline.delivery.notices import Notice
from trunkline.delivery.noticing import shown


ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/trunkline"
PAGES = ROOT / "docs/reference"

_LOGGERS = {"_log", "_logger"}
_LEVELS = {"debug", "info", "warning", "error", "exception"}


def rows(page: str) -> list[list[str]]:
    """The cells of each row of the tables of a page whose first cell is code."""
    lines = (PAGES / page).read_text("utf-8").splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in lines
        if line.startswith("| `")
    ]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def calls_of(function: ast.AST, tellers: set[str]) -> Iterator[ast.Call]:
    """Calls that write a log line: of a logger, or of one of its methods by a name."""
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Attribute(value=ast.Name(id=name), attr=level) if (
                name in _LOGGERS and level in _LEVELS
            ):
                yield node
            case ast.Name(id=name) if name in tellers and node.args:
                yield node
            case _:
                pass


def tellers_in(tree: ast.AST) -> set[str]:
    """Names that stand for a method of a logger, as in `tell = _log.info if ...`."""
    return {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
        and any(
            isinstance(part, ast.Attribute)
            and isinstance(part.value, ast.Name)
            and part.value.id in _LOGGERS
            and part.attr in _LEVELS
            for part in ast.walk(node.value)
        )
    }


def lines_written() -> dict[str, set[str]]:
    """Names of log lines in the source, with the fields that are spelt out."""
    written: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        for call in calls_of(tree, tellers_in(tree)):
            assert call.args, f"{path}:{call.lineno}"
            assert isinstance(call.args[0], ast.Constant), f"{path}:{call.lineno}"
            name = call.args[0].value
            assert isinstance(name, str)
            fields = {keyword.arg for keyword in call.keywords if keyword.arg}
            written.setdefault(name, set()).update(fields)
    return written


def test_every_log_line_is_listed_once_and_in_order() -> None:
    listed = [code(row[0])[0] for row in rows("log-lines.md")]

    assert listed == sorted(lines_written())


def test_every_field_of_a_log_line_is_listed() -> None:
    listed = {code(row[0])[0]: set(code(row[2])) for row in rows("log-lines.md")}

    for name, fields in lines_written().items():
        assert fields <= listed[name], name


def test_a_notice_has_in_the_log_the_fields_that_are_listed() -> None:
    notice = Notice(
        account_sid="AC1",
        sink_sid="DG1",
        code=91306,
        level="ERROR",
        message="",
        count=1,
        first_ms=0,
        last_ms=0,
        event_type="",
        event_id="",
        http_status=None,
    )
    [row] = [row for row in rows("log-lines.md") if code(row[0]) == ["delivery.notice"]]

    assert code(row[2]) == sorted(shown(notice))


def metrics_told() -> list[str]:
    """Names of metrics in the source, in its order."""
    tree = ast.parse((SOURCE / "metrics.py").read_text("utf-8"))
    names = (
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"trunkline_[a-z_]+", node.value)
    )
    return [name for _, name in sorted(names)]


def test_every_metric_is_listed_once_and_in_order() -> None:
    assert [code(row[0])[0] for row in rows("metrics.md")] == metrics_told()


def test_every_path_of_our_own_api_over_the_log_is_listed_once() -> None:
    listed = [
        tuple(code(row[0])[0].split(" "))
        for row in rows("own-api.md")
        if "/trunkline/v1/" in row[0]
    ]
    routed = []
    for path in sorted((SOURCE / "api/own").glob("*.py")):
        text = path.read_text("utf-8")
        prefix = re.search(r'path = f"\{PREFIX\}(/\w+)"', text)
        for place, methods in re.findall(
            r'Resource\(\s*(path|f"[^"]+"|"[^"]+"), \{([^}]*)\}', text
        ):
            address = place.strip('f"').replace("{{", "{").replace("}}", "}")
            own = prefix.group(1) if prefix else ""
            address = address.replace("{PREFIX}", "").replace("{path}", own)
            address = own if address == "path" else address.replace(":path}", "}")
            if address != "/healthz":
                routed += [
                    (method, f"/trunkline/v1{address}")
                    for method in re.findall(r'"(\w+)":', methods)
                ]

    assert sorted(listed) == sorted(routed)
