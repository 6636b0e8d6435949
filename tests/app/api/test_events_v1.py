"""Every call of Twilio's unmodified Python client, and the use that others make."""

import json
from datetime import UTC, datetime

import pytest
import requests
from tests.app.site import Raw, Site, twilio_client
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from trunkline.accounts import Account


INITIATED = "com.twilio.voice.status-callback.call.initiated"
RINGING = "com.twilio.voice.status-callback.call.ringing"
OLD_RINGING = "com.twilio.voice.webhook.status-callback.call.ringing"
SDK = "com.twilio.voice.insights.call-event.sdk"
WEBHOOK = {
    "destination": "http://example.org/webhook",
    "method": "post",
    "batch_events": False,
}
KINESIS = {
    "arn": "arn:aws:kinesis:us-east-1:111111111111:stream/events",
    "role_arn": "arn:aws:iam::111111111111:role/events",
    "external_id": "secret",
}


def make_sink(client: Client, **changes: object) -> str:
    sink = client.events.v1.sinks.create(
        description="A sink",
        sink_configuration={**WEBHOOK, **changes},
        sink_type="webhook",
    )
    return str(sink.sid)


def make_subscription(client: Client, sink_sid: str, *types: dict[str, object]) -> str:
    subscription = client.events.v1.subscriptions.create(
        description="A subscription",
        sink_sid=sink_sid,
        types=list(types or [{"type": RINGING}]),
    )
    return str(subscription.sid)


def test_twilios_own_cluster_test_passes(client: Client) -> None:
    sink = client.events.v1.sinks.create(
        description="test sink python",
        sink_configuration=WEBHOOK,
        sink_type="webhook",
    )
    subscription = client.events.v1.subscriptions.create(
        description="test subscription python",
        sink_sid=sink.sid,
        types=[{"type": INITIATED}, {"type": RINGING}],
    )
    assert subscription.sid.startswith("DF")
    assert client.events.v1.subscriptions(subscription.sid).delete() is True
    assert client.events.v1.sinks(sink.sid).fetch().status == "active"
    assert client.events.v1.sinks(sink.sid).delete() is True
    assert client.events.v1.sinks.list() == []


def test_n8ns_trigger_works(raw: Raw, site: Site) -> None:
    types = raw("GET", "/v1/Types?PageSize=200").json()["types"]
    sink = raw(
        "POST",
        "/v1/Sinks",
        {
            "Description": "n8n",
            "SinkConfiguration": '{"destination":"http://example.org/n8n","method":"POST"}',
            "SinkType": "webhook",
        },
    ).json()
    assert sink["sink_configuration"] == {
        "destination": "http://example.org/n8n",
        "method": "POST",
    }
    subscription = raw(
        "POST",
        "/v1/Subscriptions",
        {
            "Description": "n8n",
            "SinkSid": sink["sid"],
            "Types": json.dumps({"type": types[-1]["type"]}),
        },
    )
    assert subscription.status_code == 201
    refusal = raw("DELETE", f"/v1/Sinks/{sink['sid']}")
    assert (refusal.status_code, refusal.json()["code"]) == (409, 91007)
    assert [route.type for route in site.delivery.routes[sink["sid"]]] == [OLD_RINGING]


def test_the_nine_types_are_listed_in_order(client: Client) -> None:
    types = client.events.v1.event_types.list()
    assert [row.type for row in types] == sorted(row.type for row in types)
    assert len(types) == 9
    assert {row.status for row in types} == {"available", "deprecated"}
    assert types[0].type == SDK
    assert types[0].date_created == datetime(2025, 10, 8, 7, 17, 2, tzinfo=UTC)


def test_a_type_is_fetched_by_the_client(client: Client) -> None:
    fetched = client.events.v1.event_types(OLD_RINGING).fetch()
    assert (fetched.type, fetched.status) == (OLD_RINGING, "deprecated")
    assert fetched.date_updated == datetime(2025, 10, 8, 7, 17, 2, tzinfo=UTC)


def test_types_are_found_by_schema(client: Client) -> None:
    found = client.events.v1.event_types.list(schema_id="VoiceInsights.CallEvent")
    assert [row.type for row in found] == [SDK]
    assert client.events.v1.event_types.list(schema_id="Nobody.Knows") == []


