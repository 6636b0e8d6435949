"""What a declaration becomes in the document."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from trunkline.api.openapi import describe
from trunkline.api.operations import Operation, Parameter, Resource, operation


class Thing(msgspec.Struct, frozen=True):
    """A thing."""

    name: str
    size: int | None = None


@operation(
    "Make a thing",
    query=(Parameter(name="Dry", about="Do not.", type=bool),),
    form=(
        Parameter(name="Name", about="Its name.", required=True),
        Parameter(name="Size", about="Its size.", type=Annotated[int, Meta(ge=1)]),
    ),
    answers={201: Thing},
    errors=(409,),
)
async def make(_request: Request) -> Response:
    return Response()


@operation("Fetch a thing", answers={200: Thing}, public=True)
async def fetch(_request: Request) -> Response:
    return Response()


async def undeclared(_request: Request) -> Response:
    return Response()


def described(*routes: Any) -> dict[str, Any]:
    paths: dict[str, Any] = describe(routes, {})["paths"]
    return paths


def test_each_method_of_a_path_is_an_operation() -> None:
    paths = described(Resource("/Things/{sid}", {"GET": fetch, "POST": make}))

    assert set(paths) == {"/Things/{sid}"}
    assert set(paths["/Things/{sid}"]) == {"get", "post"}
    assert paths["/Things/{sid}"]["get"]["operationId"] == "getThingsSid"


def test_query_and_form_are_described() -> None:
    made = described(Resource("/Things", {"POST": make}))["/Things"]["post"]

    assert made["parameters"] == [
        {
            "name": "Dry",
            "in": "query",
            "required": False,
            "description": "Do not.",
            "schema": {"type": "boolean"},
        }
    ]
    [form] = made["requestBody"]["content"].values()
    assert form["schema"] == {
        "type": "object",
        "properties": {
            "Name": {"type": "string", "description": "Its name."},
            "Size": {"type": "integer", "minimum": 1, "description": "Its size."},
        },
        "required": ["Name"],
    }


def test_an_operation_has_the_errors_that_its_kind_can_answer() -> None:
    paths = described(Resource("/Things", {"GET": fetch, "POST": make}))["/Things"]

    assert set(paths["get"]["responses"]) == {"200"}
    assert set(paths["post"]["responses"]) == {
        "201",
        "400",
        "401",
        "403",
        "408",
        "409",
        "413",
        "503",
    }
    assert (paths["get"]["security"], paths["post"]["security"]) == (
        [],
        [{"basic": []}],
    )


def test_a_body_is_described_once_under_its_name() -> None:
    document = describe([Resource("/Things", {"GET": fetch, "POST": make})], {})

    assert document["components"]["schemas"]["Thing"] == {
        "title": "Thing",
        "description": "A thing.",
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "size": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
        },
        "required": ["name"],
    }


def test_mounted_and_typed_paths_are_found() -> None:
    inner = Route("/{name:path}", fetch)

    assert set(described(Mount("/files", routes=[inner]))) == {"/files/{name}"}


def test_what_is_not_declared_is_left_out() -> None:
    assert described(Route("/x", undeclared)) == {}


def test_what_no_route_leads_to_can_be_described() -> None:
    posted = Operation(
        summary="Post",
        body=dict[str, object],
        headers=(Parameter(name="X-Token", about="Whose it is.", required=True),),
        answers={200: None},
        public=True,
    )
    document = describe([], {("POST", "/v4/Posts"): posted})

    made = document["paths"]["/v4/Posts"]["post"]
    assert made["requestBody"]["required"] is True
    assert [(p["in"], p["name"]) for p in made["parameters"]] == [("header", "X-Token")]
    assert set(made["responses"]) == {"200", "503"}
    assert "content" not in made["responses"]["200"]
