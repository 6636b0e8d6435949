"""What the operations of the Calls API take and give (spec call-progress 2, 9, 10)."""

from typing import Annotated, Any, TypedDict

from msgspec import Meta

from trunkline.api.operations import Parameter, operation


CallBody = TypedDict(
    "CallBody",
    {
        "sid": str,
        "account_sid": str,
        "parent_call_sid": str | None,
        "to": str,
        "to_formatted": str,
        "from": str,
        "from_formatted": str,
        "status": str,
        "direction": str,
        "answered_by": str | None,
        "date_created": str,
        "date_updated": str,
        "start_time": str | None,
        "end_time": str | None,
        "duration": str | None,
        "queue_time": str,
        "phone_number_sid": str | None,
        "group_sid": str | None,
        "trunk_sid": str | None,
        "forwarded_from": str | None,
        "caller_name": str | None,
        "annotation": str | None,
        "price": str | None,
        "price_unit": str,
        "api_version": str,
        "uri": str,
        "subresource_uris": dict[str, str],
    },
)
"""A call. Every value is text, or null where unknown."""


class Page(TypedDict):
    """Where a page is in its list."""

    first_page_uri: str
    next_page_uri: str | None
    previous_page_uri: str | None
    uri: str
    page: int
    page_size: int
    start: int
    end: int


class CallPage(Page):
    """A page of calls."""

    calls: list[CallBody]


class CallEventPage(Page):
    """A page of the requests of a call's life, each with its answer."""

    events: list[dict[str, Any]]


def _optional(about: str, *names: str, kind: Any = str) -> tuple[Parameter, ...]:
    return tuple(Parameter(name=name, about=about, type=kind) for name in names)


_PAGING = (
    *_optional(
        "Items of a page.", "PageSize", kind=Annotated[int, Meta(ge=1, le=1000)]
    ),
    *_optional("Number of the page.", "Page", kind=Annotated[int, Meta(ge=0)]),
)
_CALLBACK = (
    *_optional("Where progress is reported.", "StatusCallback"),
    *_optional("GET or POST.", "StatusCallbackMethod"),
)

CREATE = operation(
    "Make a call",
    form=(
        Parameter(name="To", about="Number or address to call.", required=True),
        Parameter(name="From", about="Number or address of ours.", required=True),
        *_optional("Where the call's TwiML is fetched.", "Url", "FallbackUrl"),
        *_optional("GET or POST.", "Method", "FallbackMethod"),
        *_optional("The call's TwiML itself.", "Twiml"),
        *_optional("An application; none is known yet.", "ApplicationSid"),
        *_optional("Seconds of ringing at most.", "Timeout", kind=int),
        *_CALLBACK,
        *_optional(
            "Repeated: initiated, ringing, answered, completed.",
            "StatusCallbackEvent",
            kind=list[str],
        ),
    ),
    answers={201: CallBody},
    errors=(404,),
)
FIND = operation(
    "List calls, newest first",
    query=(
        *_optional("Only calls with this value.", "To", "From"),
        *_optional("Only legs of this call.", "ParentCallSid"),
        *_optional("Only calls of this status.", "Status"),
        *(
            each
            for name in ("StartTime", "EndTime")
            for each in _optional(
                "A date, or a date and time; `<` up to it, `>` from it on.",
                name,
                f"{name}<",
                f"{name}>",
            )
        ),
        *_PAGING,
    ),
    answers={200: CallPage},
    errors=(404,),
)
FETCH = operation("Fetch a call", answers={200: CallBody}, errors=(404,))
UPDATE = operation(
    "Cancel or end a call, or change its instructions or callback",
    form=(
        *_optional("canceled or completed.", "Status"),
        *_optional("Where new TwiML is fetched.", "Url", "FallbackUrl"),
        *_optional("GET or POST.", "Method", "FallbackMethod"),
        *_optional("New TwiML itself.", "Twiml"),
        *_CALLBACK,
    ),
    answers={200: CallBody},
    errors=(404,),
)
DELETE = operation("Delete a call that is over", answers={204: None}, errors=(400, 404))
EVENTS = operation(
    "List the requests of a call's life",
    query=_PAGING,
    answers={200: CallEventPage},
    errors=(404,),
)
