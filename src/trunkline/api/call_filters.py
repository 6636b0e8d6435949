"""Filters of the list of calls (spec call-progress 9)."""

import re
from collections.abc import Mapping

from trunkline.capture.calls.call import CallFilters
from trunkline.capture.calls.progress import State
from trunkline.errors import Refused
from trunkline.events.times import parse_iso


_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DAY_MS = 86_400_000
_SECOND_MS = 1000

_STATUSES = frozenset(State) - {State.INITIATED}


def filters_of(query: Mapping[str, str]) -> CallFilters:
    """Return the filters of a query. Raises Refused 20001.

    A time is a date, or a date and time with zone. Alone it means that very day or
    second; `<` is up to and with it, `>` from it on.
    """
    status = query.get("Status") or None
    if status is not None and status not in _STATUSES:
        raise Refused(20001, 400, "Invalid value for parameter Status")
    started_from, started_before = _times(query, "StartTime")
    ended_from, ended_before = _times(query, "EndTime")
    return CallFilters(
        to=query.get("To") or None,
        from_=query.get("From") or None,
        parent_call_sid=query.get("ParentCallSid") or None,
        status=status,
        started_from=started_from,
        started_before=started_before,
        ended_from=ended_from,
        ended_before=ended_before,
    )


def _times(query: Mapping[str, str], name: str) -> tuple[int | None, int | None]:
    exact = _span(query, name)
    if exact is not None:
        return exact
    since, until = _span(query, f"{name}>"), _span(query, f"{name}<")
    return since and since[0], until and until[1]


def _span(query: Mapping[str, str], name: str) -> tuple[int, int] | None:
    """Return the first millisecond of a time, and the first one after it."""
    value = query.get(name)
    if not value:
        return None
    is_date = _DATE.fullmatch(value) is not None
    start = parse_iso(f"{value}T00:00:00Z" if is_date else value)
    if start is None:
        raise Refused(20001, 400, f"Invalid value for parameter {name}")
    return start, start + (_DAY_MS if is_date else _SECOND_MS)
