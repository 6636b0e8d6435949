"""`trunkline accounts` and `trunkline keys`, beside a server that runs and without one."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result
from tests.system.receiver import Receiver
from tests.system.server import ACCOUNT_SID, Server, environment
from tests.system.test_server import post_once
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant
from twilio.rest import Client

from trunkline import cli


CERTIFICATES = Path(__file__).parents[1] / "data/tls"
RINGING = "com.twilio.voice.status-callback.call.ringing"


def command(folder: Path, *words: str) -> Result:
    return CliRunner(env=environment()).invoke(
        cli.main, [*words, "--data-dir", str(folder)]
    )


def run(folder: Path, *words: str) -> Any:
    ended = command(folder, *words, "--format", "json")
    assert ended.exit_code == 0, ended.stderr
    return json.loads(ended.stdout)


def status_of(server: Server, user: str, password: str) -> int:
    url = f"{server.url}/v1/Types"
    return requests.get(url, auth=(user, password), timeout=10).status_code


def token_of(key: dict[str, str]) -> str:
    token = AccessToken(key["account_sid"], key["sid"], key["secret"], identity="a")
    token.add_grant(VoiceGrant(outgoing_application_sid="AP" + "0" * 32))
    return str(token.to_jwt())


def test_beside_a_running_server_every_change_counts_at_once(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        account = run(tmp_path, "accounts", "create", "--name", "Acme")
        sid = account["sid"]
        assert status_of(server, sid, account["auth_token"]) == 200
        key = run(tmp_path, "keys", "create", "--account", sid)
        assert status_of(server, key["sid"], key["secret"]) == 200
        token = token_of(key)
        assert post_once(server, token, 1) == 200

        assert run(tmp_path, "accounts", "suspend", sid)["status"] == "suspended"
        assert status_of(server, sid, account["auth_token"]) == 403
        assert post_once(server, token, 2) == 403

        assert run(tmp_path, "accounts", "resume", sid)["status"] == "active"
        assert post_once(server, token, 3) == 200

        assert command(tmp_path, "keys", "revoke", key["sid"]).exit_code == 0
        assert status_of(server, key["sid"], key["secret"]) == 401
        assert post_once(server, token, 4) == 403
        assert run(tmp_path, "keys", "list", "--account", sid) == []
        assert [row["sid"] for row in run(tmp_path, "accounts", "list")] == [
            ACCOUNT_SID,
            sid,
        ]
        assert server.stop() == 0

    secrets = (account["auth_token"], key["secret"])
    assert all(secret not in json.dumps(list(server.log)) for secret in secrets)


def test_without_a_server_changes_count_from_the_next_start(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert server.stop() == 0
    account = run(tmp_path, "accounts", "create")
    key = run(tmp_path, "keys", "create", "--account", account["sid"])
    run(tmp_path, "accounts", "suspend", account["sid"])

    with Server(tmp_path) as server:
        assert status_of(server, key["sid"], key["secret"]) == 403
        assert server.stop() == 0
    run(tmp_path, "accounts", "resume", account["sid"])
    assert command(tmp_path, "keys", "revoke", key["sid"]).exit_code == 0

    with Server(tmp_path) as server:
        assert status_of(server, account["sid"], account["auth_token"]) == 200
        assert status_of(server, key["sid"], key["secret"]) == 401
        assert server.stop() == 0


def test_a_secret_is_shown_once(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert server.stop() == 0
    made = command(tmp_path, "accounts", "create", "--name", "Acme").stdout
    shown = dict(line.split(": ", 1) for line in made.splitlines())
    key = run(tmp_path, "keys", "create", "--account", shown["sid"])

    listed = command(tmp_path, "accounts", "list").stdout
    assert shown["sid"] in listed
    assert "Acme" in listed
    assert shown["auth_token"] not in listed
    keys = command(tmp_path, "keys", "list", "--account", shown["sid"]).stdout
    assert key["sid"] in keys
    assert key["secret"] not in keys
    # The first account's credentials are the server's: they can be printed.
    assert key["secret"] not in command(tmp_path, "credentials").stdout


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which a server has been."""
    folder = tmp_path_factory.mktemp("stopped")
    with Server(folder) as server:
        assert server.stop() == 0
    return folder


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("accounts", "suspend", "AC1"), "Account AC1 was not found (20404)"),
        (("accounts", "suspend", ACCOUNT_SID), "The first account cannot be suspended"),
        (("accounts", "create", "--name", "x" * 65), "FriendlyName"),
        (("keys", "revoke", "SK1"), "API key SK1 was not found (20404)"),
        (("keys", "create", "--account", "../.."), "Account ../.. was not found"),
    ],
)
def test_a_mistake_is_told_in_a_line(
    stopped: Path, words: tuple[str, ...], message: str
) -> None:
    ended = command(stopped, *words)

    assert ended.exit_code == 1
    assert message in ended.stderr
    assert isinstance(ended.exception, SystemExit)


def test_a_folder_without_a_database_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "mistyped"
    ended = command(folder, "accounts", "list")

    assert ended.exit_code == 1
    assert "has no credentials yet" in ended.stderr
    assert not folder.exists()


def test_what_a_suspended_account_is_owed_is_still_delivered(tmp_path: Path) -> None:
    with Server(tmp_path, TRUNKLINE_SIMULATOR_PACE="300") as server:
        account = run(tmp_path, "accounts", "create")
        with Receiver(account["auth_token"]) as receiver:
            client = Client(account["sid"], account["auth_token"])
            client.events.base_url = client.api.base_url = server.url
            sink = client.events.v1.sinks.create(
                description="d",
                sink_type="webhook",
                sink_configuration={"destination": f"{receiver.url}/events"},
            )
            client.events.v1.subscriptions.create(
                description="d", sink_sid=sink.sid, types=[{"type": RINGING}]
            )
            client.calls.create(
                to="+14155550100",
                from_="+14155550199",
                twiml="<Response/>",
                status_callback=f"{receiver.url}/callback",
                status_callback_event=["ringing"],
            )
            run(tmp_path, "accounts", "suspend", account["sid"])
            receiver.wait_for(lambda: len(receiver.events) == 1)
            assert receiver.forged == 0
        assert server.stop() == 0


def test_a_server_that_speaks_tls_is_known_by_its_certificate(tmp_path: Path) -> None:
    """Whatever name is on it: nobody else can write into the folder."""
    certificate = str(CERTIFICATES / "other-host.pem")
    tls = {"TRUNKLINE_TLS_CERT": certificate, "TRUNKLINE_TLS_KEY": certificate}
    with Server(tmp_path, **tls) as server:
        assert server.url.startswith("https://")
        assert [row["sid"] for row in run(tmp_path, "accounts", "list")] == [
            ACCOUNT_SID
        ]
        assert "PRIVATE KEY" not in (tmp_path / "address").read_text()
        address = (tmp_path / "address").read_text().partition("\n")[0]
        other = (CERTIFICATES / "server.pem").read_text().partition("-----BEGIN CERT")
        (tmp_path / "address").write_text(f"{address}\n{other[1]}{other[2]}")
        refused = command(tmp_path, "accounts", "list")
        assert refused.exit_code == 1
        assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr
        assert server.stop() == 0
