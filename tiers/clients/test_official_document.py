"""The Events API as Twilio publishes it in OpenAPI, against the real server."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, Server
from tiers.clients.conftest import HERE, MODULES, bare_environment
from twilio.rest import Client


RINGING = "com.twilio.voice.status-callback.call.ringing"

OFFICIAL = (
    MODULES / "@twilio/cli-core/src/services/twilio-api" / "twilio_events_v1.json"
)
SCHEMATHESIS = HERE / ".venv/bin/schemathesis"


CHECKS = (
    "not_a_server_error,content_type_conformance,response_schema_conformance,"
    "unsupported_method,ignored_auth"
)

# What a generator cannot guess: objects that there are.
CONFIGURATION = """
[[operations]]
include-path-regex = "^/v1/Sinks/"
parameters = {{ "path.sid" = "{sink}", "path.Sid" = "{sink}" }}

[[operations]]
include-path-regex = "^/v1/Subscriptions/"
parameters = {{ "path.sid" = "{subscription}", "path.Sid" = "{subscription}", \
"path.SubscriptionSid" = "{subscription}", "path.type" = "{type}", \
"path.Type" = "{type}" }}

[[operations]]
include-path-regex = "^/v1/Types/"
parameters = {{ "path.type" = "{type}", "path.Type" = "{type}" }}

[[operations]]
include-path-regex = "^/v1/Schemas/"
parameters = {{ "path.id" = "Voice.WebhookEvent", "path.Id" = "Voice.WebhookEvent" }}

[parameters]
"path.account_sid" = "{account}"
"""


# Apart, or nothing would be left for the others.
RUNS = pytest.mark.parametrize(
    "methods", ["--exclude-method=DELETE", "--include-method=DELETE"]
)


@pytest.fixture
def configuration(server: Server, tmp_path: Path) -> Iterator[Path]:
    client = Client(ACCOUNT_SID, AUTH_TOKEN)
    client.events.base_url = server.url
    sink = client.events.v1.sinks.create(
        description="d",
        sink_type="webhook",
        sink_configuration={"destination": "http://127.0.0.1:9/"},
    )
    subscription = client.events.v1.subscriptions.create(
        description="d", sink_sid=sink.sid, types=[{"type": RINGING}]
    )
    path = tmp_path / "schemathesis.toml"
    path.write_text(
        CONFIGURATION.format(
            sink=sink.sid,
            subscription=subscription.sid,
            type=RINGING,
            account=ACCOUNT_SID,
        )
    )
    yield path
    client.http_client.session.close()


def schemathesis(
    document: str, server: Server, configuration: Path, *options: str
) -> None:
    ended = subprocess.run(
        [
            SCHEMATHESIS,
            f"--config-file={configuration}",
            "run",
            document,
            f"--url={server.url}",
            f"--auth={ACCOUNT_SID}:{AUTH_TOKEN}",
            "--phases=coverage,fuzzing",
            "--max-examples=15",
            "--request-timeout=10",
            "--seed=1",
            "--continue-on-failure",
            "--suppress-health-check=all",
            "--generation-database=none",
            *options,
        ],
        cwd=configuration.parent,
        env=bare_environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr[-5_000:]


@RUNS
@pytest.mark.timeout(300)
def test_the_server_keeps_to_the_official_document(
    server: Server, configuration: Path, methods: str
) -> None:
    # Of statuses the document names those of success alone.
    schemathesis(str(OFFICIAL), server, configuration, methods, f"--checks={CHECKS}")


@RUNS
@pytest.mark.timeout(300)
def test_the_server_keeps_to_its_own_document(
    server: Server, configuration: Path, methods: str
) -> None:
    schemathesis(
        f"{server.url}/openapi.json",
        server,
        configuration,
        methods,
        f"--checks={CHECKS},status_code_conformance,allow_header_conformance",
        "--exclude-path=/trunkline/v1/Tail",  # its answer has no end
    )


def test_our_document_has_the_operations_and_parameters_of_the_official_one(
    server: Server,
) -> None:
    ours = requests.get(f"{server.url}/openapi.json", timeout=10).json()
    official = json.loads(OFFICIAL.read_text("utf-8"))
    assert operations(ours) == operations(official)
    assert len(operations(official)) == 22


def operations(document: dict[str, Any]) -> dict[str, set[str]]:
    """The names of the parameters of each operation of Events v1; `*`: required."""
    return {
        f"{method} {re.sub('{.*?}', '{}', path)}": parameters(operation)
        for path, item in document["paths"].items()
        if path.startswith("/v1/")
        for method, operation in item.items()
        if method in {"get", "post", "delete"}
    }


def parameters(operation: dict[str, Any]) -> set[str]:
    query = [p for p in operation.get("parameters", ()) if p["in"] == "query"]
    names = {p["name"] + "*" * p.get("required", False) for p in query}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        required = content["schema"].get("required", ())
        names |= {
            name + "*" * (name in required) for name in content["schema"]["properties"]
        }
    return names
