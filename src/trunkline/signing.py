"""`X-Twilio-Signature`: HMAC-SHA1 over the URL, and over form fields where there are any.

Spec event-streams 5.2 (sinks) and call-progress 8 (callbacks).
"""

import hashlib
import hmac
from base64 import b64encode
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
