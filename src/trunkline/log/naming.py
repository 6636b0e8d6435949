"""Ids of the events that the log names itself, which tell their positions.

Of an id that tells where its event is no index has to be kept. Such an id is a SID like
all others (`events.ids`): its first twelve digits are the time, in milliseconds, that
its event was accepted. Of what is random elsewhere, twelve more are the position, and
eight are drawn for each commit: so no two logs give the same id, nor one that gives a
position again because a commit was undone; and nobody can foretell one.
"""

import os
from collections.abc import Iterable

from msgspec.structs import force_setattr

from trunkline.events.envelope import Event
from trunkline.events.ids import is_sid


_PREFIX = "EZ"
_POSITION = slice(14, 26)


def name_all(events: Iterable[Event], accepted_ms: int, first: int) -> list[int]:
    """Give those an id that have none, the first of all at position `first`.

    Nobody else has seen them yet. Returns 1 for each that was named, 0 for the others.
    """
    named, start, mark = [], f"{_PREFIX}{accepted_ms:012x}", os.urandom(4).hex()
    for position, event in enumerate(events, first):
        if event.id:
            named.append(0)
        else:
            # A format of twelve digits takes five times as long.
            digits = position.to_bytes(6, "big").hex()
            force_setattr(event, "id", start + digits + mark)
            named.append(1)
    return named


def position_told(event_id: str) -> int:
    """Return the position that an id tells, 0 if none.

    Ids from elsewhere may look alike: whether the event there has this id shows only
    when it is read.
    """
    return int(event_id[_POSITION], 16) if is_sid(event_id, _PREFIX) else 0


def positions_told(event_ids: Iterable[str]) -> list[int]:
    """Return the positions that some ids tell."""
    return [position for id_ in event_ids if (position := position_told(id_))]
