"""The JSON Schema documents, made from the structs (spec event-streams 10).

The struct of a schema is its field table: members, which of them are required, and
their descriptions. Versions of a schema differ in `$id` and descriptions only.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from trunkline.events import catalogue
from trunkline.events.call_event import CallEvent
from trunkline.events.test_event import SinkTest
from trunkline.events.webhook_event import WebhookEvent


# All that version 1 of CallEvent has to say about any of its members.
CALL_EVENTS_PAGE = "https://www.twilio.com/docs/voice/insights/api/call-events-resource"

SCHEMAS = {row.schema_id: row.versions for row in catalogue.EVENT_TYPES.values()}
"""The schemas that can be listed and subscribed, and the versions of each."""


class _Source(NamedTuple):
    """What a document is made from; `description` stands in for every member's own."""

    struct: type[msgspec.Struct]
    description: str | None = None


# The version is text: it is the last part of the document's address.
_SOURCES = {
    (catalogue.WEBHOOK_EVENT, "1"): _Source(WebhookEvent),
    (catalogue.WEBHOOK_EVENT, "2"): _Source(WebhookEvent),
    (catalogue.CALL_EVENT, "1"): _Source(CallEvent, CALL_EVENTS_PAGE),
    (catalogue.CALL_EVENT, "2"): _Source(CallEvent),
    (catalogue.TEST_SINK, catalogue.TEST_SINK_VERSION): _Source(SinkTest),
}

_SCALARS: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
}


def latest_version(schema_id: str) -> int:
    """Return the newest version of a schema of `SCHEMAS`."""
    return SCHEMAS[schema_id][-1]


def document(schema_id: str, version: str | int, host: str) -> bytes | None:
    """Return the document at `{host}/{schema_id}/{version}`, `None` if there is none.

    `host` is where schemas live, e.g. `envelope.SCHEMA_HOST`; not where it is asked.
    """
    if (schema_id, str(version)) not in _SOURCES:
        return None  # before the cache, so that strangers cannot fill it
    return _document(schema_id, str(version), host)


@lru_cache(maxsize=16)
def _document(schema_id: str, version: str, host: str) -> bytes:
    source = _SOURCES[schema_id, version]
    root = inspect.type_info(source.struct)
    document = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": f"{host}/{schema_id}/{version}",
        "title": schema_id.rpartition(".")[2],
        **_schema(root, source.description),
    }
    return msgspec.json.encode(document, order="sorted")


def _schema(kind: inspect.Type, description: str | None) -> dict[str, Any]:
    """Return the JSON Schema of a type, its members described by `description` if set."""
    match kind:
        case inspect.Metadata(type=inner, extra_json_schema=own):
            return {
                **_schema(inner, description),
                **({"description": description} if description else own or {}),
            }
        case inspect.StructType(fields=members):
            required = [member.encode_name for member in members if member.required]
            return {
                "type": "object",
                "properties": {
                    member.encode_name: _schema(member.type, description)
                    for member in members
                },
                **({"required": required} if required else {}),
                "additionalProperties": False,
            }
        case inspect.DictType():
            # Open, whatever the values: callback parameters may grow.
            return {"type": "object", "additionalProperties": True}
        case inspect.CollectionType(item_type=item):
            return {"type": "array", "items": _schema(item, description)}
        case inspect.StrType() | inspect.IntType() | inspect.FloatType():
            return {"type": _SCALARS[type(kind)]}
        case _:
            raise TypeError(f"no JSON Schema for {kind}")
