"""Places of addresses, out of an MMDB file of the operator (spec voice-sdk 8.2)."""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import maxminddb
import structlog
from msgspec import UNSET, UnsetType

from trunkline.capture.sdk.mapping import NOWHERE, Place
from trunkline.clock import Clock
from trunkline.events.call_event import Location


# How often the file is looked at for a change, in seconds.
LOOK_EVERY_S = 5.0

# Places remembered: a client keeps its address for a call, and mostly for longer.
_REMEMBERED = 10_000

_LONGEST = 128

_logger = structlog.get_logger("sdk")

_Stamp = tuple[int, int, int]

_UNSEEN: _Stamp = (-1, -1, -1)
_MISSING: _Stamp = (0, 0, 0)


class GeoFile:
    """Looks places up. `run` re-reads the file when it changes, until cancelled.

    A file that is missing or broken counts as none, and the log says so.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _UNSEEN
        self._reader: maxminddb.Reader | None = None
        self._listeners: list[Callable[[], None]] = []
        self.place = lru_cache(_REMEMBERED)(self._find)
        self.refresh()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Tell `listener` that places that were looked up may be others now."""
        self._listeners.append(listener)

    async def run(self, clock: Clock) -> None:
        """Take up a new file within seconds; close it in the end."""
        try:
            while True:
                await clock.sleep(LOOK_EVERY_S)
                self.refresh()
        finally:
            self.close()

    def close(self) -> None:
        """Know no places any more."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self.place.cache_clear()

    def refresh(self) -> None:
        """Open the file anew if it is another one, or has been written."""
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        reader = None
        try:
            # Neither mapped nor held in memory: whoever overwrites the file does no
            # harm, and one look per client reads a few dozen small pieces.
            reader = maxminddb.open_database(self._path, maxminddb.MODE_FILE)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            _logger.error("sdk_geo_unusable", path=str(self._path), error=str(error))
        self.close()
        self._reader = reader
        for listener in self._listeners:
            listener()

    def _look(self) -> _Stamp:
        try:
            found = self._path.stat()
        except OSError:
            return _MISSING
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _find(self, address: str) -> Place:
        if self._reader is None:
            return NOWHERE
        try:
            if not ip_address(address).is_global:
                return NOWHERE
            return _place(self._reader.get(address))
        except (OSError, ValueError, maxminddb.InvalidDatabaseError):
            # No address, of another version than the file's, or a broken entry.
            return NOWHERE


def _place(entry: object) -> Place:
    record = _member(entry)
    subdivisions = record.get("subdivisions")
    first = subdivisions[0] if isinstance(subdivisions, list) and subdivisions else None
    return Place(
        location=_location(_member(record.get("location"))),
        city=_text(_member(_member(record.get("city")).get("names")).get("en")),
        country_code=_text(_member(record.get("country")).get("iso_code")),
        country_subdivision=_text(_member(first).get("iso_code")),
    )


def _location(location: Mapping[str, Any]) -> Location | UnsetType:
    lat, lon = location.get("latitude"), location.get("longitude")
    if not isinstance(lat, int | float) or not isinstance(lon, int | float):
        return UNSET
    if not (math.isfinite(lat) and math.isfinite(lon)):
        return UNSET
    return Location(lat=lat, lon=lon)


def _member(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""
