"""Bodies of our own API: forms, and JSON objects with the same names."""

from collections.abc import Iterator

import msgspec
from starlette.requests import Request

from trunkline.api.forms import Form, parse_form, read_body, read_form
from trunkline.errors import Refused


_JSON = "application/json"


async def read_fields(request: Request) -> Form:
    """Return the fields of a request's form or JSON object.

    Raises Refused: 20413 (413) for a body over the limit, 20001 (400) for one that
    cannot be read.
    """
    kind = request.headers.get("content-type", "").partition(";")[0]
    if kind.strip().lower() != _JSON:
        return await read_form(request)
    body = await read_body(request)
    try:
        given = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(20001, 400, "The request body is not valid JSON") from None
    if not isinstance(given, dict):
        raise Refused(20001, 400, "The request body is not a JSON object")
    return Form(
        (name, text) for name, value in given.items() for text in _texts(name, value)
    )


def read_query(request: Request) -> Form:
    """Return the fields of a request's query. Raises Refused 20001."""
    return parse_form(request.scope["query_string"])


def _texts(name: str, value: object) -> Iterator[str]:
    match value:
        case None:
            return
        case list():
            for item in value:
                if isinstance(item, list):
                    raise _invalid(name)
                yield from _texts(name, item)
        case bool():
            yield "true" if value else "false"
        case str() | int() | float():
            yield str(value)
        case _:
            raise _invalid(name)


def _invalid(name: str) -> Refused:
    return Refused(20001, 400, f"Invalid value for parameter {name[:100]}")
