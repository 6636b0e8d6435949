"""Call events: the requests of a call's life, each with its answer. Pure.

What a settled callback leaves behind is a call event for `Events.json`, and two
Event Streams events: the current type and its deprecated twin (spec 10, 11).
"""

from base64 import b64encode

import msgspec
from msgspec.structs import replace

from trunkline.capture.calls import targets
from trunkline.capture.calls.answers import Answer, Attempt, Outcome, Problem
from trunkline.capture.calls.callback import Callback, CallRequest
from trunkline.capture.calls.parameters import Parameters
from trunkline.events import catalogue
from trunkline.events.envelope import Event
from trunkline.events.times import iso_ms, rfc2822
from trunkline.events.webhook_event import (
    CallbackRequest,
    CallbackResponse,
    WebhookEvent,
    encode,
)


class CallEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One HTTP request in a call's life. `url` is fit to be shown.

    `warnings` are about the TwiML that came with it; `attempts` are told where there
    was more than one, or a failure.
    """

    method: str
    url: str
    parameters: Parameters
    answer: Answer | None = None
    problem: Problem | None = None
    warnings: tuple[Problem, ...] = ()
    attempts: tuple[Attempt, ...] = ()


def call_event(request: CallRequest, outcome: Outcome) -> CallEvent:
    """Return the record of a settled request."""
    failed = len(outcome.attempts) > 1 or outcome.attempts[-1].code is not None
    return CallEvent(
        method=request.method,
        url=targets.shown(request.url),
        parameters=request.parameters,
        answer=outcome.answer,
        problem=outcome.problem,
        attempts=outcome.attempts if failed else (),
    )


def stream_events(callback: Callback, outcome: Outcome) -> tuple[Event, Event]:
    """Return the event of a settled callback, and its deprecated twin."""
    data = WebhookEvent(
        sid=callback.call_sid,
        request_date_created=rfc2822(outcome.attempts[0].started_ms),
        timestamp=iso_ms(callback.fired_ms),
        event_sid=callback.event_sid,
        request=CallbackRequest(
            method=callback.method,
            url=targets.shown(callback.url),
            parameters=dict(callback.parameters),
        ),
        response=_response(outcome.answer) if outcome.answer else msgspec.UNSET,
    )
    event = Event(
        id=callback.event_sid,
        account_sid=callback.account_sid,
        type=catalogue.progress_type(callback.progress),
        source=f"/2010-04-01/Accounts/{callback.account_sid}/Calls/{callback.call_sid}.json",
        time=iso_ms(callback.fired_ms),
        call_sid=callback.call_sid,
        data=encode(data),
    )
    twin = replace(
        event,
        id=callback.twin_event_sid,
        type=catalogue.deprecated_progress_type(callback.progress),
        data=encode(replace(data, event_sid=callback.twin_event_sid)),
    )
    return event, twin


def _response(answer: Answer) -> CallbackResponse:
    return CallbackResponse(
        response_code=answer.status,
        request_duration=answer.duration_ms,
        content_type=answer.content_type,
        response_body=b64encode(answer.body).decode("ascii"),
        date_created=rfc2822(answer.completed_ms),
    )
