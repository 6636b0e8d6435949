"""The real process on a real folder: start, stop, kill, restart, refuse to start."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.system.receiver import Receiver
from tests.system.server import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    KEY_SECRET,
    KEY_SID,
    Server,
    environment,
)
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant
from twilio.rest import Client


ALL_FOUR = ["initiated", "ringing", "answered", "completed"]
CALL_SID = "CA" + "1" * 32


def client_of(server: Server) -> Client:
    client = Client(ACCOUNT_SID, AUTH_TOKEN)
    client.events.base_url = client.api.base_url = server.url
    return client


def subscribe_to_all(server: Server, receiver: Receiver) -> None:
    events = client_of(server).events.v1
    sink = events.sinks.create(
        description="all",
        sink_type="webhook",
        sink_configuration={"destination": f"{receiver.url}/events"},
    )
    types = [{"type": row.type} for row in events.event_types.list()]
    events.subscriptions.create(description="all", sink_sid=sink.sid, types=types)


def access_token() -> str:
    token = AccessToken(ACCOUNT_SID, KEY_SID, KEY_SECRET, identity="alice")
    token.add_grant(VoiceGrant(outgoing_application_sid="AP" + "0" * 32))
    return str(token.to_jwt())


def sdk_post(number: int) -> bytes:
    return json.dumps(
        {
            "group": "connection",
            "name": f"event-{number}",
            "level": "INFO",
            "payload": {"call_sid": CALL_SID, "sdk_version": "2.18.5"},
            "publisher": "twilio-js-sdk",
            "timestamp": "2026-11-20T09:13:16.860Z",
        }
    ).encode()


def connect(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)


def post(connection: http.client.HTTPConnection, token: str, number: int) -> int:
    headers = {"X-Twilio-Token": token, "Content-Type": "application/json"}
    connection.request("POST", "/v4/EndpointEvents", sdk_post(number), headers)
    response = connection.getresponse()
    response.read()
    return response.status


def post_once(server: Server, token: str, number: int) -> int:
    with closing(connect(server)) as connection:
        return post(connection, token, number)


@pytest.mark.timeout(120)
def test_nothing_that_was_accepted_is_lost_to_sigkill(tmp_path: Path) -> None:
    """Calls and posts are under way when the power goes; later all of it arrives."""
    accepted_posts: set[str] = set()
    accepted_calls: set[str] = set()
    token = access_token()
    with Receiver(AUTH_TOKEN) as receiver:
        for _ in range(3):
            with Server(tmp_path) as server:
                if not accepted_calls:
                    subscribe_to_all(server, receiver)
                first = len(accepted_posts)
                posting = threading.Thread(
                    target=keep_posting, args=(server, token, first, accepted_posts)
                )
                calling = threading.Thread(
                    target=keep_calling, args=(server, receiver, accepted_calls)
                )
                posting.start()
                calling.start()
                wait_until(partial(more_than, accepted_posts, first + 200))
                wait_until(partial(more_than, accepted_calls, 0))
                server.kill()
                posting.join()
                calling.join()

        with Server(tmp_path) as server:
            receiver.wait_for(
                lambda: (
                    accepted_posts <= posts_seen(receiver)
                    and accepted_calls <= calls_completed(receiver)
                ),
                60,
            )
            assert server.stop() == 0

        assert receiver.forged == 0
        assert len(accepted_posts) > 600
        assert_callbacks_are_complete(receiver, accepted_calls)


def keep_posting(server: Server, token: str, number: int, accepted: set[str]) -> None:
    try:
        with closing(connect(server)) as connection:
            while True:
                if post(connection, token, number) == 200:
                    accepted.add(f"event-{number}")
                number += 1
    except (OSError, http.client.HTTPException):
        return  # killed


def keep_calling(server: Server, receiver: Receiver, accepted: set[str]) -> None:
    client = client_of(server)
    try:
        while True:
            call = client.calls.create(
                to="+14155550100",
                from_="+14155550199",
                twiml="<Response/>",
                status_callback=f"{receiver.url}/callback",
                status_callback_event=ALL_FOUR,
            )
            accepted.add(call.sid)
    except OSError:
        return  # killed


def posts_seen(receiver: Receiver) -> set[str]:
    return {event["data"].get("name", "") for event in receiver.events}


def calls_completed(receiver: Receiver) -> set[str]:
    wanted = "com.twilio.voice.status-callback.call.completed"
    return {
        event["data"]["sid"] for event in receiver.events if event["type"] == wanted
    }


def assert_callbacks_are_complete(receiver: Receiver, calls: set[str]) -> None:
    """Each call made its four callbacks in order; a crash only repeats the last."""
    for sid in calls:
        sent = [c for c in receiver.callbacks if c["CallSid"] == sid]
        numbers = [int(callback["SequenceNumber"]) for callback in sent]
        assert sorted(set(numbers)) == [0, 1, 2, 3]
        assert numbers == sorted(numbers)


def more_than(accepted: set[str], count: int) -> bool:
    return len(accepted) > count


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_sigterm_stops_it_with_0_and_what_was_delivered_is_not_sent_again(
    tmp_path: Path,
) -> None:
    token = access_token()
    with Receiver(AUTH_TOKEN) as receiver:
        with Server(tmp_path) as server:
            subscribe_to_all(server, receiver)
            for number in range(20):
                assert post_once(server, token, number) == 200
            receiver.wait_for(lambda: len(receiver.events) == 20)
            assert server.stop() == 0
        with Server(tmp_path) as server:
            assert post_once(server, token, 99) == 200
            receiver.wait_for(lambda: "event-99" in posts_seen(receiver))
            assert server.stop() == 0

        names = Counter(event["data"]["name"] for event in receiver.events)
        assert set(names.values()) == {1}


def test_the_credentials_it_made_are_printed_and_stay(tmp_path: Path) -> None:
    nothing_given = dict.fromkeys(
        (
            "TRUNKLINE_ACCOUNT_SID",
            "TRUNKLINE_AUTH_TOKEN",
            "TRUNKLINE_API_KEY_SID",
            "TRUNKLINE_API_KEY_SECRET",
        ),
        "",
    )
    printed = []
    values: dict[str, str] = {}
    for _ in range(2):
        with Server(tmp_path, **nothing_given) as server:
            printed.append(credentials(tmp_path, "json"))
            values = json.loads(printed[-1])
            client = Client(values["account_sid"], values["auth_token"])
            client.events.base_url = server.url
            assert len(client.events.v1.event_types.list()) == 9
            assert all(
                secret not in json.dumps(list(server.log))
                for secret in (values["auth_token"], values["api_key_secret"])
            )

    assert printed[0] == printed[1]
    lines = credentials(tmp_path, "env").splitlines()
    assert f"TRUNKLINE_ACCOUNT_SID={values['account_sid']}" in lines
    assert len(lines) == 4


def credentials(data_dir: Path, form: str) -> str:
    command = [sys.executable, "-m", "trunkline", "credentials"]
    return subprocess.run(
        [*command, "--data-dir", str(data_dir), "--format", form],
        env={k: v for k, v in os.environ.items() if not k.startswith("TRUNKLINE_")},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def refusal(*options: str, **variables: str) -> str:
    """What a start that must fail says on its way out."""
    ended = subprocess.run(
        [sys.executable, "-m", "trunkline", "serve", "--port", "0", *options],
        env=environment(**variables),
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_a_folder_in_use_is_refused_and_left_alone(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert "in use by another process" in refusal("--data-dir", str(tmp_path))

        assert post_once(server, access_token(), 1) == 200


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    in_the_way = tmp_path / "a-file"
    in_the_way.write_text("kept")

    said = refusal("--data-dir", str(in_the_way / "data"))

    assert "cannot be written" in said
    assert in_the_way.read_text() == "kept"


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    database = tmp_path / "trunkline.db"
    database.write_text("a diary, not a database; " * 100)

    assert "trunkline.db" in refusal("--data-dir", str(tmp_path))
    assert database.read_text().startswith("a diary")


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        folder = tmp_path / "untouched"

        said = refusal("--port", str(port), "--data-dir", str(folder))

    assert f"Cannot listen on 127.0.0.1:{port}" in said
    assert not folder.exists()


def test_a_wrong_setting_is_named() -> None:
    assert "TRUNKLINE_SIMULATOR_PACE" in refusal(TRUNKLINE_SIMULATOR_PACE="soon")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUNKLINE_CA_BUNDLE", "/nowhere/roots.pem"),
        ("TRUNKLINE_CALLBACK_DEFAULTS", "rc=99"),
    ],
)
def test_a_setting_that_proves_wrong_only_in_use_is_named(
    tmp_path: Path, name: str, value: str
) -> None:
    assert name in refusal("--data-dir", str(tmp_path), **{name: value})


def test_ctrl_c_stops_it_too(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.process.send_signal(signal.SIGINT)

        assert server.process.wait(20) == 0
