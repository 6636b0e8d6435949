"""What is kept of addresses, device ids and client names (spec voice-sdk 10). Pure.

A post is redacted before anything of it reaches the disk.
"""

import hashlib
import hmac
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_network
from typing import Any

import msgspec

from trunkline.capture.sdk.client_address import read_address
from trunkline.errors import Refused


# Members of a post, at any depth, that hold an address, or ids of devices.
_ADDRESSES = frozenset({"ip", "related_address", "client_address"})
_DEVICE_IDS = frozenset({"audio_device_ids", "lost_active_device_ids"})

# As a number: it is looked for without being tried as one first.
_BACKSLASH = ord("\\")

_KEPT_BITS = {4: 24, 6: 48}
_HASH_DIGITS = 32


class Privacy:
    """Redacts as the settings of these names say. `salt` makes hashes ours alone."""

    def __init__(
        self,
        *,
        salt: bytes,
        ip_privacy: str = "full",
        hash_device_ids: bool = True,
        client_name: str = "plain",
    ) -> None:
        self._salt = salt
        self._ip_privacy = ip_privacy
        self._hides_addresses = ip_privacy != "full"
        self._hash_device_ids = hash_device_ids
        self._client_name = client_name

    def address(self, address: str) -> str:
        """Return an IP address as it may be kept; `""` for what is none."""
        match self._ip_privacy:
            case "full":
                return address
            case "truncate":
                return _truncated(address)
            case _:
                return ""

    def client_name(self, account_sid: str, name: str) -> str:
        """Return a client's identity as it may be kept."""
        match self._client_name:
            case "plain":
                return name
            case "hash":
                return self._hash(f"{account_sid} {name}") if name else ""
            case _:
                return ""

    def body(self, body: bytes) -> bytes:
        """Return a post as it may be kept.

        Raises Refused 70001 where it has to be redacted and cannot be read whole.
        """
        # Not `in`, for more than a byte: it is slow in finding out what is looked for.
        if not (
            self._hides_addresses
            or (self._hash_device_ids and body.find(b"device_ids") >= 0)
            # A name may be written with escapes. To look for one byte is quick.
            or (_BACKSLASH in body and b"\\u" in body)
        ):
            return body
        try:
            document = msgspec.json.decode(body)
            self._redact(document)
            return msgspec.json.encode(document)
        except (ValueError, RecursionError):
            raise Refused(
                70001,
                400,
                "The request has constraint violations: the body cannot be read",
            ) from None

    def _redact(self, document: Any) -> None:
        waiting = [document]
        while waiting:
            value = waiting.pop()
            if isinstance(value, list):
                waiting += value
            elif isinstance(value, dict):
                for name, member in value.items():
                    value[name] = self._redacted(name, member)
                waiting += value.values()

    def _redacted(self, name: str, value: Any) -> Any:
        if name in _ADDRESSES and isinstance(value, str):
            return self.address(value)
        if name in _DEVICE_IDS and self._hash_device_ids:
            return _each(value, self._hash)
        return value

    def _hash(self, text: str) -> str:
        digest = hmac.new(self._salt, text.encode("utf-8"), hashlib.sha256)
        return digest.hexdigest()[:_HASH_DIGITS]


def _each(value: Any, change: Callable[[str], str]) -> Any:
    """Return ids changed, whether they come as a list or alone; what is none is lost."""
    if isinstance(value, list):
        return [change(item) for item in value if isinstance(item, str)]
    return change(value) if isinstance(value, str) else None


@lru_cache(maxsize=4096)
def _truncated(address: str) -> str:
    found = read_address(address)
    if found is None:
        return ""
    bits = _KEPT_BITS[found.version]
    return str(ip_network((found, bits), strict=False).network_address)
