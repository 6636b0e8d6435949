"""Posts of a plain HTTP client to the real process (spec voice-sdk 16)."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from playwright.sync_api import Browser
from tests.system.server import ACCOUNT_SID, KEY_SECRET, KEY_SID, Server
from tiers.browser.calls import Phones, own_api

from trunkline.clock import SystemClock


KNOWN_CALL, UNKNOWN_CALL = "CA" + "1" * 32, "CA" + "2" * 32


def post(
    server: Server, body: object, token: str, headers: dict[str, str] | None = None
) -> requests.Response:
    return requests.post(
        f"{server.url}/v4/EndpointEvents",
        data=json.dumps(body),
        headers={**(headers or {}), "X-Twilio-Token": token},
        timeout=10,
    )


def event(call_sid: str) -> dict[str, Any]:
    return {
        "group": "connection",
        "name": "muted",
        "level": "INFO",
        "payload": {"call_sid": call_sid},
        "timestamp": "2026-11-20T09:13:16.860Z",
    }


def token(
    secret: str = KEY_SECRET, algorithm: str = "HS256", age: int = 0, **claims: Any
) -> str:
    now = SystemClock().now_ms() // 1000 - age
    return jwt.encode(
        {
            "iss": KEY_SID,
            "sub": ACCOUNT_SID,
            "nbf": now,
            "exp": now + 600,
            "grants": {"identity": "plain", "voice": {}},
            **claims,
        },
        secret,
        algorithm,
        headers={"cty": "twilio-fpa;v=1"},
    )


def test_a_bad_token_is_told_its_code_and_is_in_no_log(server: Server) -> None:
    expired = token(age=1200)
    assert post(server, event(KNOWN_CALL), token()).status_code == 200
    assert post(server, event(KNOWN_CALL), expired).status_code == 200
    refused = {
        20107: token(secret="x" * 32),
        20102: token(secret="y" * 64, algorithm="HS512"),
        20103: token(sub="AC" + "f" * 32),
        20104: expired,
    }
    for code, bad in refused.items():
        answer = post(server, event(UNKNOWN_CALL), bad)
        assert (answer.status_code, answer.json()["code"]) == (403, code)

    failures = own_api(server, "TokenFailures")["token_failures"]
    assert {20107, 20103, 20104} <= {failure["code"] for failure in failures}
    lines = [json.dumps(line) for line in server.log]
    assert sum("sdk_token_refused" in line for line in lines) >= len(refused)
    for bad in (*refused.values(), token()):
        for part in bad.split("."):
            # A header is the same in every token; it gives nothing away, nor is it told.
            assert not [line for line in lines if part in line]


@pytest.mark.timeout(90)
def test_a_plain_client_and_a_kill_change_nothing_of_what_the_browser_posted(
    browser: Browser, phones: Phones, server_variables: dict[str, str], tmp_path: Path
) -> None:
    phone = phones.open(browser)
    phone.run("connect()")
    phone.shows("call: accept")
    phone.run("call.mute(true)")
    phone.wait(1)
    phone.run("call.disconnect()")
    phone.wait(1)
    from_browser = phone.delivered().data
    [sid] = phone.line.calls

    own = token(grants={"identity": phone.identity, "voice": {}})
    headers = {
        name: value
        for name, value in phone.headers.items()
        if name.startswith(("user-agent", "sec-ch-"))
    }
    early = [body for body in phone.posts if "call_sid" not in body["payload"]]
    late = [body for body in phone.posts if "call_sid" in body["payload"]]
    assert len(early) > 3
    with Server(tmp_path, **server_variables) as killed:
        for body in early:
            assert post(killed, body, own, headers).status_code == 200
        killed.kill()
    with Server(tmp_path, **server_variables) as restarted:
        for body in late:
            assert post(restarted, body, own, headers).status_code == 200
        timeline = own_api(restarted, f"Calls/{sid}/Timeline?PageSize=1000")["timeline"]
        assert restarted.stop() == 0

    assert {item["kind"] for item in timeline} == {"event"}

    def key(data: dict[str, Any]) -> tuple[str, str, str]:
        return data["timestamp"], data["group"], data["name"]

    # Which region and edge it was is told in the course of a call, to what comes after.
    def settled(data: dict[str, Any]) -> dict[str, Any]:
        sdk = data["sdk_edge"]["metadata"]["sdk"]
        return {
            **data,
            "sdk_edge": {
                **data["sdk_edge"],
                "metadata": {
                    **data["sdk_edge"]["metadata"],
                    "sdk": {**sdk, "selected_region": "", "edge_location": ""},
                },
            },
        }

    ours = [settled(item["data"]) for item in timeline]
    assert sorted(ours, key=key) == sorted(map(settled, from_browser), key=key)
