"""What an operation takes and gives, declared beside its handler.

`openapi` makes the document at `/openapi.json` of these declarations and of the
routes. Bodies are declared by the very structs that are sent.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route


Handler = Callable[[Request], Awaitable[Response]]

Declared = TypeVar("Declared", bound=Callable[..., Any])

_ATTRIBUTE = "operation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a query, a form or a head. `type` is what msgspec makes a schema of."""

    name: str
    about: str
    type: Any = str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    `answers` gives the body's type for each status of success, None for no body, and
    `errors` the statuses of the error shape beyond those that any operation may
    answer, `error` its type where it is not ours. `public` operations need no
    credentials; those that are `signed` take a signature in their place. `body` is the
    type of a JSON body, `body_types` are the content types that it may have.
    """

    summary: str
    query: tuple[Parameter, ...] = ()
    form: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    body: Any = None
    body_types: tuple[str, ...] = ("application/json",)
    answers: Mapping[int, Any] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    error: Any = None
    public: bool = False
    signed: bool = False
    media_type: str = "application/json"


def operation(summary: str, **declared: Any) -> Callable[[Declared], Declared]:
    """Declare the operation that a handler carries out."""

    def declare(handler: Declared) -> Declared:
        handler.__dict__[_ATTRIBUTE] = Operation(summary=summary, **declared)
        return handler

    return declare


class Resource(Route):
    """The route of a path: one handler for each method."""

    def __init__(self, path: str, handlers: Mapping[str, Handler]) -> None:
        self.handlers = dict(handlers)
        super().__init__(path, self._handle, methods=list(handlers))

    async def _handle(self, request: Request) -> Response:
        # A HEAD is a GET whose body the server leaves out.
        method = "GET" if request.method == "HEAD" else request.method
        return await self.handlers[method](request)


def operations(
    routes: Iterable[BaseRoute], prefix: str = ""
) -> Iterable[tuple[str, str, Handler, Operation | None]]:
    """Yield path, method, handler and declaration of all that the routes lead to.

    The declaration is None where a handler has none, which no handler should: then
    the document would not have it.
    """
    for route in routes:
        if isinstance(route, Mount):
            yield from operations(route.routes, prefix + route.path)
        elif isinstance(route, Route):
            handlers = (
                route.handlers
                if isinstance(route, Resource)
                else dict.fromkeys(
                    (route.methods or {"GET"}) - {"HEAD"}, route.endpoint
                )
            )
            for method, handler in handlers.items():
                declared = getattr(handler, _ATTRIBUTE, None)
                yield prefix + route.path, method, handler, declared


def json_answer(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a struct, or with a dictionary of them."""
    encoded = msgspec.json.encode(body)
    return Response(encoded, status, headers, media_type="application/json")
