"""`X-Twilio-Signature`: HMAC-SHA1 over the URL, and over form fields where there are any.

Spec event-streams 5.2 (sinks) and call-progress 8 (callbacks).
"""

import hashlib
import hmac
from base64 import b64encode
from binascii import b2a_base64
from collections.abc import Iterable


def sign_url(url: str, auth_token: str) -> str:
    """Return the signature of a URL to which nothing is appended."""
    digest = hmac.digest(auth_token.encode(), url.encode(), "sha1")
    return b64encode(digest).decode("ascii")


def sign_form(url: str, fields: Iterable[tuple[str, str]], auth_token: str) -> str:
    """Return the signature of a form POST: distinct fields, sorted by name and value."""
    appended = "".join(name + value for name, value in sorted(set(fields)))
    return sign_url(url + appended, auth_token)


def body_hash(body: bytes) -> str:
    """Return what the query parameter `bodySHA256` carries: lower-case hex SHA-256."""
    return hashlib.sha256(body).hexdigest()


class UrlSigner:
    """Signs URLs that begin alike: key and beginning are hashed once (RFC 2104)."""

    def __init__(self, beginning: str, auth_token: str) -> None:
        sha1 = hashlib.sha1
        key = auth_token.encode()
        block = sha1(usedforsecurity=False).block_size
        if len(key) > block:
            key = sha1(key, usedforsecurity=False).digest()
        key = key.ljust(block, b"\0")
        self._inner = sha1(bytes(byte ^ 0x36 for byte in key), usedforsecurity=False)
        self._inner.update(beginning.encode())
        self._outer = sha1(bytes(byte ^ 0x5C for byte in key), usedforsecurity=False)

    def sign(self, rest: bytes) -> bytes:
        """Return the signature of the URL that goes on with `rest`."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(rest)
        outer.update(inner.digest())
        return b2a_base64(outer.digest(), newline=False)
