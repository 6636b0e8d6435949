"""Relayed events through the real process: what was answered 200 outlives a power cut."""

import hashlib
import json
import threading
from functools import partial
from pathlib import Path
from typing import Any

import requests
from tests.app.site import described
from tests.system.receiver import Receiver
from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, Server
from tests.system.test_server import more_than, subscribe_to_all, wait_until
from twilio.request_validator import RequestValidator


CALL_SID = "CA" + "1" * 32
TOGETHER = 5


def cloud_event(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": "com.twilio.voice.insights.call-event.sdk",
        "source": f"/v1/Voice/{CALL_SID}/Events",
        "id": f"EZ{number:032x}",
        "time": "2026-11-20T09:13:16.860Z",
        "data": {"call_sid": CALL_SID, "name": f"event-{number}"},
        **changes,
    }


def post(server: Server, *found: Any, token: str = AUTH_TOKEN) -> requests.Response:
    """Post events as Twilio does, and hold the answer against the document."""
    body = json.dumps(found).encode()
    url = (
        f"{server.url}/trunkline/v1/Relay/{ACCOUNT_SID}"
        f"?bodySHA256={hashlib.sha256(body).hexdigest()}"
    )
    headers = {
        "Content-Type": "application/json",
        "X-Twilio-Signature": RequestValidator(token).compute_signature(url, {}),
    }
    answer = requests.post(url, body, headers=headers, timeout=10)
    described(server.url).check(answer)
    return answer


def keep_posting(server: Server, accepted: set[str]) -> None:
    number = 0
    try:
        while True:
            sent = [cloud_event(number + place) for place in range(TOGETHER)]
            if post(server, *sent).status_code == 200:
                accepted.update(event["id"] for event in sent)
            number += TOGETHER
    except OSError:
        return  # killed


def in_the_log(server: Server) -> list[str]:
    found: list[str] = []
    url: str | None = f"{server.url}/trunkline/v1/Events?PageSize=1000"
    while url is not None:
        answer = requests.get(url, auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=10).json()
        found += [event["id"] for event in answer["events"]]
        url = answer["meta"]["next_page_url"]
    return found


def test_nothing_that_was_relayed_is_lost_to_sigkill(tmp_path: Path) -> None:
    accepted: set[str] = set()
    with Receiver(AUTH_TOKEN) as receiver:
        with Server(tmp_path) as server:
            subscribe_to_all(server, receiver)
            posting = threading.Thread(target=keep_posting, args=(server, accepted))
            posting.start()
            wait_until(partial(more_than, accepted, 100))
            server.kill()
            posting.join()

        with Server(tmp_path) as server:
            kept = in_the_log(server)
            # Whoever had no answer asks again, and may ask for what is there.
            again = [cloud_event(number) for number in range(TOGETHER)]
            assert post(server, *again).json() == {"accepted": TOGETHER, "tests": 0}
            assert in_the_log(server) == kept
            receiver.wait_for(
                lambda: accepted <= {event["id"] for event in receiver.events}
            )
            assert server.stop() == 0

    assert receiver.forged == 0
    assert accepted <= set(kept)
    assert len(kept) == len(set(kept))


def test_every_answer_is_as_the_document_says_and_no_secret_is_in_a_line(
    tmp_path: Path,
) -> None:
    with Server(tmp_path) as server:
        test = cloud_event(
            0,
            type="com.twilio.eventstreams.test-event",
            data={"test_id": "the-test-id"},
        )
        url = f"{server.url}/trunkline/v1/Relay/{ACCOUNT_SID}"
        credentials = (ACCOUNT_SID, AUTH_TOKEN)
        others = [
            requests.post(url, "[]", timeout=10),
            requests.post(url, "[]", auth=credentials, timeout=10),
            requests.post(f"{url}0", "[]", auth=credentials, timeout=10),
        ]
        answers = [
            post(server, test),
            post(server, cloud_event(1), {}),
            post(server, *[{}] * 1001),
            post(server, cloud_event(2), token="another"),
            *others,
        ]
        for answer in others:
            described(server.url).check(answer)
        assert [answer.status_code for answer in answers] == [
            200, 400, 413, 401, 401, 415, 404,
        ]  # fmt: skip
        assert in_the_log(server) == [cloud_event(1)["id"]]
        assert server.stop() == 0

    told = [line["event"] for line in server.log if line["event"].startswith("relay.")]
    assert told == ["relay.tested", "relay.refused", "relay.not_authentic"]
    lines = json.dumps(list(server.log))
    assert AUTH_TOKEN not in lines
    assert "event-1" not in lines
