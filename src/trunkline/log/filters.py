"""What a search in the log, or among dead letters, asks for. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Events of one account: of these types, of a call, accepted in a span of time.

    No type named: any. `call_ids` are the ids by which the call is known; none: any
    call or none. `from_ms` counts, `to_ms` is the first that does not.
    """

    account_sid: str
    types: tuple[str, ...] = ()
    call_ids: tuple[str, ...] = ()
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter(Filter):
    """Dead letters of one account; the span of time is that of their last attempts."""

    sink_sid: str | None = None
    code: int | None = None
