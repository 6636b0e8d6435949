"""Calls and call events as the Calls API shows them. Pure (spec call-progress 9, 10)."""

import re
from typing import Any

from trunkline.api.call_operations import CallBody
from trunkline.capture.calls.answers import Answer, Attempt, Problem
from trunkline.capture.calls.call import Call
from trunkline.capture.calls.call_event import CallEvent
from trunkline.capture.calls.parameters import API_VERSION, Parameters
from trunkline.capture.calls.progress import State
from trunkline.events.times import rfc2822


_SUBRESOURCES = {
    "events": "Events",
    "notifications": "Notifications",
    "recordings": "Recordings",
    "payments": "Payments",
    "siprec": "Siprec",
    "streams": "Streams",
    "transcriptions": "Transcriptions",
    "user_defined_messages": "UserDefinedMessages",
    "user_defined_message_subscriptions": "UserDefinedMessageSubscriptions",
}

_NEW_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def call_resource(call: Call) -> CallBody:
    """Return a call's resource. Every value is text, or null where unknown."""
    path = f"/{API_VERSION}/Accounts/{call.account_sid}/Calls/{call.sid}"
    started_ms, ended_ms = call.started_ms, call.ended_ms
    if call.state is not State.COMPLETED:
        ended_ms = None
    duration = None
    if started_ms is not None and ended_ms is not None:
        duration = str(ended_ms // 1000 - started_ms // 1000)
    waited_ms = (call.dialled_ms or call.created_ms) - call.created_ms
    return {
        "sid": call.sid,
        "account_sid": call.account_sid,
        "parent_call_sid": call.parent_call_sid,
        "to": call.to,
        "to_formatted": call.to,
        "from": call.from_,
        "from_formatted": call.from_,
        "status": call.status,
        "direction": call.direction.value,
        "answered_by": call.answered_by,
        "date_created": rfc2822(call.created_ms),
        "date_updated": rfc2822(call.updated_ms),
        "start_time": _time(started_ms),
        "end_time": _time(ended_ms),
        "duration": duration,
        "queue_time": str(max(waited_ms, 0)),
        "phone_number_sid": None,
        "group_sid": None,
        "trunk_sid": None,
        "forwarded_from": call.details.get("ForwardedFrom"),
        "caller_name": call.details.get("CallerName"),
        "annotation": None,
        "price": None,
        "price_unit": "USD",
        "api_version": API_VERSION,
        "uri": f"{path}.json",
        "subresource_uris": {
            name: f"{path}/{file}.json" for name, file in _SUBRESOURCES.items()
        },
    }


def call_event_resource(event: CallEvent) -> dict[str, Any]:
    """Return an item of a call's `Events.json`."""
    item: dict[str, Any] = {
        "request": {
            "method": event.method,
            "url": event.url,
            "parameters": _parameters(event.parameters),
        },
        "response": None if event.answer is None else _response(event.answer),
    }
    problems = [_problem(each) for each in (event.problem, *event.warnings) if each]
    if problems:
        item["error"], *warnings = problems
        item |= {"warnings": warnings} if warnings else {}
    if event.attempts:
        item["attempts"] = [_attempt(attempt) for attempt in event.attempts]
    return item


def snake_case(name: str) -> str:
    """Return a parameter's name in this resource: `CallStatus` is `call_status`."""
    return _NEW_WORD.sub("_", name).lower()


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc2822(at_ms)


def _parameters(parameters: Parameters) -> dict[str, str | list[str]]:
    """Return parameters by name; a list of values where a name was repeated."""
    values: dict[str, list[str]] = {}
    for name, value in parameters:
        values.setdefault(snake_case(name), []).append(value)
    return {name: each[0] if len(each) == 1 else each for name, each in values.items()}


def _response(answer: Answer) -> dict[str, Any]:
    return {
        "response_code": answer.status,
        "request_duration": answer.duration_ms,
        "content_type": answer.content_type,
        "response_body": answer.body.decode("utf-8", errors="replace"),
        "date_created": rfc2822(answer.completed_ms),
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "level": problem.level,
        "message": problem.message,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "date_created": rfc2822(attempt.started_ms),
        "duration": attempt.duration_ms,
        "response_code": attempt.status,
        "code": attempt.code,
    }
