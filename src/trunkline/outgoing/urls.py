"""URLs as they go on the wire: split into where to connect and what to ask for. Pure."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal


DEFAULT_PORTS = {"http": 80, "https": 443}

_LONGEST_NAME = 253  # without a trailing dot (RFC 1035)
_LAST_PORT = 65_535

_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^\x00-\x20\x7f/?#@:\[\]%<>\\^`{|}\"]+)"
    r"(?::(?P<port>[0-9]{1,10})?)?",
    re.ASCII | re.IGNORECASE,
)
_BROKEN = re.compile(r"[\x00-\x20\x7f#]")


class InvalidUrl(ValueError):
    """A URL that no request can be sent to; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where a URL is served: what is dialled, and what the server hears of it.

    Compared by identity, which is cheap: `origin` hands out the same one again.
    """

    scheme: Literal["http", "https"]
    host: str  # ASCII; an IPv6 address without its brackets
    port: int
    authority: str  # the `Host` header: port only if it is not the scheme's own

    @property
    def server_name(self) -> str:
        """The name a certificate must be for (RFC 6066: without a trailing dot)."""
        return self.host.removesuffix(".")


def split(url: str) -> tuple[Origin, str]:
    """Return the origin of an absolute http or https URL, and its path and query.

    The latter is byte for byte as given; an empty path becomes `/`. Raises InvalidUrl,
    also for user info and fragments: neither belongs on the wire.
    """
    begin = url.find("://") + 3
    end = url.find("/", begin)
    query = url.find("?", begin, end if end >= 0 else len(url))
    if query >= 0:
        end = query
    text, target = (url, "") if end < 0 else (url[:end], url[end:])
    if (
        not (target.isascii() and target.isprintable())
        or "#" in target
        or " " in target
    ):
        _check_target(target)
    return origin(text), target if target.startswith("/") else f"/{target}"


@lru_cache(maxsize=4096)
def origin(text: str) -> Origin:
    """Return the origin that `scheme://host[:port]` spells. Raises InvalidUrl."""
    match = _ORIGIN.fullmatch(text)
    if match is None:
        raise InvalidUrl("not an absolute http or https URL with a host")
    scheme: Literal["http", "https"] = (
        "https" if match["scheme"].lower() == "https" else "http"
    )
    default = DEFAULT_PORTS[scheme]
    port = int(match["port"]) if match["port"] else default
    if not 1 <= port <= _LAST_PORT:
        raise InvalidUrl("the port is not from 1 to 65535")
    host = _ascii(match["host"])
    return Origin(
        scheme=scheme,
        host=host.strip("[]"),
        port=port,
        authority=host if port == default else f"{host}:{port}",
    )


def _ascii(host: str) -> str:
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise InvalidUrl("the host is not a valid international name") from None
    # Letters that look like others may turn into what a host must not hold.
    if len(host) > _LONGEST_NAME + 1 or not _ORIGIN.fullmatch(f"http://{host}"):
        raise InvalidUrl("the host is not a valid name")
    return host


def _check_target(target: str) -> None:
    if found := _BROKEN.search(target):
        what = "a fragment" if found[0] == "#" else "white space or a control character"
        raise InvalidUrl(f"the path or query has {what}")
