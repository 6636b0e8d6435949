"""The tables of docs/reference/engines.md say what the code says."""

import json
import re
from pathlib import Path

from trunkline.capture.calls.engines import freeswitch
from trunkline.capture.calls.engines.asterisk import events


ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/reference/engines.md").read_text("utf-8")


def rows(heading: str) -> dict[str, str]:
    """The table under a heading: what is in code quotes on the left, and the state."""
    section = PAGE.split(f"## {heading}")[1].split("\n## ")[0]
    found = re.findall(r"^\| (`.+) \| `(\w+)` \|$", section, re.MULTILINE)
    return {" ".join(re.findall(r"`([^`]+)`", left)): state for left, state in found}


def ari(kind: str, channel_state: str = "", dialstatus: str = "") -> str:
    channel = {"id": "1", "state": channel_state}
    fields = {"type": kind, "dialstatus": dialstatus, "peer": channel}
    event = events.decode(json.dumps(fields | {"channel": channel}))
    assert event is not None
    return str(events.state_of(event))


def test_asterisks_events_are_listed_as_they_are_read() -> None:
    read = {
        "ChannelCreated": ari("ChannelCreated"),
        "ChannelDestroyed": ari("ChannelDestroyed"),
    }
    for status in events.BY_DIAL_STATUS:
        key = f"Dial dialstatus {status}".strip()
        read[key] = ari("Dial", dialstatus=status)
    for state in events.BY_CHANNEL_STATE:
        read[f"ChannelStateChange {state}"] = ari("ChannelStateChange", state)

    assert rows("Asterisk, by ARI") == read


def test_freeswitchs_events_are_listed_as_they_are_read() -> None:
    assert rows("FreeSWITCH, by event socket") == freeswitch.BY_EVENT
