"""What each kind of sink must be told (spec event-streams 4.1). Pure.

A configuration is kept and shown as it was sent, less unknown keys, in the order of
the rules here.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from trunkline.events.catalogue import SinkType


# All keys of the largest kind at their longest, with room for unknown ones.
MAX_CONFIGURATION = 16_384

# Twilio cuts callback URLs there; a signed URL of this length fits every receiver.
MAX_DESTINATION = 4000

# AWS: an ARN has at most 2,048 characters, an external id 1,224. Write keys have 32.
MAX_TEXT = 2048

_ARN = re.compile(
    r"arn:[a-z][a-z0-9-]*:kinesis:[a-z0-9-]+:\d{1,20}:stream/[\w.-]{1,128}", re.ASCII
)
_HOST_LABEL = re.compile(
    r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII | re.IGNORECASE
)
_MAX_HOST = 253

# Of all that may not stand bare in a URL, what has fooled parsers or split headers.
_BAD_IN_URL = re.compile(r"[^\x21-\x7e]|[\\\"<>]")


class Misconfigured(ValueError):
    """A sink configuration breaks a rule; the message says which."""


def parse(sink_type: SinkType, text: str) -> Mapping[str, object]:
    """Return the configuration in a JSON object, checked. Raises Misconfigured."""
    if len(text) > MAX_CONFIGURATION:
        raise Misconfigured(
            f"SinkConfiguration is longer than {MAX_CONFIGURATION} characters"
        )
    try:
        given = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Misconfigured("SinkConfiguration is not a JSON object")
    kept: dict[str, object] = {}
    for rule in _RULES[sink_type]:
        if rule.key in given:
            kept[rule.key] = _checked(rule, given[rule.key])
        elif rule.required:
            raise Misconfigured(f"{rule.key} is missing")
    return kept


def batches(configuration: Mapping[str, object]) -> bool:
    """Tell whether a webhook sink takes events in batches; off unless it says so."""
    return configuration.get("batch_events", False) in {True, "true"}


def method(configuration: Mapping[str, object]) -> str:
    """Return the HTTP method of a webhook sink, in capitals; POST unless it says GET."""
    return str(configuration.get("method", "POST")).upper()


class _Rule(NamedTuple):
    key: str
    required: bool
    check: Callable[[object], str | None]
    """Return what is wrong with a value, None where it is good."""


def _checked(rule: _Rule, value: object) -> object:
    wrong = rule.check(value)
    if wrong is not None:
        raise Misconfigured(f"{rule.key} {wrong}")
    return value


def _text(value: object, limit: int = MAX_TEXT) -> str | None:
    if not isinstance(value, str):
        return "must be text"
    if not value:
        return "is empty"
    if len(value) > limit:
        return f"is longer than {limit} characters"
    if not value.isprintable():
        return "has control characters"
    return None


def _stream_arn(value: object) -> str | None:
    wrong = _text(value)
    if wrong is None and not _ARN.fullmatch(str(value)):
        return "is not the ARN of a Kinesis stream"
    return wrong


def _http_method(value: object) -> str | None:
    good = isinstance(value, str) and value.upper() in {"GET", "POST"}
    return None if good else "must be GET or POST"


def _boolean(value: object) -> str | None:
    good = isinstance(value, bool) or value in ("true", "false")
    return None if good else "must be true or false"


def _destination(value: object) -> str | None:
    return _text(value, MAX_DESTINATION) or _wrong_with_url(str(value))


def _wrong_with_url(url: str) -> str | None:
    if _BAD_IN_URL.search(url):
        return "has characters that must be percent-encoded"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is not a valid URL"
    if parts.scheme not in {"http", "https"}:
        return "is not an absolute http or https URL"
    if not host or not _is_host(host, bracketed="[" in parts.netloc):
        return "has no valid host"
    if port == 0 or parts.netloc.endswith(":"):
        return "has no valid port"
    return None


def _is_host(host: str, *, bracketed: bool) -> bool:
    if bracketed:
        try:
            return ipaddress.IPv6Address(host).scope_id is None
        except ValueError:
            return False
    labels = host.removesuffix(".").split(".")
    return len(host) <= _MAX_HOST and all(map(_HOST_LABEL.fullmatch, labels))


_RULES = {
    SinkType.WEBHOOK: (
        _Rule("destination", True, _destination),
        _Rule("method", False, _http_method),
        _Rule("batch_events", False, _boolean),
    ),
    SinkType.KINESIS: (
        _Rule("arn", True, _stream_arn),
        _Rule("role_arn", True, _text),
        _Rule("external_id", True, _text),
    ),
    SinkType.SEGMENT: (_Rule("write_key", True, _text),),
}
