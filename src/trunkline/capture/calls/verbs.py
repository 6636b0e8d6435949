"""What TwiML can tell a call to do, as far as it shapes legs. Pure.

URLs are absolute, values are checked: this is what the parser makes of a document
(spec call-progress 3).
"""

from enum import StrEnum

import msgspec

from trunkline.capture.calls.callback_config import CallbackConfig


# Seconds: `<Dial timeout>` and `<Dial timeLimit>`, where a document gives none.
RING_LIMIT = 30
TIME_LIMIT = 14_400

# At most so many legs of one `<Dial>`.
MAX_LEGS = 10


class Kind(StrEnum):
    """The nouns of a `<Dial>` that make a leg."""

    NUMBER = "Number"
    SIP = "Sip"
    CLIENT = "Client"


class Noun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A party to dial. `to` is as a call's: a number, `sip:...` or `client:name`."""

    kind: Kind
    to: str
    callback: CallbackConfig | None = None


class Dial(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Dial parties: all at once, or one after another; the first to answer wins.

    `timeout` is each leg's ring limit, `time_limit` how long it may talk (seconds).
    """

    nouns: tuple[Noun, ...]
    action: str | None = None
    method: str = "POST"
    timeout: int = RING_LIMIT
    time_limit: int = TIME_LIMIT
    caller_id: str | None = None
    sequential: bool = False


class Hangup(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """End the call."""


class Reject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Refuse the call. One that was answered is ended."""

    busy: bool = False


class Redirect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Go on with another document."""

    url: str
    method: str = "POST"


class Pause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Wait that many seconds."""

    length: int = 1


class Perform(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Something to be heard or done that changes no leg: it takes a step, no more."""

    verb: str


Verb = Dial | Hangup | Reject | Redirect | Pause | Perform
