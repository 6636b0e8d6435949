"""Every error that Events v1 sends: code, HTTP status, message, and only four keys."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.app.site import Raw, Site, serving

from trunkline.accounts import Account


RINGING = "com.twilio.voice.status-callback.call.ringing"
OLD_RINGING = "com.twilio.voice.webhook.status-callback.call.ringing"
UNKNOWN_SINK = "DG" + "0" * 32
UNKNOWN_SUBSCRIPTION = "DF" + "0" * 32
WEBHOOK = '{"destination":"http://example.org/"}'
SEGMENT = '{"write_key":"abc"}'
KINESIS = json.dumps(
    {"arn": "arn:aws:kinesis:eu-west-1:1:stream/s", "role_arn": "r", "external_id": "e"}
)


def assert_refused(
    answer: requests.Response, code: int, status: int, message: str
) -> None:
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    assert answer.status_code == status


def sink_form(**changes: str) -> dict[str, str]:
    form = {"Description": "d", "SinkConfiguration": WEBHOOK, "SinkType": "webhook"}
    return form | changes


def make_sink(raw: Raw, **changes: str) -> str:
    answer = raw("POST", "/v1/Sinks", sink_form(**changes))
    assert answer.status_code == 201
    return str(answer.json()["sid"])


def subscribe(raw: Raw, sink: str, *types: str, **changes: str) -> requests.Response:
    form = {"Description": "d", "SinkSid": sink} | changes
    return raw(
        "POST", "/v1/Subscriptions", [*form.items(), *(("Types", t) for t in types)]
    )


def entry(event_type: str, **more: object) -> str:
    return json.dumps({"type": event_type, **more})


@pytest.mark.parametrize(
    ("method", "path", "refusal"),
    [
        pytest.param(row[0], row[1], row[2:], id=f"{row[0]} {row[1]}")
        for row in [
            ("GET", f"/v1/Sinks/{UNKNOWN_SINK}", 20404, 404, None),
            ("POST", f"/v1/Sinks/{UNKNOWN_SINK}", 20404, 404, None),
            ("DELETE", f"/v1/Sinks/{UNKNOWN_SINK}", 20404, 404, None),
            ("POST", f"/v1/Sinks/{UNKNOWN_SINK}/Test", 20404, 404, None),
            ("POST", f"/v1/Sinks/{UNKNOWN_SINK}/Validate", 20404, 404, None),
            ("GET", f"/v1/Subscriptions/{UNKNOWN_SUBSCRIPTION}", 20404, 404, None),
            ("POST", f"/v1/Subscriptions/{UNKNOWN_SUBSCRIPTION}", 20404, 404, None),
            ("DELETE", "/v1/Subscriptions/nonsense", 20404, 404, None),
            ("GET", "/v1/Subscriptions/x/SubscribedEvents", 20404, 404, None),
            ("POST", "/v1/Subscriptions/x/SubscribedEvents", 20404, 404, None),
            (
                "GET",
                f"/v1/Subscriptions/x/SubscribedEvents/{RINGING}",
                20404,
                404,
                None,
            ),
            (
                "POST",
                f"/v1/Subscriptions/x/SubscribedEvents/{RINGING}",
                20404,
                404,
                None,
            ),
            ("GET", "/v1/Types/com.twilio.nothing", 20404, 404, None),
            ("GET", "/v1/Types/com.twilio.eventstreams.test-event", 20404, 404, None),
            ("GET", "/v1/Schemas", 20404, 404, None),
            ("GET", "/v1/Schemas/EventStreams.TestSink", 20404, 404, None),
            ("GET", "/v1/Schemas/Voice.WebhookEvent/Versions/3", 20404, 404, None),
            ("GET", "/v1/Schemas/Voice.WebhookEvent/Versions/-1", 20404, 404, None),
            ("GET", "/v1/Sinks/", 20404, 404, None),
            ("POST", "/v1/Nothing", 20404, 404, None),
            ("GET", "/v1/Sinks/DG1", 91006, 400, "Invalid sink SID DG1"),
            (
                "DELETE",
                "/v1/Sinks/XX" + "0" * 32,
                91006,
                400,
                "Invalid sink SID XX" + "0" * 32,
            ),
            (
                "GET",
                "/v1/Subscriptions?SinkSid=DG1",
                91006,
                400,
                "Invalid sink SID DG1",
            ),
            (
                "GET",
                "/v1/Schemas/Voice.WebhookEvent/Versions/two",
                91201,
                400,
                "Bad request",
            ),
            ("POST", "/v1/Types", 91203, 405, "Method not allowed"),
            ("DELETE", f"/v1/Types/{RINGING}", 91203, 405, "Method not allowed"),
            (
                "POST",
                "/v1/Schemas/Voice.WebhookEvent",
                91203,
                405,
                "Method not allowed",
            ),
            ("DELETE", "/v1/Sinks", 20004, 405, "Method not allowed"),
            ("PUT", f"/v1/Sinks/{UNKNOWN_SINK}", 20004, 405, "Method not allowed"),
            ("GET", f"/v1/Sinks/{UNKNOWN_SINK}/Test", 20004, 405, "Method not allowed"),
            (
                "GET",
                "/v1/Sinks?InUse=maybe",
                20001,
                400,
                "Invalid value for parameter InUse",
            ),
            (
                "GET",
                "/v1/Sinks?Status=",
                20001,
                400,
                "Invalid value for parameter Status",
            ),
            (
                "GET",
                "/v1/Sinks?Status=ok",
                20001,
                400,
                "Invalid value for parameter Status",
            ),
            (
                "GET",
                "/v1/Sinks?Status=%ff",
                20001,
                400,
                "Invalid value for parameter Status",
            ),
            *(
                (
                    "GET",
                    f"/v1/{list_}?{name}={value}",
                    91002,
                    400,
                    f"Invalid paging value for {name}",
                )
                for list_, name, value in [
                    ("Types", "PageSize", "0"),
                    ("Types", "PageSize", "1001"),
                    ("Sinks", "PageSize", ""),
                    ("Sinks", "PageSize", "5.0"),
                    ("Sinks", "Page", "-1"),
                    ("Subscriptions", "Page", "1e3"),
                    ("Types", "PageToken", "!"),
                    ("Sinks", "PageToken", "MQ"),
                    ("Subscriptions", "PageToken", "%E2%82%AC"),
                    ("Schemas/Voice.WebhookEvent/Versions", "PageToken", "W10"),
                ]
            ),
        ]
    ],
)
def test_a_request_without_body_is_refused(
    raw: Raw, method: str, path: str, refusal: tuple[int, int, str | None]
) -> None:
    code, status, message = refusal
    resource = path.removeprefix("/v1")
    expected = message or f"The requested resource {resource} was not found"
    assert_refused(raw(method, path), code, status, expected)


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("", ""),
        ("AC" + "f" * 32, "wrong"),
        ("AC" + "0" * 31 + "1", "wrong"),
        ("AC" + "0" * 31 + "1", "wröng".encode()),
    ],
)
def test_wrong_credentials_are_refused(site: Site, user: str, password: Any) -> None:
    answer = requests.get(site.url + "/v1/Sinks", auth=(user, password), timeout=10)
    assert_refused(answer, 20003, 401, "Authentication failed")
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    "header", [None, "Basic", "Basic !!", "Basic YQ==", "Bearer x"]
)
def test_missing_credentials_are_refused(site: Site, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = requests.post(site.url + "/v1/Sinks", headers=headers, timeout=10)
    assert_refused(answer, 20003, 401, "Authentication failed")


@pytest.mark.parametrize("name", ["Description", "SinkConfiguration", "SinkType"])
def test_a_sink_needs_its_parameters(raw: Raw, name: str) -> None:
    form = sink_form()
    del form[name]
    answer = raw("POST", "/v1/Sinks", form)
    assert_refused(answer, 20001, 400, f"Missing required parameter {name}")


def test_a_json_body_is_not_read(raw: Raw) -> None:
    answer = raw("POST", "/v1/Sinks", json=sink_form())
    assert_refused(answer, 20001, 400, "Missing required parameter Description")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Description": ""}, "Description is empty"),
        ({"SinkType": "email"}, "SinkType email is not supported"),
        ({"SinkType": "ftp"}, "SinkType must be one of webhook, kinesis, segment"),
        ({"SinkConfiguration": "[]"}, "SinkConfiguration is not a JSON object"),
        ({"SinkConfiguration": "{}"}, "destination is missing"),
        ({"SinkType": "segment"}, "write_key is missing"),
    ],
)
def test_a_sink_must_be_right(raw: Raw, changes: dict[str, str], reason: str) -> None:
    answer = raw("POST", "/v1/Sinks", sink_form(**changes))
    assert_refused(answer, 91000, 400, f"Sink could not be created: {reason}")


def test_a_sink_keeps_a_description(raw: Raw) -> None:
    path = f"/v1/Sinks/{make_sink(raw)}"
    answer = raw("POST", path)
    assert_refused(answer, 20001, 400, "Missing required parameter Description")
    answer = raw("POST", path, {"Description": ""})
    assert_refused(
        answer, 91000, 400, "Sink could not be created: Description is empty"
    )


def test_the_hundred_and_first_sink_is_refused(raw: Raw) -> None:
    for _ in range(100):
        make_sink(raw)
    answer = raw("POST", "/v1/Sinks", sink_form())
    assert_refused(answer, 91003, 409, "Maximum number of sinks (100) reached")


def test_validation_needs_a_test_and_its_id(raw: Raw) -> None:
    sid = make_sink(raw)
    path = f"/v1/Sinks/{sid}/Validate"
    assert_refused(raw("POST", path), 20001, 400, "Missing required parameter TestId")
    answer = raw("POST", path, {"TestId": "x"})
    assert_refused(answer, 91004, 400, f"Test event not found for sink {sid}")
    # A test arrives with neither body nor content type.
    assert raw("POST", f"/v1/Sinks/{sid}/Test").json() == {"result": "submitted"}
    assert_refused(
        raw("POST", path, {"TestId": "x"}), 91005, 400, "Test id is not valid"
    )


def test_a_sink_in_use_is_not_deleted(raw: Raw) -> None:
    sid = make_sink(raw)
    subscription = subscribe(raw, sid, entry(RINGING)).json()["sid"]
    answer = raw("DELETE", f"/v1/Sinks/{sid}")
    assert_refused(answer, 91007, 409, f"Sink {sid} is in use and cannot be deleted")
    assert raw("DELETE", f"/v1/Subscriptions/{subscription}").status_code == 204
    gone = raw("DELETE", f"/v1/Sinks/{sid}")
    assert (gone.status_code, gone.content) == (204, b"")


@pytest.mark.parametrize(
    ("form", "code", "status", "message"),
    [
        ({}, 20001, 400, "Missing required parameter Description"),
        (
            {"Description": ""},
            91101,
            400,
            "Subscription could not be created: Description is empty",
        ),
        ({"Description": "d"}, 20001, 400, "Missing required parameter SinkSid"),
        ({"Description": "d", "SinkSid": "x"}, 91006, 400, "Invalid sink SID x"),
        (
            {"Description": "d", "SinkSid": UNKNOWN_SINK},
            91001,
            404,
            f"Sink {UNKNOWN_SINK} not found",
        ),
    ],
)
def test_a_subscription_is_checked_in_order(
    raw: Raw, form: dict[str, str], code: int, status: int, message: str
) -> None:
    assert_refused(raw("POST", "/v1/Subscriptions", form), code, status, message)


NO_TYPE_0 = "Missing required input parameter event_types[0].type"
NO_TYPE_1 = "Missing required input parameter event_types[1].type"


@pytest.mark.parametrize(
    ("types", "code", "status", "message"),
    [
        ([], 20001, 400, "Missing required parameter Types"),
        ([""], 91103, 400, "Event type list is empty"),
        (["[]"], 91103, 400, "Event type list is empty"),
        ([f"[{entry(RINGING)},{entry(OLD_RINGING)}]"], 20001, 400, NO_TYPE_0),
        ([entry(RINGING), "{}"], 20001, 400, NO_TYPE_1),
        ([entry("nope"), "{"], 20001, 400, NO_TYPE_1),
        ([entry(RINGING), '{"type":5}'], 20001, 400, NO_TYPE_1),
        (["[" * 5000], 20001, 400, NO_TYPE_0),
        (
            [entry(RINGING, schema_version="two")],
            20001,
            400,
            "Invalid value for parameter event_types[0].schema_version",
        ),
        (
            [entry("nope"), entry(RINGING), entry(RINGING, schema_version=1)],
            91101,
            400,
            f"Subscription could not be created: duplicate type {RINGING}",
        ),
        (
            [entry("a"), entry(RINGING, schema_version=9)],
            20409,
            409,
            "Type a not found in the system",
        ),
        (
            [entry(RINGING, schema_version=9), entry("a")],
            20409,
            409,
            f"Type {RINGING} has no schema version 9",
        ),
    ],
    ids=str,
)
def test_types_are_checked_in_order(
    raw: Raw, types: list[str], code: int, status: int, message: str
) -> None:
    sid = make_sink(raw)
    assert_refused(subscribe(raw, sid, *types), code, status, message)
    assert raw("GET", "/v1/Subscriptions").json()["subscriptions"] == []


def test_a_type_must_fit_the_sink_before_the_sink_must_be_live(raw: Raw) -> None:
    sid = make_sink(raw, SinkType="segment", SinkConfiguration=SEGMENT)
    answer = subscribe(raw, sid, entry(OLD_RINGING))
    message = f"Type {OLD_RINGING} cannot be sent to a segment sink"
    assert_refused(answer, 20409, 409, message)
    answer = subscribe(raw, sid, entry(RINGING))
    message = f"Subscription could not be created: sink {sid} is not active"
    assert_refused(answer, 91100, 409, message)


def test_filters_are_refused_rather_than_ignored(raw: Raw) -> None:
    sid = make_sink(raw)
    message = "Invalid value for parameter Filter"
    refused = subscribe(raw, sid, entry(RINGING), Filter="a == b")
    assert_refused(refused, 20001, 400, message)
    subscription = subscribe(raw, sid, entry(RINGING), Filter="").json()["sid"]
    path = f"/v1/Subscriptions/{subscription}"
    assert_refused(raw("POST", path, {"Filter": "x"}), 20001, 400, message)
    updated = raw("POST", path, {"SinkSid": "ignored", "Types": "ignored"})
    assert (updated.status_code, updated.json()["sink_sid"]) == (200, sid)
    refused = raw("POST", path, {"Description": " "})
    message = "Subscription could not be created: Description is empty"
    assert_refused(refused, 91101, 400, message)


def test_the_hundred_and_first_subscription_is_refused(raw: Raw) -> None:
    sid = make_sink(raw)
    for _ in range(100):
        assert subscribe(raw, sid, entry(RINGING)).status_code == 201
    answer = subscribe(raw, sid, entry(RINGING))
    assert_refused(answer, 20409, 409, "Subscription limit of 100 reached")


@pytest.mark.parametrize(
    ("form", "code", "status", "message"),
    [
        ({}, 20001, 400, "Missing required parameter Type"),
        ({"Type": ""}, 20001, 400, "Missing required parameter Type"),
        (
            {"Type": "x", "SchemaVersion": "two"},
            20001,
            400,
            "Invalid value for parameter SchemaVersion",
        ),
        ({"Type": "x"}, 20409, 409, "Type x not found in the system"),
        (
            {"Type": RINGING, "SchemaVersion": "3"},
            20409,
            409,
            f"Type {RINGING} has no schema version 3",
        ),
        (
            {"Type": OLD_RINGING, "SchemaVersion": "3"},
            20409,
            409,
            f"Type {OLD_RINGING} has no schema version 3",
        ),
    ],
    ids=str,
)
def test_a_subscribed_event_is_checked(
    raw: Raw, form: dict[str, str], code: int, status: int, message: str
) -> None:
    sid = subscribe(raw, make_sink(raw), entry(RINGING)).json()["sid"]
    path = f"/v1/Subscriptions/{sid}/SubscribedEvents"
    assert_refused(raw("POST", path, form), code, status, message)
    missing = raw("DELETE", f"{path}/{OLD_RINGING}")
    assert (missing.status_code, missing.json()["code"]) == (404, 20404)


def test_a_body_over_the_limit_is_refused(raw: Raw) -> None:
    answer = raw("POST", "/v1/Sinks", {"Description": "x" * 300_000})
    assert_refused(answer, 20413, 413, "Request body is larger than 262144 bytes")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"Description=%ff", "Invalid value for parameter Description"),
        (b"Description=\xff", "Invalid value for parameter Description"),
        (b"%ff=1", "Invalid value for parameter name"),
        (b"a&" * 1001, "Too many parameters: at most 1000"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_broken_form_is_refused(raw: Raw, body: bytes, message: str) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert_refused(raw("POST", "/v1/Sinks", body, headers=kind), 20001, 400, message)


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Site]:
    with serving(
        tmp_path,
        one_subscription_per_sink=True,
        public_url="https://streams.example",
        schema_base_url="https://schemas.example",
        cors_origins=["https://page.example"],
    ) as site:
        yield site


def test_settings_change_what_they_say(strict: Site) -> None:
    account: Account = strict.new_account()
    raw = Raw(strict.url, account)
    sid = make_sink(raw)
    assert subscribe(raw, sid, entry(RINGING)).status_code == 201
    answer = subscribe(raw, sid, entry(OLD_RINGING))
    assert_refused(answer, 20409, 409, f"Sink with SID {sid} is in use")
    version = raw("GET", "/v1/Schemas/Voice.WebhookEvent/Versions/1").json()
    assert version["raw"] == "https://schemas.example/Voice.WebhookEvent/1"
    assert version["url"].startswith("https://streams.example/v1/Schemas/")
    document = raw("GET", "/schemas/Voice.WebhookEvent/1").json()
    assert document["$id"] == "https://schemas.example/Voice.WebhookEvent/1"
    origin = {"Origin": "https://page.example"}
    allowed = raw("GET", "/v1/Types", headers=origin).headers
    assert allowed["access-control-allow-origin"] == "https://page.example"
    raw.close()


def test_no_page_may_call_unless_a_setting_says_so(raw: Raw) -> None:
    answer = raw("GET", "/v1/Types", headers={"Origin": "https://page.example"})
    assert "access-control-allow-origin" not in answer.headers
