"""Callback URLs: what goes on the wire, what is signed, what may be shown. Pure.

Spec call-progress 2 (what is accepted), 5.3 (encoding), 8 (signing), 10 (showing).
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, quote_plus, unquote, urljoin

from trunkline.outgoing import addresses, urls
from trunkline.outgoing.urls import InvalidUrl, Origin
from trunkline.settings import Network


MAX_URL_LENGTH = 4000

# Everything that has a meaning in a URL (RFC 3986 2.2), and what is encoded already.
_KEPT = "!#$%&'()*+,/:;=?@[]~"

_PORT = re.compile(r":[0-9]*$")


class Target(NamedTuple):
    """Where a request goes: `url` as on the wire, and `user:password` if it has them."""

    url: str
    origin: Origin
    credentials: str | None


@lru_cache(maxsize=4096)
def target_of(url: str) -> Target:
    """Return where `url` leads, without its fragment. Raises InvalidUrl."""
    text, _, _ = url.partition("#")
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise InvalidUrl("not an absolute URL")
    end = min((at for at in map(rest.find, "/?") if at >= 0), default=len(rest))
    user_info, at, authority = rest[:end].rpartition("@")
    path = rest[end:].removesuffix("?")  # an empty query is none
    if not path.startswith("/"):
        path = f"/{path}"
    # Encoded here, so that the receiver sees the very URL that was signed.
    path = path if path.isascii() else quote(path, safe=_KEPT)
    if not authority.isascii():
        authority = urls.origin(f"{scheme}://{authority}").authority
    wire = f"{scheme.lower()}://{authority}{path}"
    origin, _ = urls.split(wire)
    return Target(wire, origin, unquote(user_info) if at else None)


def check(url: str, allowed: Sequence[Network]) -> None:
    """Raise InvalidUrl, with the reason, for a URL that cannot be a callback's.

    An address in place of a name must be public, or in one of the `allowed` networks;
    names are judged when they are resolved.
    """
    if len(url) > MAX_URL_LENGTH:
        raise InvalidUrl(f"longer than {MAX_URL_LENGTH} characters")
    host = target_of(url).origin.host
    if "_" in host:
        raise InvalidUrl("an underscore in the host")
    address = addresses.literal_address(host)
    if address is None and ":" in host:
        raise InvalidUrl("not an IPv6 address")
    if address is not None and (word := addresses.refusal(address, allowed)):
        raise InvalidUrl(f"a {word} address, which the operator has not allowed")


def joined(base: str, location: str) -> Target:
    """Return where a redirect from `base` leads. Raises InvalidUrl."""
    try:
        return target_of(urljoin(base, location))
    except ValueError as error:
        raise InvalidUrl(str(error)) from None


def form(parameters: Iterable[tuple[str, str]]) -> bytes:
    """Return parameters as the body of a form."""
    return "&".join(
        [f"{_form_text(name)}={_form_text(value)}" for name, value in parameters]
    ).encode("ascii")


# Of a callback's parameters most are names, empty, or as in the callback before.
@lru_cache(maxsize=8192)
def _form_text(text: str) -> str:
    return quote_plus(text)


def with_query(url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Return `url` with parameters after its own query, which stays as it is."""
    query = "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters
    )
    if "?" not in url:
        return f"{url}?{query}"
    return f"{url}{query}" if url.endswith("&") else f"{url}&{query}"


def signed_form(url: str) -> str:
    """Return what is signed of a URL on the wire: over HTTPS, the port is left out."""
    scheme, _, rest = url.partition("://")
    if scheme != "https":
        return url
    authority, _, path = rest.partition("/")
    return f"https://{_PORT.sub('', authority)}/{path}"


@lru_cache(maxsize=4096)
def shown(url: str) -> str:
    """Return `url` as others may see it: without fragment, user and password."""
    text, _, _ = url.partition("#")
    scheme, separator, rest = text.partition("://")
    end = min((at for at in map(rest.find, "/?") if at >= 0), default=len(rest))
    authority = rest[:end].rpartition("@")[2]
    return f"{scheme}{separator}{authority}{rest[end:]}"
