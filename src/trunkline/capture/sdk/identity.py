"""Which call a post belongs to: the decision (spec voice-sdk 6).

Rule 1: every rule about temporary call ids lives in this file.
Rule 2: this file does not read a clock, a socket, or a database.

A browser learns the SID of an outgoing call only when it rings. Posts before that
carry the id it made up itself; they are held until another post tells both.
"""

import msgspec

from trunkline.capture.sdk.post import CallIds, Post


# A call that is over makes no more ids known; this long, late posts may overtake.
OVER_WAIT_MS = 5_000

# Whoever hung up: the last that is heard of a call.
LAST_NAMES = frozenset(
    {
        "disconnected-by-local",
        "disconnected-by-remote",
        "rejected-by-local",
        "ignored-by-local",
        "cancel",
    }
)


class Hold(msgspec.Struct, frozen=True, gc=False):
    """The event waits for its call's SID until then."""

    until_ms: int


Decision = str | Hold
"""The SID or temporary id under which an event goes out at once, or Hold."""


def settled(known_sid: str | None, ids: CallIds) -> str | None:
    """Return `known_sid` where an event goes out under it, whatever else is to know."""
    named = ids.call_sid
    return known_sid if named is None or named == known_sid else None


def join(
    known_sid: str | None,
    ids: CallIds,
    *,
    now_ms: int,
    hold_ms: int,
    over: bool,
) -> Decision:
    """Decide about an event of a call whose SID is `known_sid`, if it is known.

    `ids` are one or both of the call's; a post without makes no event.
    `hold_ms` is how long an event may wait, 0 for not at all; `over` says that the
    call's last event has been seen.
    """
    if ids.call_sid is not None:
        return ids.call_sid
    if ids.temp_call_sid is None:
        raise ValueError("the post names no call")
    if known_sid is not None:
        return known_sid
    if hold_ms == 0:
        return ids.temp_call_sid
    return Hold(now_ms + (min(hold_ms, OVER_WAIT_MS) if over else hold_ms))


def ends_call(post: Post) -> bool:
    """Tell whether a post says that its call is over, or never came to be."""
    return post.group == "connection" and (
        post.name in LAST_NAMES or (post.name == "error" and post.level == "ERROR")
    )
