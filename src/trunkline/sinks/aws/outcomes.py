"""What AWS's errors mean for a delivery (spec event-streams 6.3).

Rule 1: which error is of which class is said in the table of this file, nowhere else.
Rule 2: what an error says reaches logs only by its first line. The rest may repeat
the request, session token and all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from trunkline.sinks.answer import Answer, Level, Outcome


#: Delivery codes.
ANY_OTHER = 93101
NO_ACCESS = 93102
THROTTLED = 93103
NO_STREAM = 93104

_ACCESS_ERRORS = (
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
# Of the stream and its shards, and of the key that encrypts it.
_STREAM_ERRORS = (
    "KMSAccessDeniedException",
    "KMSDisabledException",
    "KMSInvalidStateException",
    "KMSNotFoundException",
    "KMSOptInRequired",
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
)

#: AWS error code to delivery code; all others are ANY_OTHER.
CODES: Mapping[str, int] = {
    **dict.fromkeys(_ACCESS_ERRORS, NO_ACCESS),
    **dict.fromkeys(_STREAM_ERRORS, THROTTLED),
    "ResourceNotFoundException": NO_STREAM,
}

#: Delivery codes that no later attempt can mend; all others are tried again.
DISCARDED = frozenset({NO_STREAM})

_LONGEST_MESSAGE = 300


@dataclass(frozen=True, slots=True)
class AwsError:
    """An error as a service or a single record tells it."""

    code: str
    message: str

    def __str__(self) -> str:
        first, *_ = self.message.strip().splitlines() or [""]
        return f"{self.code}: {first[:_LONGEST_MESSAGE]}".removesuffix(": ")


def failed(
    code: int, detail: str, *, http_status: int | None = None, excerpt: bytes = b""
) -> Answer:
    """Return the answer of a delivery code."""
    return Answer(
        outcome=Outcome.DISCARD if code in DISCARDED else Outcome.RETRY,
        code=code,
        level=Level.ERROR,
        detail=detail,
        http_status=http_status,
        excerpt=excerpt,
    )


def refused_record(error: AwsError) -> Answer:
    """Return what it means that a stream did not take a record."""
    detail = str(error)
    return failed(
        CODES.get(error.code, ANY_OTHER),
        detail,
        http_status=200,
        excerpt=detail.encode(),
    )


def refused_call(
    error: AwsError, http_status: int, excerpt: bytes | None = None
) -> Answer:
    """Return what it means that a stream did not take a call.

    `excerpt` is what was answered, where that is more than the error.
    """
    by_status = {403: NO_ACCESS, 429: THROTTLED}.get(http_status, ANY_OTHER)
    detail = str(error)
    return failed(
        CODES.get(error.code, by_status),
        detail,
        http_status=http_status,
        excerpt=detail.encode() if excerpt is None else excerpt,
    )


def refused_role(error: AwsError, http_status: int) -> Answer:
    """Return what it means that a role was not given.

    Whatever is wrong with the request is a refusal: the operator or the sink's owner
    has to act. The service's own trouble is not.
    """
    busy = CODES.get(error.code) == THROTTLED or http_status == 429  # noqa: PLR2004
    refused = 400 <= http_status < 500 and not busy  # noqa: PLR2004
    detail = f"AssumeRole: {error}"
    return failed(
        NO_ACCESS if refused else ANY_OTHER,
        detail,
        http_status=http_status,
        excerpt=detail.encode(),
    )
