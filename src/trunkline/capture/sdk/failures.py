"""Failed tokens, for whoever has to find out why posts are refused (spec voice-sdk 14).

A token itself is a live credential: of it, only issuer, subject and expiry are kept.
"""

from collections import deque
from collections.abc import Sequence

import msgspec

from trunkline.capture.sdk.token import Directory, claims_of
from trunkline.errors import Refused
from trunkline.events.ids import canonical, is_sid


# Failures remembered per account; of anyone's tokens, for they prove nothing.
MAX_FAILURES = 100


class TokenFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A token that was refused. What it claims is shown only where it has the form."""

    at_ms: int
    code: int
    message: str
    iss: str
    sub: str
    exp: int | None
    address: str


class TokenFailures:
    """The latest failures of each account, in memory. Lives as long as the server."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._failures: dict[str, deque[TokenFailure]] = {}

    def of(self, account_sid: str) -> Sequence[TokenFailure]:
        """Return the failures that concern an account, newest first."""
        return list(reversed(self._failures.get(account_sid, ())))

    def add(
        self, token: bytes, error: Refused, address: str, now_ms: int
    ) -> TokenFailure:
        """Remember a failure with the account it claims to be of, if there is one."""
        claims = claims_of(token)
        failure = TokenFailure(
            at_ms=now_ms,
            code=error.code,
            message=error.message,
            iss=_sid(claims.get("iss")),
            sub=_sid(claims.get("sub")),
            exp=_time(claims.get("exp")),
            address=address,
        )
        account_sid = self._account_of(failure)
        if account_sid is not None:
            kept = self._failures.setdefault(account_sid, deque(maxlen=MAX_FAILURES))
            kept.append(failure)
        return failure

    def _account_of(self, failure: TokenFailure) -> str | None:
        key = self._directory.api_key(failure.iss)
        if key is not None:
            return key.account_sid
        for sid in (failure.sub, failure.iss):
            account = self._directory.account(sid)
            if account is not None:
                return account.sid
        return None


def _sid(claim: object) -> str:
    if isinstance(claim, str) and (is_sid(claim, "SK") or is_sid(claim, "AC")):
        return canonical(claim)
    return ""


def _time(claim: object) -> int | None:
    if isinstance(claim, int | float) and not isinstance(claim, bool):
        return int(claim) if 0 <= claim < 10**11 else None
    return None
