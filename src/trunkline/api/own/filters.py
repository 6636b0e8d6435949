"""The filters that lists, replays and redeliveries share."""

import re
from typing import NamedTuple

from trunkline.api.forms import Form
from trunkline.api.operations import Parameter
from trunkline.errors import Refused
from trunkline.events import catalogue
from trunkline.events.ids import canonical, is_sid
from trunkline.events.times import parse_iso


TYPES = Parameter(name="Types", about="Event types, comma-separated or repeated.")
CALL_SID = Parameter(
    name="CallSid", about="A call, by its SID or the Voice SDK's temporary id."
)
FROM = Parameter(name="From", about="ISO 8601; what happened at that time counts.")
TO = Parameter(name="To", about="ISO 8601; what happened at that time does not.")
SINK_SID = Parameter(name="SinkSid", about="A sink.")
TO_SINK = Parameter(name="SinkSid", about="The sink.", required=True)
CODE = Parameter(name="Code", about="A delivery code, e.g. 91305.", type=int)

_KNOWN = {*catalogue.EVENT_TYPES, catalogue.TEST_EVENT_TYPE}

# No id of a call is longer.
_MAX_ID = 100

_CODE = re.compile(r"\d{1,9}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Given(NamedTuple):
    """The filters of a request, checked."""

    types: tuple[str, ...]
    call_id: str | None
    from_ms: int | None
    to_ms: int | None


def given(form: Form) -> Given:
    """Return `Types`, `CallSid`, `From` and `To`. Raises Refused 20001, naming one."""
    call_id = form.one("CallSid") or None
    if call_id is not None and len(call_id) > _MAX_ID:
        raise invalid("CallSid")
    return Given(_types(form), call_id, _time(form, "From"), _time(form, "To"))


def code(form: Form) -> int | None:
    """Return `Code`. Raises Refused 20001."""
    text = form.one("Code")
    if not text:
        return None
    if not _CODE.fullmatch(text):
        raise invalid("Code")
    return int(text)


def sink_sid(form: Form) -> str | None:
    """Return `SinkSid`. Raises Refused 91006."""
    sid = form.one("SinkSid")
    if not sid:
        return None
    if not is_sid(sid, "DG"):
        raise Refused(91006, 400, f"Invalid sink SID {sid[:100]}")
    return canonical(sid)


def invalid(name: str) -> Refused:
    """Return the error for a parameter's value."""
    return Refused(20001, 400, f"Invalid value for parameter {name}")


def _types(form: Form) -> tuple[str, ...]:
    words = (word.strip() for text in form.all("Types") for word in text.split(","))
    types = tuple(dict.fromkeys(word for word in words if word))
    if not _KNOWN.issuperset(types):
        raise invalid("Types")
    return types


def _time(form: Form, name: str) -> int | None:
    text = form.one(name)
    if not text:
        return None
    at_ms = parse_iso(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text)
    if at_ms is None:
        raise invalid(name)
    return at_ms
