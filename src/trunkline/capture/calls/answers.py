"""What became of a request, as a code, and whether to try again. Pure.

Spec call-progress 6.2 (what `rp` retries) and 7 (codes).
"""

from typing import NamedTuple

import msgspec

from trunkline.capture.calls.overrides import RetryOn
from trunkline.outgoing.messages import Reason, SendFailed


_SUCCESS = range(200, 300)
_REFUSALS = range(400, 500)
_BREAKDOWNS = range(500, 600)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong: Twilio's code, `error` or `warning`, and a sentence."""

    code: int
    level: str
    message: str


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try: when it started, how many ms it took, and what came of it."""

    started_ms: int
    duration_ms: int
    status: int | None
    code: int | None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the server said to the last attempt. `completed_ms`: when it had said it."""

    status: int
    duration_ms: int
    content_type: str
    body: bytes
    completed_ms: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a request was settled. No answer: the last attempt got none.

    `url` is where redirects have led, empty for where it was sent.
    """

    attempts: tuple[Attempt, ...]
    answer: Answer | None
    problem: Problem | None
    url: str = ""


class Judgement(NamedTuple):
    """What an outcome means: no problem is success; `retry` is the `rp` word for it."""

    problem: Problem | None
    retry: RetryOn | None


def _error(code: int, message: str) -> Problem:
    return Problem(code=code, level="error", message=message)


def _warning(code: int, message: str) -> Problem:
    return Problem(code=code, level="warning", message=message)


TOO_MANY_REDIRECTS = _error(11215, "Too many HTTP redirects: at most 10 are followed")
BROKEN_REDIRECT = _error(11200, "HTTP retrieval failure: a redirect leads nowhere")

_CONNECTION = "HTTP connection failure"

# reason: (code, message, the `rp` word that retries it)
_FAILURES: dict[Reason, tuple[int, str, RetryOn | None]] = {
    Reason.INVALID_REQUEST: (11200, "HTTP retrieval failure", None),
    Reason.NAME_NOT_RESOLVED: (11210, "HTTP bad host name", RetryOn.CONNECT),
    Reason.ADDRESS_REFUSED: (11210, "HTTP bad host name", None),
    Reason.CONNECT_FAILED: (11205, _CONNECTION, RetryOn.CONNECT),
    Reason.CONNECT_TIMEOUT: (11205, _CONNECTION, RetryOn.CONNECT),
    Reason.TLS_FAILED: (11220, "TLS handshake failure", RetryOn.CONNECT),
    Reason.CERTIFICATE_HOST: (11235, "Certificate is for another host", None),
    Reason.CERTIFICATE_EXPIRED: (11236, "Certificate is not valid now", None),
    Reason.CERTIFICATE_UNTRUSTED: (11237, "Certificate has no trusted path", None),
    Reason.NO_ANSWER: (11205, _CONNECTION, RetryOn.READ),
    Reason.TOTAL_TIMEOUT: (11203, "HTTP communications failure: time is up", None),
    Reason.CONNECTION_LOST: (11205, _CONNECTION, RetryOn.READ),
    Reason.NOT_HTTP: (11206, "HTTP protocol violation", None),
}


def of_status(status: int) -> Judgement:
    """Judge a callback's complete answer by its final status."""
    message = f"Callback answered {status}; answer 204, or 200 with TwiML"
    return _of_status(status, _warning(15003, message))


def of_document_status(status: int) -> Judgement:
    """Judge a complete answer to a request for TwiML by its final status."""
    message = f"The TwiML's server answered {status}"
    return _of_status(status, _error(11217, message))


def _of_status(status: int, refusal: Problem) -> Judgement:
    if status in _SUCCESS:
        return Judgement(None, None)
    if status in _REFUSALS or status in _BREAKDOWNS:
        retry = RetryOn.STATUS_4XX if status in _REFUSALS else RetryOn.STATUS_5XX
        return Judgement(refusal, retry)
    return Judgement(_error(11200, f"HTTP retrieval failure: status {status}"), None)


def of_failure(failure: SendFailed) -> Judgement:
    """Judge a request that has no proper answer. One that had begun is not retried."""
    code, message, retry = _FAILURES[failure.reason]
    if failure.response is not None:
        retry = None
    problem = _error(
        code, f"{message}: {failure.detail}" if failure.detail else message
    )
    return Judgement(problem, retry)


def bad_overrides(keys: tuple[str, ...]) -> Problem:
    """Return the warning for override values that were not used."""
    return _warning(11243, f"Invalid connection override: {', '.join(keys)}")