def test_a_type_is_fetched(site: Site, raw: Raw) -> None:
    body = raw("GET", f"/v1/Types/{RINGING}")
    assert body.headers["content-type"] == "application/json"
    assert list(body.json().items()) == [
        ("date_created", "2025-10-08T07:17:02Z"),
        ("date_updated", "2025-10-08T07:17:02Z"),
        ("type", RINGING),
        ("schema_id", "Voice.WebhookEvent"),
        ("status", "available"),
        ("documentation_url", None),
        ("description", "Call Progress Event Ringing"),
        ("url", f"{site.url}/v1/Types/{RINGING}"),
        ("links", {"schema": f"{site.url}/v1/Schemas/Voice.WebhookEvent/Versions"}),
    ]


def test_schemas_and_their_versions_are_read(client: Client, site: Site) -> None:
    schema = client.events.v1.schemas("Voice.WebhookEvent").fetch()
    assert (schema.id, schema.latest_version) == ("Voice.WebhookEvent", 2)
    first, second = schema.versions.list()
    assert (first.schema_version, second.schema_version) == (1, 2)
    fetched = schema.versions(2).fetch()
    assert fetched.url == f"{site.url}/v1/Schemas/Voice.WebhookEvent/Versions/2"
    assert fetched.raw == f"{site.url}/schemas/Voice.WebhookEvent/2"


@pytest.mark.parametrize("prefix", ["/schemas", ""])
def test_the_schema_host_serves_documents_to_anyone(raw: Raw, prefix: str) -> None:
    for schema in ("Voice.WebhookEvent/1", "VoiceInsights.CallEvent/2"):
        answer = raw("GET", f"{prefix}/{schema}", auth=("", ""))
        assert answer.status_code == 200
        assert answer.json()["$id"] == f"https://events-schemas.twilio.com/{schema}"
    test = raw("GET", f"{prefix}/EventStreams.TestSink/1.json")
    assert test.json()["required"] == ["test_id"]
    assert raw("GET", f"{prefix}/Voice.WebhookEvent/3").json()["code"] == 20404


def test_a_sink_is_shown_field_by_field(raw: Raw, site: Site) -> None:
    config = {
        "batch_events": "true",
        "surprise": 1,
        "destination": "https://u:p@a.example",
    }
    form = {
        "Description": "My sink",
        "SinkConfiguration": json.dumps(config),
        "SinkType": "webhook",
        "ReceiveEventsFromSubaccounts": "true",
    }
    answer = raw("POST", "/v1/Sinks", form)
    assert answer.status_code == 201
    sink = answer.json()
    url = f"{site.url}/v1/Sinks/{sink['sid']}"
    assert list(sink) == [
        "status",
        "sink_configuration",
        "description",
        "sid",
        "sink_type",
        "date_created",
        "date_updated",
        "url",
        "links",
    ]
    assert list(sink["sink_configuration"].items()) == [
        ("destination", "https://u:p@a.example"),
        ("batch_events", "true"),
    ]
    assert (sink["status"], sink["sink_type"]) == ("active", "webhook")
    assert sink["url"] == url
    assert sink["links"] == {
        "sink_test": f"{url}/Test",
        "sink_validate": f"{url}/Validate",
    }
    assert raw("GET", f"/v1/Sinks/{sink['sid'].upper()}").json() == sink


def test_a_sink_is_described_anew_and_nothing_else_changes(client: Client) -> None:
    sid = make_sink(client)
    sink = client.events.v1.sinks(sid).update(description="Better")
    assert sink.description == "Better"
    assert client.events.v1.sinks(sid).fetch().sink_configuration == WEBHOOK


def test_a_test_is_validated_with_its_newest_id(client: Client, site: Site) -> None:
    sid = make_sink(client)
    sink = client.events.v1.sinks(sid)
    assert sink.sink_test.create().result == "submitted"
    older = site.delivery.tests[sid]
    assert sink.fetch().status == "validating"
    assert sink.sink_test.create().result == "submitted"
    newest = site.delivery.tests[sid]
    with pytest.raises(TwilioRestException) as refusal:
        sink.sink_validate.create(test_id=older)
    assert (refusal.value.status, refusal.value.code) == (400, 91005)
    assert sink.sink_validate.create(test_id=newest).result == "valid"
    assert sink.fetch().status == "active"
    assert sink.sink_validate.create(test_id=newest).result == "valid"


