"""The life of event types, by a catalogue in which every status occurs."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.app.api.test_events_v1_errors import (
    KINESIS,
    SEGMENT,
    assert_refused,
    entry,
    make_sink,
    subscribe,
)
from tests.app.site import Raw, Site, serving

from trunkline.events.catalogue import (
    EVENT_TYPES,
    SDK_EVENT_TYPE,
    SinkType,
    Status,
    deprecated_progress_type,
    progress_type,
)


AVAILABLE = progress_type("initiated")
DEPRECATED = deprecated_progress_type("initiated")
RESTRICTED = progress_type("ringing")
DISCONTINUED = progress_type("answered")

AGED = {
    **EVENT_TYPES,
    RESTRICTED: replace(EVENT_TYPES[RESTRICTED], status=Status.RESTRICTED),
    DISCONTINUED: replace(EVENT_TYPES[DISCONTINUED], status=Status.DISCONTINUED),
}


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("aged"), event_types=AGED) as site:
        yield site


@pytest.fixture
def there(aged: Site) -> Iterator[Raw]:
    raw = Raw(aged.url, aged.new_account())
    yield raw
    raw.close()


def test_every_status_is_shown(there: Raw) -> None:
    statuses = {
        row["type"]: row["status"] for row in there("GET", "/v1/Types").json()["types"]
    }
    assert statuses[AVAILABLE] == "available"
    assert statuses[DEPRECATED] == "deprecated"
    assert statuses[RESTRICTED] == "restricted"
    assert statuses[DISCONTINUED] == "discontinued"


@pytest.mark.parametrize("event_type", [AVAILABLE, DEPRECATED])
def test_a_type_in_its_life_is_subscribed(
    aged: Site, there: Raw, event_type: str
) -> None:
    sink = make_sink(there)
    assert subscribe(there, sink, entry(event_type)).status_code == 201
    assert [route.type for route in aged.delivery.routes[sink]] == [event_type]


@pytest.mark.parametrize(
    ("event_type", "message"),
    [
        (RESTRICTED, f"Type {RESTRICTED} is restricted"),
        (DISCONTINUED, "Type is discontinued"),
    ],
)
def test_a_type_past_its_life_is_neither_subscribed_nor_added(
    there: Raw, event_type: str, message: str
) -> None:
    sink = make_sink(there)
    refused = subscribe(there, sink, entry(AVAILABLE), entry(event_type))
    assert_refused(refused, 20409, 409, message)
    assert there("GET", "/v1/Subscriptions").json()["subscriptions"] == []
    sid = subscribe(there, sink, entry(AVAILABLE)).json()["sid"]
    path = f"/v1/Subscriptions/{sid}/SubscribedEvents"
    assert_refused(there("POST", path, {"Type": event_type}), 20409, 409, message)


KINDS = {
    SinkType.WEBHOOK: '{"destination":"http://example.org/"}',
    SinkType.KINESIS: KINESIS,
    SinkType.SEGMENT: SEGMENT,
}


@pytest.mark.parametrize(
    ("event_type", "kinds"),
    [
        (progress_type("ringing"), {"webhook", "kinesis", "segment"}),
        (deprecated_progress_type("ringing"), {"webhook", "kinesis"}),
        (SDK_EVENT_TYPE, {"webhook", "kinesis"}),
    ],
)
def test_a_type_goes_to_the_kinds_of_sink_that_can_take_it(
    site: Site, raw: Raw, event_type: str, kinds: set[str]
) -> None:
    taken = set()
    for kind, configuration in KINDS.items():
        sink = make_sink(raw, SinkType=kind, SinkConfiguration=configuration)
        raw("POST", f"/v1/Sinks/{sink}/Test")
        test_id = site.delivery.tests[sink]
        valid = raw("POST", f"/v1/Sinks/{sink}/Validate", {"TestId": test_id})
        assert valid.status_code == 201
        answer = subscribe(raw, sink, entry(event_type))
        if answer.status_code == 201:
            taken.add(str(kind))
            continue
        message = f"Type {event_type} cannot be sent to a {kind} sink"
        assert_refused(answer, 20409, 409, message)
        # The rule holds for additions, too.
        sid = subscribe(raw, sink, entry(AVAILABLE)).json()["sid"]
        path = f"/v1/Subscriptions/{sid}/SubscribedEvents"
        assert_refused(raw("POST", path, {"Type": event_type}), 20409, 409, message)
    assert taken == kinds


@pytest.mark.parametrize(("kind", "configuration"), list(KINDS.items())[1:])
def test_sinks_of_other_kinds_go_through_the_same_steps(
    site: Site, raw: Raw, kind: SinkType, configuration: str
) -> None:
    sink = make_sink(raw, SinkType=kind, SinkConfiguration=configuration)
    path = f"/v1/Sinks/{sink}"

    def status() -> str:
        return str(raw("GET", path).json()["status"])

    assert status() == "initialized"
    refused = raw("POST", f"{path}/Validate", {"TestId": "x"})
    assert (refused.status_code, refused.json()["code"]) == (400, 91004)
    assert raw("POST", f"{path}/Test").json() == {"result": "submitted"}
    assert status() == "validating"
    site.run(site.registry.test_failed(sink, site.delivery.tests[sink]))
    assert status() == "failed"
    raw("POST", f"{path}/Test")
    assert status() == "validating"
    raw("POST", f"{path}/Validate", {"TestId": site.delivery.tests[sink]})
    assert status() == "active"
    # Once active it stays in use, whatever a later test comes to.
    raw("POST", f"{path}/Test")
    site.run(site.registry.test_failed(sink, site.delivery.tests[sink]))
    assert status() == "active"


def test_the_limit_counts_sinks_of_all_kinds(raw: Raw) -> None:
    kinds = list(KINDS.items())
    for number in range(100):
        kind, configuration = kinds[number % 3]
        make_sink(raw, SinkType=kind, SinkConfiguration=configuration)
    form = {"Description": "d", "SinkType": "segment", "SinkConfiguration": SEGMENT}
    message = "Maximum number of sinks (100) reached"
    assert_refused(raw("POST", "/v1/Sinks", form), 91003, 409, message)
