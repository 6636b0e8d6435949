"""Check of `X-Twilio-Token`: access tokens and capability tokens (spec voice-sdk 3).

The checks run in the order of the specification, each with its own code, so that an
operator learns what is wrong with a token. A token never reaches a log or an error.
"""

import binascii
import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, TypeGuard
from urllib.parse import parse_qs

import jwt
import msgspec
from jwt.algorithms import HMACAlgorithm

from trunkline.accounts import Account, ApiKey
from trunkline.errors import Refused
from trunkline.events.ids import canonical, is_sid


LEEWAY_S = 60
MAX_LIFETIME_S = 24 * 60 * 60

# SDKs go on posting with the old token until the application gives them a new one.
DEFAULT_GRACE_S = 14_400

# Real tokens are 400 to 1,000 characters.
MAX_TOKEN_BYTES = 8192
MAX_NAME_CHARACTERS = 256

# Verified tokens kept in memory: some 300 bytes each.
MAX_CACHED = 20_000

_LATEST_S = 1e12  # tens of thousands of years from now

_BASE64URL = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)
_HS256 = HMACAlgorithm(HMACAlgorithm.SHA256)
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Directory(Protocol):
    """What the check needs of the accounts."""

    def account(self, sid: str) -> Account | None:
        """Return the account with that SID."""
        ...

    def api_key(self, sid: str) -> ApiKey | None:
        """Return the API key with that SID."""
        ...


class Caller(NamedTuple):
    """Who posts: the account, and the identity of the client."""

    account_sid: str
    client_name: str


class Good:
    """A token that was found good: whose it is, and until when, unless it is revoked."""

    __slots__ = ("caller", "until_ms")

    def __init__(self, caller: Caller, until_ms: float) -> None:
        self.caller = caller
        self.until_ms = until_ms


class Expired(Refused):
    """A token expired a short while ago; `account_sid` is whose it says it is.

    It is still good for a post about a call that the account has already.
    """

    def __init__(self, account_sid: str) -> None:
        super().__init__(20104, 403, _EXPIRED)
        self.account_sid = account_sid


_EXPIRED = "Access Token expired or expiration date invalid"


class Tokens:
    """Checks tokens; remembers good ones under their SHA-256 until they expire."""

    def __init__(
        self,
        directory: Directory,
        *,
        check_signature: bool = True,
        grace_s: int = DEFAULT_GRACE_S,
    ) -> None:
        self._directory = directory
        self._check_signature = check_signature
        self._grace_s = grace_s
        self._verified: dict[bytes, Good] = {}

    def remembered(self, token: bytes, now_ms: int) -> Good | None:
        """Return a token that was found good before, and is still.

        Whoever holds it need not ask again before `until_ms`, which may become less.
        """
        known = self._verified.get(hashlib.sha256(token).digest())
        return known if known is not None and now_ms < known.until_ms else None

    def forget(self) -> None:
        """Check every token anew: an account or a key has changed."""
        for known in self._verified.values():
            known.until_ms = 0
        self._verified.clear()

    def verify(
        self, token: bytes | None, now_ms: int, *, known_call: bool = False
    ) -> Caller:
        """Return who a token stands for.

        Raises Refused with the code of the first check that fails; Expired where the
        token would do for a post about a known call, which `known_call` says it is.
        """
        now = now_ms / 1000
        signed, signature, header, claims = _take_apart(token)
        legacy = _is_legacy(header, claims)
        account_sid, secret = self._issuer(claims, legacy=legacy)
        if self._check_signature and not _is_signed(signed, signature, secret):
            raise Refused(20107, 403, "Invalid Access Token signature")
        account = self._directory.account(account_sid)
        if account is not None and account.suspended:
            raise Refused(20403, 403, "Forbidden")
        expires = self._check_times(claims, now, account_sid, known_call=known_call)
        name = _client_name(claims, legacy=legacy)
        caller = Caller(account_sid=account_sid, client_name=name)
        if now < expires:
            self._remember(signed + b"." + signature, expires, caller)
        return caller

    def _issuer(self, claims: Mapping[str, Any], *, legacy: bool) -> tuple[str, str]:
        """Return the account a token speaks for, and the secret it is signed with."""
        issuer = _text(claims.get("iss"))
        subject = issuer if legacy else _text(claims.get("sub"))
        if not self._check_signature:
            if is_sid(subject, "AC"):
                return canonical(subject), ""
        elif legacy:
            if (account := self._directory.account(issuer)) is not None:
                return account.sid, account.auth_token
        elif is_sid(issuer, "SK") and is_sid(subject, "AC"):
            key = self._directory.api_key(issuer)
            if key is not None and canonical(subject) == canonical(key.account_sid):
                return key.account_sid, key.secret
        raise Refused(20103, 403, "Invalid Access Token issuer/subject")

    def _check_times(
        self,
        claims: Mapping[str, Any],
        now: float,
        account_sid: str,
        *,
        known_call: bool,
    ) -> float:
        """Return when the token expires, in seconds since 1970."""
        starts, expires = claims.get("nbf"), claims.get("exp")
        if starts is None:
            starts = now
        if not _is_number(starts) or starts > now + LEEWAY_S:
            raise Refused(20105, 403, "Access Token not yet valid")
        if not _is_number(expires):
            raise Refused(20104, 403, _EXPIRED)
        if expires + LEEWAY_S <= now and not known_call:
            if now - expires < self._grace_s:
                raise Expired(account_sid)
            raise Refused(20104, 403, _EXPIRED)
        if expires + max(LEEWAY_S, self._grace_s) <= now:
            raise Refused(20104, 403, _EXPIRED)
        if expires - starts > MAX_LIFETIME_S:
            raise Refused(20157, 403, "Expiration Time Exceeds Maximum Time Allowed")
        return float(expires)

    def _remember(self, token: bytes, expires: float, caller: Caller) -> None:
        if len(self._verified) >= MAX_CACHED:
            # What is out of reach could not be revoked.
            self._verified.pop(next(iter(self._verified))).until_ms = 0
        digest = hashlib.sha256(token).digest()
        self._verified[digest] = Good(caller, expires * 1000)


