"""Subscriptions and the types they ask for (spec event-streams 2.3). Pure."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from trunkline.errors import Refused
from trunkline.events.catalogue import EventType, SinkType, Status
from trunkline.streams.descriptions import flaw
from trunkline.streams.routing import Route


MAX_SUBSCRIPTIONS = 100
"""Subscriptions of one account (spec event-streams 2.3)."""

# No schema will ever have a version of more digits.
_DIGITS = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribedEvent:
    """One type of a subscription, in one schema version.

    `rank` is its place in the subscription; events above `from_position` count.
    """

    type: str
    version: int
    rank: int
    from_position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Events of chosen types, to one sink. `events` are in the order of their rank."""

    sid: str
    account_sid: str
    sink_sid: str
    description: str
    created_ms: int
    updated_ms: int
    events: tuple[SubscribedEvent, ...] = ()

    def event(self, event_type: str) -> SubscribedEvent | None:
        """Return the subscribed event of that type."""
        return next((event for event in self.events if event.type == event_type), None)


class Wish(NamedTuple):
    """A type that a request asks for, its version None where any will do."""

    type: str
    version: int | None


class Choice(NamedTuple):
    """A type that a subscription will have."""

    type: str
    version: int


def check_description(description: str) -> None:
    """Raise Refused 91101 for a description that cannot be."""
    wrong = flaw(description)
    if wrong is not None:
        raise _not_created(wrong)


def parse_types(values: Sequence[str]) -> list[Wish]:
    """Return the wishes in the `Types` fields of a form, each a JSON object as text.

    Raises Refused: 20001 where the field is missing or an entry is malformed, 91103
    where there are no entries.
    """
    if not values:
        raise Refused(20001, 400, "Missing required parameter Types")
    if all(value.strip() in {"", "[]"} for value in values):
        raise Refused(91103, 400, "Event type list is empty")
    return [_parse_entry(value, index) for index, value in enumerate(values)]


def parse_version(text: str) -> int:
    """Return the number in a `SchemaVersion` parameter. Raises Refused 20001."""
    version = _version(text)
    if version is None:
        raise Refused(20001, 400, "Invalid value for parameter SchemaVersion")
    return version


def choose_all(
    wishes: Sequence[Wish], sink_type: SinkType, event_types: Mapping[str, EventType]
) -> list[Choice]:
    """Return what a new subscription will have.

    Raises Refused 91101 for a type named twice, else as `choose` for the first wish
    that cannot be granted.
    """
    repeated = [type_ for type_, n in Counter(w.type for w in wishes).items() if n > 1]
    if repeated:
        raise _not_created(f"duplicate type {_shown(repeated[0])}")
    return [choose(wish, sink_type, event_types) for wish in wishes]


def choose(
    wish: Wish, sink_type: SinkType, event_types: Mapping[str, EventType]
) -> Choice:
    """Return the type and version for one wish, the latest where it names none.

    Raises Refused 20409 for a type that is unknown, past its life, without that
    version, or not for that kind of sink.
    """
    row = find_type(wish.type, event_types)
    if row.status is Status.DISCONTINUED:
        raise _blocked("Type is discontinued")
    if not row.status.can_be_subscribed:
        raise _blocked(f"Type {row.type} is {row.status}")
    version = choose_version(row, wish.version)
    if sink_type not in row.sinks:
        raise _blocked(f"Type {row.type} cannot be sent to a {sink_type} sink")
    return Choice(row.type, version)


def find_type(name: str, event_types: Mapping[str, EventType]) -> EventType:
    """Return a row of the catalogue. Raises Refused 20409 for an unknown type."""
    row = event_types.get(name)
    if row is None:
        raise _blocked(f"Type {_shown(name)} not found in the system")
    return row


def choose_version(row: EventType, wanted: int | None) -> int:
    """Return the wanted schema version, the latest for None. Raises Refused 20409."""
    if wanted is None:
        return row.latest
    if wanted not in row.versions:
        raise _blocked(f"Type {row.type} has no schema version {wanted}")
    return wanted


def change(
    subscription: Subscription,
    *,
    opened: Sequence[Choice],
    closed: Collection[str],
    position: int,
) -> Subscription:
    """Return the subscription with some types closed and then others opened.

    Events above `position` count for what is opened. A type that is opened again
    keeps its rank, others come last.
    """
    ranks = {event.type: event.rank for event in subscription.events}
    for choice in opened:
        ranks.setdefault(choice.type, max(ranks.values(), default=-1) + 1)
    kept = [event for event in subscription.events if event.type not in closed]
    added = [
        SubscribedEvent(
            type=choice.type,
            version=choice.version,
            rank=ranks[choice.type],
            from_position=position,
        )
        for choice in opened
    ]
    events = sorted((*kept, *added), key=lambda event: event.rank)
    return replace(subscription, events=tuple(events))


def routes(
    subscription: Subscription, until_position: int | None = None
) -> list[Route]:
    """Return the routes of a subscription, closed at a position if one is given."""
    return [
        Route(
            account_sid=subscription.account_sid,
            type=event.type,
            sink_sid=subscription.sink_sid,
            version=event.version,
            from_position=event.from_position,
            until_position=until_position,
        )
        for event in subscription.events
        if event.from_position != until_position
    ]


def _parse_entry(text: str, index: int) -> Wish:
    try:
        entry = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        entry = None
    event_type = entry.get("type") if isinstance(entry, dict) else None
    if not isinstance(event_type, str) or not event_type:
        raise Refused(
            20001, 400, f"Missing required input parameter event_types[{index}].type"
        )
    given = entry.get("schema_version")
    version = None if given is None else _version(given)
    if given is not None and version is None:
        name = f"event_types[{index}].schema_version"
        raise Refused(20001, 400, f"Invalid value for parameter {name}")
    return Wish(event_type, version)


def _version(given: object) -> int | None:
    """Return the number in an integer or in digits, None where it is neither."""
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    if isinstance(given, str) and _DIGITS.fullmatch(given):
        return int(given)
    return None


def _shown(event_type: str) -> str:
    # An error shows no more of a wrong type than it takes to recognise it.
    return event_type[:200]


def _not_created(reason: str) -> Refused:
    return Refused(91101, 400, f"Subscription could not be created: {reason}")


def _blocked(message: str) -> Refused:
    return Refused(20409, 409, message)
