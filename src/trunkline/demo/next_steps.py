"""What to try next, as commands to copy."""

import shutil
import sys
from pathlib import Path

from trunkline.demo.receiver import CALLBACKS
from trunkline.events.catalogue import EVENT_TYPES, PROGRESS, SDK_EVENT_TYPE


TITLE = "Try next, in another terminal. This runs on and shows further events; Ctrl-C ends it."
TITLE_ONCE = (
    "Try next. This server stops now; `make demo` without ONCE=1 leaves one running."
)


def commands(url: str, receiver_url: str, data_dir: Path) -> list[tuple[str, str]]:
    """Return names and commands; they hold while the server runs."""
    trunkline = _program()
    curl = 'curl -u "$TRUNKLINE_ACCOUNT_SID:$TRUNKLINE_AUTH_TOKEN"'
    schema = EVENT_TYPES[SDK_EVENT_TYPE].schema_id
    call = [
        "-d To=+14155550123 -d From=+14155550100 -d Twiml='<Response/>'",
        f"-d StatusCallback={receiver_url}{CALLBACKS}",
        *(f"-d StatusCallbackEvent={word}" for word in PROGRESS),
        f"{url}/2010-04-01/Accounts/$TRUNKLINE_ACCOUNT_SID/Calls.json",
    ]
    return [
        ("credentials", f"export $({trunkline} credentials --data-dir {data_dir})"),
        ("event types", f"{curl} {url}/v1/Types"),
        ("sinks", f"{curl} {url}/v1/Sinks"),
        ("place a call", " ".join([curl, *call])),
        ("a schema", f"curl {url}/schemas/{schema}/2"),
        ("your own", f"{trunkline} serve    (README.md; docs/reference/settings.md)"),
    ]


def _program() -> str:
    """Return how to start this very installation's `trunkline` from a shell."""
    beside = Path(sys.executable).with_name("trunkline")
    if shutil.which("trunkline") == str(beside):
        return "trunkline"
    if beside.is_relative_to(Path.cwd()):
        return str(beside.relative_to(Path.cwd()))
    return str(beside)