def test_a_failed_test_fails_a_sink_that_was_never_active(
    client: Client, site: Site
) -> None:
    sink = client.events.v1.sinks.create(
        description="k", sink_configuration=KINESIS, sink_type="kinesis"
    )
    assert sink.status == "initialized"
    sink.sink_test.create()
    site.run(site.registry.test_failed(sink.sid, site.delivery.tests[sink.sid]))
    assert sink.fetch().status == "failed"
    webhook = make_sink(client)
    client.events.v1.sinks(webhook).sink_test.create()
    site.run(site.registry.test_failed(webhook, site.delivery.tests[webhook]))
    assert client.events.v1.sinks(webhook).fetch().status == "active"


def test_a_sink_counts_as_live_from_its_first_validation(
    client: Client, site: Site
) -> None:
    sink = client.events.v1.sinks.create(
        description="k", sink_configuration=KINESIS, sink_type="kinesis"
    )
    with pytest.raises(TwilioRestException) as refusal:
        make_subscription(client, sink.sid)
    assert (refusal.value.status, refusal.value.code) == (409, 91100)
    sink.sink_test.create()
    sink.sink_validate.create(test_id=site.delivery.tests[sink.sid])
    sink.sink_test.create()
    assert sink.fetch().status == "validating"
    assert make_subscription(client, sink.sid).startswith("DF")


def test_sinks_are_filtered(client: Client) -> None:
    used, unused = make_sink(client), make_sink(client)
    make_subscription(client, used)
    client.events.v1.sinks(unused).sink_test.create()

    def found(**filters: object) -> list[str]:
        return [sink.sid for sink in client.events.v1.sinks.list(**filters)]

    assert found() == [used, unused]
    assert found(in_use=True) == [used]
    assert found(in_use=False) == [unused]
    assert found(status="validating") == [unused]
    assert found(status="failed") == []


def test_a_subscription_is_shown_field_by_field(
    raw: Raw, client: Client, site: Site, account: Account
) -> None:
    sink_sid = make_sink(client)
    # The field is repeated, as Twilio's clients do it; white space is theirs too.
    types = [f'{{"type": "{RINGING}", "schema_version": "1"}}', f'{{"type":"{SDK}"}}']
    answer = raw(
        "POST",
        "/v1/Subscriptions",
        [
            ("Description", "Mine"),
            ("SinkSid", sink_sid),
            *(("Types", t) for t in types),
        ],
    )
    assert answer.status_code == 201
    body = answer.json()
    url = f"{site.url}/v1/Subscriptions/{body['sid']}"
    assert list(body) == [
        "account_sid",
        "sid",
        "date_created",
        "date_updated",
        "sink_sid",
        "description",
        "url",
        "links",
    ]
    assert body["account_sid"] == account.sid
    assert body["sink_sid"] == sink_sid
    assert body["url"] == url
    assert body["links"] == {"subscribed_events": f"{url}/SubscribedEvents"}
    events = raw("GET", f"/v1/Subscriptions/{body['sid']}/SubscribedEvents").json()
    assert events["meta"]["key"] == "types"
    assert events["types"] == [
        {
            "account_sid": account.sid,
            "subscription_sid": body["sid"],
            "type": type_,
            "schema_version": version,
            "url": f"{url}/SubscribedEvents/{type_}",
        }
        for type_, version in ((RINGING, 1), (SDK, 2))
    ]


def test_subscriptions_are_found_by_sink_and_described_anew(client: Client) -> None:
    sink, other = make_sink(client), make_sink(client)
    sid = make_subscription(client, sink)
    make_subscription(client, other)
    listed = client.events.v1.subscriptions.list(sink_sid=sink)
    assert [row.sid for row in listed] == [sid]
    assert client.events.v1.subscriptions.list(sink_sid="DG" + "0" * 32) == []
    updated = client.events.v1.subscriptions(sid).update(description="New")
    assert updated.description == "New"
    same = client.events.v1.subscriptions(sid).update()
    assert same.description == "New"
    assert client.events.v1.subscriptions(sid).fetch().description == "New"