def claims_of(token: bytes) -> Mapping[str, Any]:
    """Return what a token claims, unchecked; nothing where it cannot be read."""
    try:
        return _take_apart(token)[3]
    except Refused:
        return {}


def _take_apart(
    token: bytes | None,
) -> tuple[bytes, bytes, dict[str, Any], dict[str, Any]]:
    """Return what is signed, the signature as it stands there, header and claims."""
    if not token:
        raise Refused(20101, 403, "Invalid Access Token")
    parts = token.split(b".")
    # No signature is empty base64: what the header says of it counts first.
    if len(token) > MAX_TOKEN_BYTES or len(parts) != 3 or not all(parts[:2]):  # noqa: PLR2004
        raise Refused(20160, 403, "Invalid Token")
    try:
        header, claims = (_decode(_base64url(part)) for part in parts[:2])
        _base64url(parts[2])
    except (ValueError, RecursionError):
        raise Refused(20160, 403, "Invalid Token") from None
    return token.rpartition(b".")[0], parts[2], header, claims


def _base64url(part: bytes) -> bytes:
    if not _BASE64URL.issuperset(part):
        raise binascii.Error("not base64url")
    return urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def _is_legacy(header: Mapping[str, Any], claims: Mapping[str, Any]) -> bool:
    """Tell a capability token from an access token; refuse whatever is neither."""
    kind = header.get("cty")
    # A critical extension that we do not know makes a token invalid (RFC 7515 4.1.11).
    if header.get("alg") == "HS256" and "crit" not in header:
        if isinstance(kind, str) and kind.startswith("twilio-fpa"):
            return False
        if (
            "cty" not in header
            and is_sid(_text(claims.get("iss")), "AC")
            and isinstance(claims.get("scope"), str)
        ):
            return True
    raise Refused(20102, 403, "Invalid Access Token header")


def _is_signed(signed: bytes, signature: bytes, secret: str) -> bool:
    try:
        key = _HS256.prepare_key(secret)
    except jwt.InvalidKeyError:
        return False
    return _HS256.verify(signed, key, _base64url(signature))


def _client_name(claims: Mapping[str, Any], *, legacy: bool) -> str:
    """Return the identity of the client, empty where the token has none."""
    if legacy:
        return _name_in_scope(claims["scope"])[:MAX_NAME_CHARACTERS]
    grants = claims.get("grants")
    # An empty object is a grant: it lets the client do nothing but hold a token.
    if not isinstance(grants, dict) or not isinstance(grants.get("voice"), dict):
        raise Refused(20106, 403, "Invalid Access Token grants")
    return _text(grants.get("identity"))[:MAX_NAME_CHARACTERS]


def _name_in_scope(scope: str) -> str:
    """Return `clientName` of `scope:client:incoming?...`, else of `...:outgoing?...`."""
    for privilege in ("incoming", "outgoing"):
        for part in scope.split():
            name, _, query = part.partition("?")
            if name == f"scope:client:{privilege}":
                values = parse_qs(query, errors="replace")
                if values.get("clientName"):
                    return values["clientName"][0]
    return ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a claim is a time that can be reckoned with."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < _LATEST_S
    )
