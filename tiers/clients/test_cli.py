"""npm `twilio-cli` and `twilio` for Python: nothing changed but the way to Twilio."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.system.receiver import Receiver
from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, KEY_SECRET, KEY_SID
from tiers.clients.conftest import MODULES, Twilio, bare_environment
from twilio.rest import Client


INITIATED = "com.twilio.voice.status-callback.call.initiated"
RINGING = "com.twilio.voice.status-callback.call.ringing"
CREDENTIALS = {"TWILIO_ACCOUNT_SID": ACCOUNT_SID, "TWILIO_AUTH_TOKEN": AUTH_TOKEN}
API_KEY = {
    "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
    "TWILIO_API_KEY": KEY_SID,
    "TWILIO_API_SECRET": KEY_SECRET,
}


class Cli:
    """`twilio api:events:v1:...`, through the proxy."""

    def __init__(self, twilio: Twilio, home: Path) -> None:
        self._environment = bare_environment(
            HOME=str(home),
            HTTP_PROXY=twilio.proxy.url,
            NODE_EXTRA_CA_CERTS=str(twilio.root),
        )

    def run(
        self, command: str, *options: str, credentials: dict[str, str] = CREDENTIALS
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [MODULES / ".bin/twilio", f"api:events:v1:{command}", *options],
            env=self._environment | credentials,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def __call__(self, command: str, *options: str, **more: Any) -> Any:
        ended = self.run(command, *options, "-o", "json", **more)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout) if ended.stdout.strip() else None


@pytest.fixture(scope="module")
def cli(as_twilio: Twilio, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    return Cli(as_twilio, tmp_path_factory.mktemp("home"))


def create_sink(cli: Cli, destination: str, **more: Any) -> str:
    configuration = {"destination": destination, "method": "post"}
    [sink] = cli(
        "sinks:create",
        "--description=cli",
        f"--sink-configuration={json.dumps(configuration)}",
        "--sink-type=webhook",
        **more,
    )
    return str(sink["sid"])


@pytest.mark.timeout(240)
def test_the_contract_sequence(cli: Cli, as_twilio: Twilio, receiver: Receiver) -> None:
    assert len(cli("types:list")) == 9
    sid = create_sink(cli, receiver.url, credentials=API_KEY)
    cli("sinks:test:create", f"--sid={sid}")
    receiver.wait_for(lambda: len(receiver.events) == 1)
    test_id = receiver.events[0]["data"]["test_id"]
    cli("sinks:validate:create", f"--sid={sid}", f"--test-id={test_id}")
    [sink] = cli("sinks:fetch", f"--sid={sid}")
    assert sink["status"] == "active"

    [subscription] = cli(
        "subscriptions:create",
        "--description=cli",
        f"--sink-sid={sid}",
        "--types",
        json.dumps({"type": INITIATED}),
        "--types",
        json.dumps({"type": RINGING, "schema_version": 1}),
    )
    events = cli(
        "subscriptions:subscribed-events:list",
        f"--subscription-sid={subscription['sid']}",
        "--properties=type,schemaVersion",
    )
    assert [(row["type"], row["schemaVersion"]) for row in events] == [
        (INITIATED, 2),
        (RINGING, 1),
    ]

    refused = cli.run("sinks:remove", f"--sid={sid}")
    assert refused.returncode != 0
    assert "91007" in refused.stdout + refused.stderr
    cli("subscriptions:remove", f"--sid={subscription['sid']}")
    cli("sinks:remove", f"--sid={sid}")
    gone = cli.run("sinks:fetch", f"--sid={sid}")
    assert "20404" in gone.stdout + gone.stderr
    assert receiver.forged == 0


@pytest.mark.timeout(120)
def test_lists_are_followed_through_the_addresses_of_their_pages(
    cli: Cli, as_twilio: Twilio
) -> None:
    client = Client(ACCOUNT_SID, AUTH_TOKEN)
    client.events.base_url = as_twilio.server.url
    # The CLI sends no page size, so that a page has fifty.
    made = {
        client.events.v1.sinks.create(
            description="d",
            sink_type="webhook",
            sink_configuration={"destination": "http://example.org/"},
        ).sid
        for _ in range(60)
    }
    listed = cli("sinks:list", "--limit=1000")
    assert made <= {row["sid"] for row in listed}


@pytest.fixture
def through_the_proxy(
    as_twilio: Twilio, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    monkeypatch.setenv("HTTPS_PROXY", as_twilio.proxy.url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(as_twilio.root))
    client = Client(ACCOUNT_SID, AUTH_TOKEN)
    yield client
    client.http_client.session.close()


def test_python_gets_there_without_a_change_of_code(
    through_the_proxy: Client, as_twilio: Twilio
) -> None:
    events = through_the_proxy.events.v1
    assert len(events.event_types.list()) == 9
    assert len(events.sinks.list(page_size=7)) == len(events.sinks.list())
    # The CLI looks for newer versions of itself elsewhere, and is not let.
    asked = {host for host in as_twilio.proxy.asked if "twilio" in host}
    assert asked == {"events.twilio.com:443"}
