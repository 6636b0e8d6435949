"""The document at `/openapi.json`. That answers are as it says, `Raw` checks everywhere."""

import json
import re
from pathlib import Path

import pytest
import requests
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.app.site import Raw, Site, described

from trunkline import __version__, server
from trunkline.api import openapi
from trunkline.api.app import Application
from trunkline.api.operations import operations
from trunkline.api.voice_sdk import OPERATIONS
from trunkline.settings import Settings


def test_anyone_may_read_it_and_it_is_openapi_3_1(site: Site) -> None:
    answer = requests.get(f"{site.url}/openapi.json", timeout=10)
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert (document["openapi"], document["info"]["version"]) == ("3.1.0", __version__)
    OpenAPIV31SpecValidator(document).validate()


async def test_every_operation_of_the_server_is_in_it(tmp_path: Path) -> None:
    """One that is not lacks `@operation(...)` on its handler (see api/operations.py)."""
    async with server.running(Settings(data_dir=tmp_path, port=0)) as app:
        assert isinstance(app, Application)
        found = list(operations(app.routes))
        paths = openapi.describe(app.routes, OPERATIONS)["paths"]
    assert len(found) > 30
    undeclared = [f"{method} {path}" for path, method, _, op in found if op is None]
    assert undeclared == []
    for path, method, _, _ in found:
        template = re.sub(r":\w+}", "}", path)
        assert paths[template][method.lower()]["summary"]


def test_voice_sdk_paths_are_in_it(site: Site) -> None:
    paths = described(site.url).document["paths"]
    for method, path in OPERATIONS:
        assert method.lower() in paths[path]
    heads = paths["/v4/EndpointEvents"]["post"]["parameters"]
    assert {
        (head["name"], head["in"], head.get("required", False)) for head in heads
    } == {
        ("X-Twilio-Token", "header", True),
        ("X-Trunkline-Delivery", "header", False),
    }
    assert "/voice-sdk/sw.js" in paths


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/Sinks"),
        ("POST", "/v1/Subscriptions"),
        ("POST", "/trunkline/v1/Accounts/AC0"),
    ],
)
def test_a_parameter_that_it_calls_required_is_missed(
    operator: Raw, site: Site, method: str, path: str
) -> None:
    paths = described(site.url).document["paths"]
    template = path.replace("AC0", "{sid}")
    body = paths[template][method.lower()]["requestBody"]["content"]
    [form] = body.values()
    required = form["schema"]["required"]
    assert required
    given: dict[str, str] = {}
    sink = {"description": "d", "destination": "http://example.org/"}
    for name in required:
        answer = operator(method, path, given)
        assert answer.json()["message"] == f"Missing required parameter {name}"
        given[name] = {
            "SinkConfiguration": json.dumps(sink),
            "SinkSid": made_sink(operator),
        }.get(name, "d")


def made_sink(raw: Raw) -> str:
    form = {
        "Description": "d",
        "SinkConfiguration": '{"destination":"http://example.org/"}',
        "SinkType": "webhook",
    }
    return str(raw("POST", "/v1/Sinks", form).json()["sid"])
