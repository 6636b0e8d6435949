"""Voice SDK posts to the real process: through a kill, behind a proxy, with claims."""

import json
from pathlib import Path
from typing import Any

import requests
from tests.app.sdk.mmdb import database
from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, KEY_SECRET, KEY_SID, Server
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant


CALL_SID, TEMPORARY = "CA" + "1" * 32, "TJS86cbb486-ccff-4689-b2da-587321b75215"
DELIVERY = "0f8fad5b-d9cb-469f-a165-70867728950e"


def access_token(account_sid: str = ACCOUNT_SID, secret: str = KEY_SECRET) -> str:
    token = AccessToken(account_sid, KEY_SID, secret, identity="alice")
    token.add_grant(VoiceGrant(outgoing_application_sid="AP" + "0" * 32))
    return str(token.to_jwt())


def post(
    server: Server, name: str, token: str = "", headers: Any = None, **payload: str
) -> int:
    body = {
        "group": "connection",
        "name": name,
        "payload": payload or {"call_sid": CALL_SID},
        "timestamp": "2026-11-20T09:13:16.860Z",
    }
    return requests.post(
        f"{server.url}/v4/EndpointEvents",
        data=json.dumps(body),
        headers={"X-Twilio-Token": token or access_token(), **(headers or {})},
        timeout=10,
    ).status_code


def timeline(server: Server) -> list[dict[str, Any]]:
    answer = requests.get(
        f"{server.url}/trunkline/v1/Calls/{CALL_SID}/Timeline",
        auth=(ACCOUNT_SID, AUTH_TOKEN),
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["timeline"]
    return items


def test_a_delivery_that_is_repeated_after_a_kill_counts_once(tmp_path: Path) -> None:
    once = {"X-Trunkline-Delivery": DELIVERY}
    held = {"X-Trunkline-Delivery": DELIVERY.replace("0", "1")}
    with Server(tmp_path) as server:
        assert post(server, "muted", headers=once) == 200
        assert post(server, "outgoing", headers=held, temp_call_sid=TEMPORARY) == 200
        server.kill()
    with Server(tmp_path) as server:
        assert post(server, "muted", headers=once) == 200
        assert post(server, "outgoing", headers=held, temp_call_sid=TEMPORARY) == 200
        ids = {"temp_call_sid": TEMPORARY, "call_sid": CALL_SID}
        assert post(server, "outgoing-ringing", **ids) == 200
        names = sorted(item["name"] for item in timeline(server))
        assert names == ["muted", "outgoing", "outgoing-ringing"]
        assert server.stop() == 0


def test_behind_a_proxy_the_place_is_the_clients_and_the_address_a_network(
    tmp_path: Path,
) -> None:
    path = tmp_path / "city.mmdb"
    path.write_bytes(database({"9.9.9.0/24": {"city": {"names": {"en": "Berlin"}}}}))
    with Server(
        tmp_path / "data",
        TRUNKLINE_SDK_GEO_MMDB=str(path),
        TRUNKLINE_SDK_TRUSTED_PROXIES="127.0.0.0/8",
        TRUNKLINE_SDK_CLIENT_IP_HEADER="X-Real-IP",
        TRUNKLINE_SDK_IP_PRIVACY="truncate",
        TRUNKLINE_SDK_CLIENT_NAME="drop",
    ) as server:
        assert post(server, "muted", headers={"X-Real-IP": "9.9.9.77"}) == 200
        [item] = timeline(server)
        assert server.stop() == 0
    metadata = item["data"]["sdk_edge"]["metadata"]
    assert (metadata["city"], metadata["ip_address"]) == ("Berlin", "9.9.9.0")
    assert metadata["client_name"] == ""


def test_a_server_that_believes_claims_says_so_at_its_start(tmp_path: Path) -> None:
    with Server(tmp_path, TRUNKLINE_SDK_TOKEN_CHECK="claims") as server:
        assert "sdk_tokens_not_verified" in [line["event"] for line in server.log]
        assert post(server, "muted", access_token(secret="another-secret-" * 3)) == 200
        assert server.stop() == 0
