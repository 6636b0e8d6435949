"""The schema documents."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from msgspec import inspect

from trunkline.events import catalogue, schemas
from trunkline.events.envelope import SCHEMA_HOST


SEEDS = Path(__file__).parents[2] / "data" / "seeds"

EXAMPLES = sorted(SEEDS.glob("com.twilio.*.json"))

DOCUMENTS = [
    ("Voice.WebhookEvent", "1"),
    ("Voice.WebhookEvent", "2"),
    ("VoiceInsights.CallEvent", "1"),
    ("VoiceInsights.CallEvent", "2"),
    ("EventStreams.TestSink", "1.json"),
]

SUBSCRIBED = DOCUMENTS[:4]


def document(schema_id: str, version: str) -> dict[str, Any]:
    text = schemas.document(schema_id, version, SCHEMA_HOST)
    assert text is not None
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def members(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield `path type required|optional` for each member, as the seeds list them."""
    for name, member in schema.get("properties", {}).items():
        kind = member["type"]
        if kind == "array":
            kind = member["items"]["type"] + "[]"
        need = "required" if name in schema.get("required", ()) else "optional"
        yield f"{path}{name} {kind} {need}"
        yield from members(member, f"{path}{name}.")


def objects(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    if schema["type"] == "object":
        yield path, schema
    for name, member in schema.get("properties", {}).items():
        yield from objects(member, f"{path}.{name}".lstrip("."))


def without_metadata(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    return {
        key: without_metadata(value)
        for key, value in schema.items()
        if key != "$id" and not (key == "description" and isinstance(value, str))
    }


@pytest.mark.parametrize(("schema_id", "version"), DOCUMENTS)
def test_each_document_is_a_valid_draft_07_schema(schema_id: str, version: str) -> None:
    schema = document(schema_id, version)

    Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize(("schema_id", "version"), DOCUMENTS)
def test_a_document_is_minified_with_sorted_keys(schema_id: str, version: str) -> None:
    text = schemas.document(schema_id, version, SCHEMA_HOST)

    assert text is not None
    canonical = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert text.decode() == canonical


@pytest.mark.parametrize(("schema_id", "version"), SUBSCRIBED)
def test_members_types_and_required_lists_are_as_published(
    schema_id: str, version: str
) -> None:
    published = (SEEDS / f"{schema_id}.members.txt").read_text().splitlines()

    assert sorted(members(document(schema_id, version))) == sorted(published)


def test_the_title_is_the_last_part_of_the_id() -> None:
    assert document("Voice.WebhookEvent", "2")["title"] == "WebhookEvent"
    assert document("VoiceInsights.CallEvent", "1")["title"] == "CallEvent"


@pytest.mark.parametrize(("schema_id", "version"), DOCUMENTS)
def test_only_the_callback_parameters_are_open(schema_id: str, version: str) -> None:
    for path, schema in objects(document(schema_id, version)):
        is_open = path == "request.parameters"
        assert schema["additionalProperties"] is is_open, path


@pytest.mark.parametrize(("schema_id", "version"), SUBSCRIBED)
def test_an_object_without_required_members_has_no_required_list(
    schema_id: str, version: str
) -> None:
    for path, schema in objects(document(schema_id, version)):
        assert schema.get("required") != [], path


@pytest.mark.parametrize("schema_id", ["Voice.WebhookEvent", "VoiceInsights.CallEvent"])
def test_versions_differ_in_metadata_only(schema_id: str) -> None:
    one, two = document(schema_id, "1"), document(schema_id, "2")

    assert one["$id"] != two["$id"]
    assert without_metadata(one) == without_metadata(two)


def test_version_1_of_call_event_only_links_to_twilios_page() -> None:
    link = "https://www.twilio.com/docs/voice/insights/api/call-events-resource"
    one = document("VoiceInsights.CallEvent", "1")
    two = document("VoiceInsights.CallEvent", "2")

    assert {text for _, text in descriptions(one)} == {link}
    assert link not in {text for _, text in descriptions(two)}


def test_both_versions_of_webhook_event_have_the_same_texts() -> None:
    one = document("Voice.WebhookEvent", "1")
    two = document("Voice.WebhookEvent", "2")

    assert list(descriptions(one)) == list(descriptions(two))


@pytest.mark.parametrize(("schema_id", "version"), DOCUMENTS)
def test_every_member_is_described(schema_id: str, version: str) -> None:
    schema = document(schema_id, version)

    assert all(text for _, text in descriptions(schema))
    assert len(list(descriptions(schema))) == len(list(members(schema)))


def descriptions(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, member in schema.get("properties", {}).items():
        yield name, member["description"]
        yield from descriptions(member)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_published_examples_are_valid_in_both_versions(example: Path) -> None:
    event = json.loads(example.read_text())
    schema_id = catalogue.schema_of(event["type"])

    for version in ("1", "2"):
        Draft7Validator(document(schema_id, version)).validate(event["data"])


def test_there_is_an_example_of_each_event_type() -> None:
    assert {path.stem for path in EXAMPLES} == set(catalogue.EVENT_TYPES)


@pytest.mark.parametrize("schema_id", ["Voice.WebhookEvent", "VoiceInsights.CallEvent"])
def test_an_unknown_member_is_not_valid(schema_id: str) -> None:
    validator = Draft7Validator(document(schema_id, "2"))
    example = next(
        path for path in EXAMPLES if catalogue.schema_of(path.stem) == schema_id
    )
    data = json.loads(example.read_text())["data"]

    assert not validator.is_valid({**data, "surprise": 1})


def test_the_schema_host_shows_in_the_id_alone() -> None:
    ours = schemas.document("Voice.WebhookEvent", 2, "https://schemas.example.org")
    theirs = schemas.document("Voice.WebhookEvent", 2, SCHEMA_HOST)

    assert ours is not None
    assert theirs is not None
    id_ = b'"$id":"https://schemas.example.org/Voice.WebhookEvent/2"'
    assert id_ in ours
    assert ours.replace(b"https://schemas.example.org", SCHEMA_HOST.encode()) == theirs


@pytest.mark.parametrize(
    ("schema_id", "version"),
    [
        ("Voice.WebhookEvent", "3"),
        ("Voice.WebhookEvent", "0"),
        ("Voice.WebhookEvent", "02"),
        ("Voice.WebhookEvent", "2.json"),
        ("Voice.Nothing", "1"),
        ("EventStreams.TestSink", "1"),
    ],
)
def test_there_is_no_other_document(schema_id: str, version: str) -> None:
    assert schemas.document(schema_id, version, SCHEMA_HOST) is None


def test_the_two_subscribed_schemas_have_versions_1_and_2() -> None:
    assert schemas.SCHEMAS == {
        "Voice.WebhookEvent": (1, 2),
        "VoiceInsights.CallEvent": (1, 2),
    }
    assert schemas.latest_version("Voice.WebhookEvent") == 2
    assert schemas.latest_version("VoiceInsights.CallEvent") == 2


def test_a_type_without_json_schema_is_an_error_not_an_empty_schema() -> None:
    with pytest.raises(TypeError, match="no JSON Schema"):
        schemas._schema(inspect.BytesType(), None)