def test_subscribed_events_are_added_changed_and_removed(
    client: Client, raw: Raw, site: Site
) -> None:
    sink_sid = make_sink(client)
    sid = make_subscription(client, sink_sid)
    events = client.events.v1.subscriptions(sid).subscribed_events
    assert events.create(type=SDK, schema_version=1).schema_version == 1
    assert events(SDK).fetch().schema_version == 1
    path = f"/v1/Subscriptions/{sid}/SubscribedEvents"
    again = raw("POST", path, {"Type": SDK})
    assert (again.status_code, again.json()["schema_version"]) == (200, 1)
    again = raw("POST", path, {"Type": SDK, "SchemaVersion": "2"})
    assert (again.status_code, again.json()["schema_version"]) == (200, 2)
    assert events(SDK).update(schema_version=1).schema_version == 1
    assert events(SDK).update().schema_version == 2
    assert [row.type for row in events.list()] == [RINGING, SDK]
    assert events(RINGING).delete() is True
    assert events(SDK).delete() is True
    assert events.list() == []
    assert events.create(type=INITIATED).schema_version == 2
    assert [route.type for route in site.delivery.routes[sink_sid]] == [INITIATED]


def test_a_list_is_followed_from_page_to_page(client: Client, site: Site) -> None:
    made = [make_sink(client) for _ in range(5)]
    page = client.events.v1.sinks.page(status="active", page_size=2)
    assert page.next_page_url.startswith(
        f"{site.url}/v1/Sinks?Status=active&PageSize=2&Page=1&PageToken="
    )
    # An item of the page before goes away: the next page starts where it did.
    client.events.v1.sinks(made[0]).delete()
    page = page.next_page()
    assert [sink.sid for sink in page] == made[2:4]
    assert [sink.sid for sink in page.previous_page()] == [made[1], made[2]]
    last = page.next_page()
    assert [sink.sid for sink in last] == made[4:]
    assert last.next_page_url is None
    listed = client.events.v1.sinks.list(page_size=1)
    assert [sink.sid for sink in listed] == made[1:]


def test_accounts_do_not_see_each_other(client: Client, other_client: Client) -> None:
    sink = make_sink(client)
    subscription = make_subscription(client, sink)
    assert other_client.events.v1.sinks.list() == []
    assert other_client.events.v1.subscriptions.list() == []
    theirs = other_client.events.v1
    events = theirs.subscriptions(subscription).subscribed_events
    for call in (
        theirs.sinks(sink).fetch,
        theirs.sinks(sink).delete,
        theirs.sinks(sink).sink_test.create,
        theirs.subscriptions(subscription).fetch,
        theirs.subscriptions(subscription).delete,
        events(RINGING).fetch,
        events(RINGING).delete,
    ):
        with pytest.raises(TwilioRestException) as refusal:
            call()
        assert (refusal.value.status, refusal.value.code) == (404, 20404)
    with pytest.raises(TwilioException, match="20404"):
        events.list()
    with pytest.raises(TwilioRestException) as refusal:
        make_subscription(other_client, sink)
    assert (refusal.value.status, refusal.value.code) == (404, 91001)


def test_an_api_key_is_as_good_as_the_token(site: Site, account: Account) -> None:
    key = site.keys[account.sid]
    with twilio_client(site, key.sid, key.secret) as client:
        sid = make_sink(client)
        assert [sink.sid for sink in client.events.v1.sinks.list()] == [sid]


def test_the_health_page_needs_no_credentials(raw: Raw) -> None:
    answer = raw("GET", "/healthz", auth=("", ""))
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


@pytest.mark.parametrize(
    "path", ["/v4/EndpointEvents", "/v3/EndpointMetrics", "/voice-sdk/x"]
)
def test_voice_sdk_paths_go_to_the_gateway(site: Site, path: str) -> None:
    assert requests.post(site.url + path, "{}", timeout=10).text == "gateway"
