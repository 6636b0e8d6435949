"""The envelope of an event."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.events import test_event as sink_test
from trunkline.events.catalogue import EVENT_TYPES
from trunkline.events.envelope import Event, render


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)

RINGING = Event(
    id="VW00000000000000000000000000000001",
    account_sid="AC00000000000000000000000000000001",
    type="com.twilio.voice.status-callback.call.ringing",
    source="/2010-04-01/Accounts/AC00000000000000000000000000000001"
    "/Calls/CA00000000000000000000000000000001.json",
    time="2026-01-01T00:00:00.000Z",
    call_sid="CA00000000000000000000000000000001",
    data=b'{"sid":"CA00000000000000000000000000000001"}',
)


def test_the_keys_come_in_the_documented_order() -> None:
    assert render(RINGING, 2).decode() == (
        '{"specversion":"1.0",'
        '"type":"com.twilio.voice.status-callback.call.ringing",'
        '"source":"/2010-04-01/Accounts/AC00000000000000000000000000000001'
        '/Calls/CA00000000000000000000000000000001.json",'
        '"id":"VW00000000000000000000000000000001",'
        '"dataschema":"https://events-schemas.twilio.com/Voice.WebhookEvent/2",'
        '"datacontenttype":"application/json","time":"2026-01-01T00:00:00.000Z",'
        '"data":{"sid":"CA00000000000000000000000000000001"}}'
    )


def test_the_version_shows_in_the_number_of_the_dataschema_alone() -> None:
    one, two = render(RINGING, 1), render(RINGING, 2)

    assert one != two
    assert one.replace(b"Voice.WebhookEvent/1", b"Voice.WebhookEvent/2") == two


def test_the_schema_host_can_be_changed() -> None:
    event = json.loads(render(RINGING, 1, "https://schemas.example.org"))

    assert event["dataschema"] == "https://schemas.example.org/Voice.WebhookEvent/1"


@given(
    event_type=st.sampled_from(sorted(EVENT_TYPES)),
    attributes=st.tuples(texts, texts, texts),
    data=st.dictionaries(texts, texts, max_size=3),
    version=st.sampled_from([1, 2]),
)
def test_whatever_is_in_an_event_comes_out_as_it_went_in(
    event_type: str,
    attributes: tuple[str, str, str],
    data: dict[str, str],
    version: int,
) -> None:
    event_id, source, time = attributes
    event = Event(
        id=event_id,
        account_sid="AC1",
        type=event_type,
        source=source,
        time=time,
        call_sid="",
        data=json.dumps(data).encode(),
    )
    schema = EVENT_TYPES[event_type].schema_id

    assert json.loads(render(event, version)) == {
        "specversion": "1.0",
        "type": event_type,
        "source": source,
        "id": event_id,
        "dataschema": f"https://events-schemas.twilio.com/{schema}/{version}",
        "datacontenttype": "application/json",
        "time": time,
        "data": data,
    }


def test_a_type_that_is_not_in_the_catalogue_is_not_rendered() -> None:
    event = Event(
        id="EV1",
        account_sid="AC1",
        type="com.example.other",
        source="/",
        time="2026-01-01T00:00:00.000Z",
        call_sid="",
        data=b"{}",
    )

    with pytest.raises(KeyError):
        render(event, 1)


@pytest.mark.parametrize("version", [1, 2])
def test_a_test_event_bears_the_account_sid_as_its_id(version: int) -> None:
    event = sink_test.make(
        event_id="EZ00000000000000000000000000000009",
        account_sid="AC11111111111111111111111111111111",
        test_id="cae2f9e2-0000-4000-8000-000000000000",
        time="2026-06-10T06:02:54.377Z",
    )

    assert event.id == "EZ00000000000000000000000000000009"
    assert render(event, version).decode() == (
        '{"specversion":"1.0","type":"com.twilio.eventstreams.test-event",'
        '"source":"Sink","id":"AC11111111111111111111111111111111",'
        '"dataschema":"https://events-schemas.twilio.com/EventStreams.TestSink/1.json",'
        '"datacontenttype":"application/json","time":"2026-06-10T06:02:54.377Z",'
        '"data":{"test_id":"cae2f9e2-0000-4000-8000-000000000000"}}'
    )
