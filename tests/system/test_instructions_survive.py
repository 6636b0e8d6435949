"""A call in the middle of its instructions, through a kill of the real server."""

import time
from pathlib import Path
from typing import Any

import requests
from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, Server


CALLS = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls"
TWIML = (
    "<Response><Dial><Number>+15005553040</Number></Dial>"
    "<Dial><Number>+15005550001</Number></Dial></Response>"
)


def ask(server: Server, method: str, path: str, **options: Any) -> dict[str, Any]:
    auth = (ACCOUNT_SID, AUTH_TOKEN)
    url = f"{server.url}{CALLS}{path}"
    answer = requests.request(method, url, auth=auth, timeout=10, **options)
    body: dict[str, Any] = answer.json()
    return body


def until(server: Server, sid: str, status: str) -> dict[str, Any]:
    call: dict[str, Any] = {}
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        legs = ask(server, "GET", ".json", params={"ParentCallSid": sid})["calls"]
        call = ask(server, "GET", f"/{sid}.json")
        if status in {call["status"], *(leg["status"] for leg in legs)}:
            return {leg["to"]: leg for leg in legs} | {"call": call}
        time.sleep(0.02)
    raise AssertionError(f"not {status}: {call}")


def test_a_dial_goes_on_after_kill_9_and_dials_nobody_twice(tmp_path: Path) -> None:
    pace = {"TRUNKLINE_SIMULATOR_PACE": "50"}
    with Server(tmp_path / "data", **pace) as server:
        form = {"To": "+14155550123", "From": "+14155550100", "Twiml": TWIML}
        sid = ask(server, "POST", ".json", data=form)["sid"]
        before = until(server, sid, "in-progress")
        while "+15005553040" not in before:
            before = until(server, sid, "in-progress")
        server.kill()

    with Server(tmp_path / "data", **pace) as server:
        after = until(server, sid, "busy")
        while after["call"]["status"] != "completed":
            after = until(server, sid, "completed")
        legs = ask(server, "GET", ".json", params={"ParentCallSid": sid})["calls"]

    assert after["+15005553040"]["sid"] == before["+15005553040"]["sid"]
    assert sorted((leg["to"], leg["status"]) for leg in legs) == [
        ("+15005550001", "busy"),
        ("+15005553040", "completed"),
    ]
