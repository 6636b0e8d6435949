"""Laws of the two data schemas: what is encoded is valid, and comes back as it was."""

import json
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from msgspec import UNSET, inspect

from trunkline.events import call_event, schemas, webhook_event
from trunkline.events.call_event import CallEvent
from trunkline.events.envelope import SCHEMA_HOST
from trunkline.events.webhook_event import (
    CallbackRequest,
    CallbackResponse,
    WebhookEvent,
)


T = TypeVar("T", bound=msgspec.Struct)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
integers = st.integers(-(2**63), 2**63 - 1)
# A whole number is good as well, as long as a float can hold it.
numbers = st.integers(-(2**53), 2**53) | st.floats(
    allow_nan=False, allow_infinity=False
)

SCALARS: dict[type[inspect.Type], st.SearchStrategy[Any]] = {
    inspect.StrType: texts,
    inspect.IntType: integers,
    inspect.FloatType: numbers,
}


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.Metadata(type=inner):
            return values(inner)
        case inspect.StructType(cls=struct):
            return structs(struct)
        case inspect.DictType():
            return st.dictionaries(texts, texts, max_size=4)
        case inspect.CollectionType(item_type=item):
            return st.lists(values(item), max_size=4)
        case _:
            return SCALARS[type(kind)]


def structs(struct: type[T]) -> st.SearchStrategy[T]:
    """Return any values of a struct, its optional members set or not."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    members = {
        member.name: values(member.type)
        if member.required
        else st.just(UNSET) | values(member.type)
        for member in info.fields
    }
    return st.builds(struct, **members)


def validator(schema_id: str, version: int) -> Draft7Validator:
    text = schemas.document(schema_id, version, SCHEMA_HOST)
    assert text is not None
    return Draft7Validator(json.loads(text))


@pytest.mark.parametrize("version", [1, 2])
@given(data=structs(WebhookEvent))
def test_any_webhook_event_encodes_to_valid_data(
    version: int, data: WebhookEvent
) -> None:
    encoded = webhook_event.encode(data)

    validator("Voice.WebhookEvent", version).validate(json.loads(encoded))
    assert msgspec.json.decode(encoded, type=WebhookEvent) == data


@pytest.mark.parametrize("version", [1, 2])
@given(data=structs(CallEvent))
def test_any_call_event_encodes_to_valid_data(version: int, data: CallEvent) -> None:
    encoded = call_event.encode(data)

    validator("VoiceInsights.CallEvent", version).validate(json.loads(encoded))
    assert msgspec.json.decode(encoded, type=CallEvent) == data


def test_members_of_a_webhook_event_come_in_the_documented_order() -> None:
    data = WebhookEvent(
        sid="CA1",
        request_date_created="Mon, 14 Sep 2026 09:30:57 +0000",
        timestamp="2026-09-14T09:30:57.412Z",
        event_sid="VW1",
        request=CallbackRequest(
            method="POST",
            url="https://app.example.com/",
            parameters={"Called": "", "CallSid": "CA1"},
        ),
        response=CallbackResponse(
            response_code=200,
            request_duration=140,
            content_type="",
            response_body="",
            date_created="Mon, 14 Sep 2026 09:30:57 +0000",
        ),
    )

    assert webhook_event.encode(data).decode() == (
        '{"sid":"CA1","requestDateCreated":"Mon, 14 Sep 2026 09:30:57 +0000",'
        '"timestamp":"2026-09-14T09:30:57.412Z","eventSid":"VW1",'
        '"request":{"method":"POST","url":"https://app.example.com/",'
        '"parameters":{"Called":"","CallSid":"CA1"}},'
        '"response":{"responseCode":200,"requestDuration":140,"contentType":"",'
        '"responseBody":"","dateCreated":"Mon, 14 Sep 2026 09:30:57 +0000"}}'
    )


def test_a_webhook_event_without_an_answer_has_no_response() -> None:
    assert webhook_event.encode(WebhookEvent(sid="CA1")) == b'{"sid":"CA1"}'


# A call event as it goes out: placeholders for ids, time and client.
HIGH_RTT = (
    b'{"timestamp":"2026-11-20T09:14:02.118Z",'
    b'"call_sid":"CA69e800e8248377c755ec7f7a268ec872",'
    b'"account_sid":"AC00000000000000000000000000000001","edge":"sdk_edge",'
    b'"name":"high-rtt","group":"network-quality-warning-raised","level":"WARNING",'
    b'"sdk_edge":{"metric":{"threshold":400.5,"values":[1.25,2.17]},'
    b'"metadata":{"client_name":"alice","location":{"lat":52.5,"lon":13.4},"city":"",'
    b'"country_code":"","country_subdivision":"","ip_address":"203.0.113.7",'
    b'"sdk":{"type":"twilio-js-sdk","version":"2.18.5","platform":"WebRTC",'
    b'"region":"us1","selected_region":"ie1",'
    b'"browser":{"name":"Chrome","major":"156","version":"156.0.0.0"},'
    b'"os":{"name":"Linux","version":""},'
    b'"device":{"model":"","type":"desktop","vendor":"","arch":"amd64"},'
    b'"engine":{"name":"Blink","version":"156.0.0.0"},"edge_location":"ashburn"}}}}'
)


def test_members_of_a_call_event_come_in_the_documented_order() -> None:
    data = msgspec.json.decode(HIGH_RTT, type=CallEvent)

    assert call_event.encode(data) == HIGH_RTT
