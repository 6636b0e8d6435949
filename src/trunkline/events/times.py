"""Times as the wire shows them. Inside, a time is milliseconds since 1970 (UTC)."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache


# The first and the last millisecond that can be written: years 1 to 9999.
EARLIEST_MS = -62_135_596_800_000
LATEST_MS = 253_402_300_799_999

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):?([0-5]\d))",
    re.ASCII,
)


# What comes after the seconds: to look it up costs a tenth of formatting or parsing it.
_ENDS = tuple(f".{millisecond:03d}Z" for millisecond in range(1000))
_MILLISECONDS = {end: millisecond for millisecond, end in enumerate(_ENDS)}


@lru_cache(maxsize=64)
def _iso_second(second: int) -> str:
    # Not strftime: it writes the year 999 with three digits.
    return datetime.fromtimestamp(second, UTC).replace(tzinfo=None).isoformat()


def iso_ms(at_ms: int) -> str:
    """Return ISO 8601 with milliseconds, e.g. `2026-01-30T20:00:00.123Z`."""
    second, millisecond = divmod(at_ms, 1000)
    return _iso_second(second) + _ENDS[millisecond]


def iso_seconds(at_ms: int) -> str:
    """Return ISO 8601 in whole seconds, e.g. `2026-01-30T20:00:00Z`."""
    return _iso_second(at_ms // 1000) + "Z"


def rfc2822(at_ms: int) -> str:
    """Return RFC 2822 with `+0000`, e.g. `Fri, 30 Jan 2026 20:00:00 +0000`."""
    return _rfc2822_second(at_ms // 1000)


@lru_cache(maxsize=64)
def _rfc2822_second(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC))


def parse_iso(text: str) -> int | None:
    """Return the time of an ISO 8601 text with zone, `None` if it is no such text."""
    # The form that JavaScript and we ourselves write, a second of which comes often.
    millisecond = _MILLISECONDS.get(text[19:])
    if millisecond is None:
        return _parse_any(text)
    second = _parse_second(text[:19])
    return None if second is None else second * 1000 + millisecond


@lru_cache(maxsize=256)
def _parse_second(text: str) -> int | None:
    whole = _parse_any(text + "Z")
    return None if whole is None else whole // 1000


def _parse_any(text: str) -> int | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    *date_and_time, fraction, sign, hours, minutes = match.groups()
    try:
        at = datetime(*map(int, date_and_time), tzinfo=UTC)  # type: ignore[misc,arg-type]
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            at = at - offset if sign == "+" else at + offset
    except (ValueError, OverflowError):
        return None
    millisecond = int((fraction or "0").ljust(3, "0")[:3])
    return int(at.timestamp()) * 1000 + millisecond
