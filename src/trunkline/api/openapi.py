"""The OpenAPI 3.1 document of the whole HTTP surface, made from the routes.

Each operation's part comes from its declaration (see `operations`), the schemas from
the structs that are sent.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from trunkline import __version__
from trunkline.api.errors import ErrorBody
from trunkline.api.operations import (
    Handler,
    Operation,
    Parameter,
    operation,
    operations,
)


PATH = "/openapi.json"

_REF = "#/components/schemas/{name}"
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"

_PART = re.compile(r"{(\w+)(:\w+)?}")

_PHRASES = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No content",
    400: "A parameter is missing or wrong",
    401: "Credentials are missing or wrong",
    403: "The account is suspended, or the credentials do not permit this",
    404: "There is no such object",
    408: "The body did not come in time",
    409: "The state of the account or of another object is in the way",
    413: "The body is too large",
    415: "The body is of no type that is understood",
    429: "Too many requests",
    503: "The disk did not keep the write, or the server is not ready",
}


def route(
    routes: Iterable[BaseRoute], gateway: Mapping[tuple[str, str], Operation]
) -> Route:
    """Return the route of the document on these routes and on itself.

    `gateway` are operations, by method and path, that no route leads to.
    """
    known = list(routes)

    @operation(
        "Fetch this document",
        answers={200: dict[str, object]},
        public=True,
    )
    async def fetch(_request: Request) -> Response:
        return Response(document, media_type=_JSON)

    own = Route(PATH, fetch)
    document = msgspec.json.encode(describe([*known, own], gateway))
    return own


def describe(
    routes: Iterable[BaseRoute], gateway: Mapping[tuple[str, str], Operation]
) -> dict[str, Any]:
    """Return the document. Undeclared operations are left out."""
    found = [
        (path, method, _tag(handler), declared)
        for path, method, handler, declared in operations(routes)
        if declared is not None
    ]
    found += [
        (path, method, "voice_sdk", declared)
        for (method, path), declared in gateway.items()
    ]
    schemas = _Schemas(declared for *_, declared in found)
    paths: dict[str, dict[str, Any]] = {}
    for path, method, tag, declared in found:
        item = paths.setdefault(_PART.sub(r"{\1}", path), {})
        item[method.lower()] = _operation(path, method, tag, declared, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Trunkline",
            "version": __version__,
            "description": "Open, self-hosted Event Streams for voice.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "An account's SID and auth token, or an API key's "
                    "SID and secret.",
                },
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-Twilio-Signature",
                    "description": "Signature of the URL, the body's SHA-256 in it, by "
                    "the account's auth token.",
                },
            },
        },
    }


class _Schemas:
    """JSON Schemas of all types that operations name."""

    def __init__(self, declared: Iterable[Operation]) -> None:
        types: list[Any] = [ErrorBody]
        for each in declared:
            given = (*each.query, *each.form, *each.headers)
            types += [parameter.type for parameter in given]
            types += [kind for kind in each.answers.values() if kind is not None]
            types += [kind for kind in (each.body, each.error) if kind is not None]
        schemas, self.components = msgspec.json.schema_components(
            types, ref_template=_REF, schema_hook=_anything
        )
        # Kept by identity beside the type itself: annotations may be equal, not same.
        self._schemas = {
            id(kind): (kind, schema)
            for kind, schema in zip(types, schemas, strict=True)
        }

    def of(self, kind: Any) -> dict[str, Any]:
        """Return the schema of a type."""
        return self._schemas[id(kind)][1]


def _operation(
    path: str, method: str, tag: str, declared: Operation, schemas: _Schemas
) -> dict[str, Any]:
    names = [name for name, _ in _PART.findall(path)]
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
    parameters += [
        {
            "name": each.name,
            "in": place,
            "required": each.required,
            "description": each.about,
            "schema": schemas.of(each.type),
        }
        for place, given in (("query", declared.query), ("header", declared.headers))
        for each in given
    ]
    words = re.findall(r"[A-Za-z0-9]+", path)
    made: dict[str, Any] = {
        "operationId": method.lower() + "".join(w[0].upper() + w[1:] for w in words),
        "summary": declared.summary,
        "tags": [tag],
        "security": [] if declared.public else [{"basic": []}],
    }
    if declared.signed:
        made["security"].append({"signature": []})
    if parameters:
        made["parameters"] = parameters
    if declared.form:
        form = _form(declared.form, schemas)
        made["requestBody"] = {"content": {_FORM: {"schema": form}}}
    elif declared.body is not None:
        schema = schemas.of(declared.body)
        content = {kind: {"schema": schema} for kind in declared.body_types}
        made["requestBody"] = {"content": content, "required": True}
    made["responses"] = _responses(method, declared, schemas)
    return made


def _form(parameters: Iterable[Parameter], schemas: _Schemas) -> dict[str, Any]:
    parameters = list(parameters)
    required = [each.name for each in parameters if each.required]
    return {
        "type": "object",
        "properties": {
            each.name: {**schemas.of(each.type), "description": each.about}
            for each in parameters
        },
        **({"required": required} if required else {}),
    }


def _responses(
    method: str, declared: Operation, schemas: _Schemas
) -> dict[str, dict[str, Any]]:
    responses: dict[str, dict[str, Any]] = {}
    for status, kind in declared.answers.items():
        responses[str(status)] = {"description": _PHRASES[status]}
        if kind is not None:
            content = {declared.media_type: {"schema": schemas.of(kind)}}
            responses[str(status)]["content"] = content
    error = {_JSON: {"schema": schemas.of(declared.error or ErrorBody)}}
    for status in sorted(_errors(method, declared)):
        responses[str(status)] = {"description": _PHRASES[status], "content": error}
    return responses


def _errors(method: str, declared: Operation) -> set[int]:
    """Return the statuses of all errors that an operation may answer."""
    return {
        *declared.errors,
        *(() if declared.public else (401, 403)),
        *((400, 408, 413) if declared.form else ()),
        *((400,) if declared.query else ()),
        *(() if method == "GET" else (503,)),
    } - set(declared.answers)


def _anything(kind: type) -> dict[str, Any]:
    """Return the schema of a type that msgspec knows none of."""
    if kind is not object:
        raise NotImplementedError(f"no JSON Schema for {kind}")
    return {"description": "Anything."}


def _tag(handler: Handler) -> str:
    return handler.__module__.rpartition(".")[2]
