"""Where a call is in its instructions. Stored with the call, so that a crash only repeats.

A script is in one of three states: its next document is being fetched (`source`), a
`<Dial>` is under way (`dialling`), or the next verb waits for its time (`due_ms`).
"""

import msgspec

from trunkline.capture.calls.verbs import Dial, Verb


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document to fetch. `extra` are parameters beyond the call's own.

    `fallback`: it stands in for one that could not be had.
    """

    url: str
    method: str = "POST"
    extra: tuple[tuple[str, str], ...] = ()
    fallback: bool = False


class Dialling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A `<Dial>` under way: the SIDs of its legs so far, and which was answered first."""

    dial: Dial
    legs: tuple[str, ...] = ()
    winner: str | None = None


class Script(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a call has still to do: `verbs`, after what is under way.

    `step` grows with every change: whoever changes a script names the step that he
    saw. `fetched` counts documents.
    """

    step: int = 0
    fetched: int = 0
    verbs: tuple[Verb, ...] = ()
    source: Source | None = None
    dialling: Dialling | None = None
    due_ms: int | None = None
