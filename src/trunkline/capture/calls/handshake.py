"""User and password, for a server that asks: Basic (RFC 7617), Digest (RFC 7616). Pure."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Iterable


# name="quoted text" or name=word
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')

_HASHES = {
    "MD5": lambda text: hashlib.md5(text, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda text: hashlib.sha256(text).hexdigest(),
}

Hash = Callable[[bytes], str]


def authorization(
    challenges: Iterable[str], *, credentials: str, method: str, uri: str, cnonce: str
) -> str | None:
    """Return the `Authorization` that the first usable challenge asks for, if one is.

    `challenges` are the values of `WWW-Authenticate`, `credentials` is
    `user:password`, `uri` the path and query, `cnonce` any text that is new.
    """
    for challenge in challenges:
        scheme, _, rest = challenge.strip().partition(" ")
        if scheme.lower() == "basic":
            return f"Basic {b64encode(credentials.encode()).decode('ascii')}"
        if scheme.lower() == "digest":
            parameters = _parameters(rest)
            answer = _digest(parameters, credentials, method, uri, cnonce)
            if answer is not None:
                return answer
    return None


def _parameters(text: str) -> dict[str, str]:
    return {
        name.lower(): quoted or word for name, quoted, word in _PARAMETER.findall(text)
    }


def _digest(
    challenge: dict[str, str], credentials: str, method: str, uri: str, cnonce: str
) -> str | None:
    algorithm = challenge.get("algorithm", "MD5")
    digest: Hash | None = _HASHES.get(algorithm.upper())
    realm, nonce = challenge.get("realm"), challenge.get("nonce")
    qops = [word.strip() for word in challenge.get("qop", "").split(",")]
    if digest is None or realm is None or nonce is None:
        return None
    if "qop" in challenge and "auth" not in qops:
        return None

    def hashed(*parts: str) -> str:
        return digest(":".join(parts).encode())

    user, _, password = credentials.partition(":")
    secret, request = hashed(user, realm, password), hashed(method, uri)
    answer = {"username": user, "realm": realm, "nonce": nonce, "uri": uri}
    if "qop" in challenge:
        counted = ("00000001", cnonce, "auth")
        answer["response"] = hashed(secret, nonce, *counted, request)
        answer["cnonce"] = cnonce
        unquoted = f", algorithm={algorithm}, qop=auth, nc=00000001"
    else:
        answer["response"] = hashed(secret, nonce, request)
        unquoted = f", algorithm={algorithm}"
    if "opaque" in challenge:
        answer["opaque"] = challenge["opaque"]
    quoted = ", ".join(f'{name}="{value}"' for name, value in answer.items())
    return f"Digest {quoted}{unquoted}"
