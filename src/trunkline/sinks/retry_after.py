"""`Retry-After`: how long a sink asks us to wait (RFC 9110 10.2.3). Pure."""

from datetime import UTC
from email.utils import parsedate_to_datetime


#: A wish for longer is cut to an hour (spec event-streams 7).
LONGEST_MS = 3_600_000

_LONGEST_TEXT = 64


def retry_after_ms(value: str | None, now_ms: int) -> int | None:
    """Return the wait that a header asks for, in milliseconds from now.

    The value is seconds or an HTTP date; None if it is missing or neither.
    """
    text = (value or "").strip()
    if not text or len(text) > _LONGEST_TEXT:
        return None
    if text.isascii() and text.isdecimal():
        wait_ms = int(text) * 1000
    else:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        wait_ms = round(date.timestamp() * 1000) - now_ms
    return min(max(wait_ms, 0), LONGEST_MS)
