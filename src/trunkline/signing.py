"""`X-Twilio-Signature`: HMAC-SHA1 over the URL, and over form fields where there are any.

Spec event-streams 5.2 (sinks) and call-progress 8 (callbacks).
"""

import hashlib
import hmac
import re
from base64 import b64encode
from binascii import b2a_base64
from collections.abc import Iterable, Iterator


_URL = re.compile(r"(https?)://([^/?#]+)(.*)", re.DOTALL | re.IGNORECASE)
_PORT = re.compile(r":\d+$", re.ASCII)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


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


def is_signed(url: str, signature: str, auth_token: str) -> bool:
    """Tell whether a signature is the URL's, with or without its default port.

    A sender may write `:443` where we do not, as Twilio's own validators allow for.
    How long it takes tells nothing about the signature.
    """
    given = signature.encode("utf-8", "surrogatepass")
    good = [
        hmac.compare_digest(given, sign_url(spelt, auth_token).encode())
        for spelt in _spellings(url)
    ]
    return any(good)


def is_hash(given: str, body: bytes) -> bool:
    """Tell whether a `bodySHA256` is the body's."""
    return hmac.compare_digest(
        given.encode("utf-8", "surrogatepass"), body_hash(body).encode()
    )


def _spellings(url: str) -> Iterator[str]:
    yield url
    match = _URL.fullmatch(url)
    if match is None:
        return
    scheme, authority, rest = match.groups()
    port = _DEFAULT_PORTS[scheme.lower()]
    if authority.endswith(port):
        yield f"{scheme}://{authority.removesuffix(port)}{rest}"
    elif not _PORT.search(authority):
        yield f"{scheme}://{authority}{port}{rest}"
