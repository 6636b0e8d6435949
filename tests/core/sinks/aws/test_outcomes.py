"""The outcome table of Kinesis, row by row."""

import pytest

from trunkline.sinks.answer import Answer, Level, Outcome
from trunkline.sinks.aws.outcomes import (
    AwsError,
    refused_call,
    refused_record,
    refused_role,
)


TABLE = {
    93102: [
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
    ],
    93103: [
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
    ],
    93104: ["ResourceNotFoundException"],
    93101: [
        "InternalFailure",
        "InvalidArgumentException",
        "ResourceInUseException",
        "ServiceUnavailable",
        "UnknownOperationException",
        "ValidationException",
        "UnheardOfException",
    ],
}
ROWS = [(name, code) for code, names in TABLE.items() for name in names]


@pytest.mark.parametrize(("name", "code"), ROWS)
def test_an_error_has_its_code_whether_of_a_call_or_of_a_record(
    name: str, code: int
) -> None:
    error = AwsError(name, "because")
    for answer in (refused_call(error, 400), refused_record(error)):
        assert answer.code == code
        discarded = answer.outcome is Outcome.DISCARD
        assert discarded == (code == 93104)
        assert answer.level is Level.ERROR
        assert answer.detail == f"{name}: because"


@pytest.mark.parametrize(
    ("status", "code"), [(403, 93102), (429, 93103), (500, 93101), (302, 93101)]
)
def test_where_the_error_says_nothing_the_status_does(status: int, code: int) -> None:
    answer = refused_call(AwsError(f"HTTP {status}", ""), status)

    assert (answer.outcome, answer.code) == (Outcome.RETRY, code)
    assert answer.detail == f"HTTP {status}"


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("AccessDenied", 403, 93102),
        ("InvalidClientTokenId", 403, 93102),
        ("RegionDisabledException", 403, 93102),
        ("ValidationError", 400, 93102),
        ("Throttling", 400, 93101),
        ("HTTP 429", 429, 93101),
        ("InternalFailure", 500, 93101),
        ("ServiceUnavailable", 503, 93101),
        ("HTTP 302", 302, 93101),
    ],
)
def test_a_role_that_is_refused_is_an_access_matter(
    name: str, status: int, code: int
) -> None:
    assert refused_role(AwsError(name, "because"), status) == Answer(
        outcome=Outcome.RETRY,
        code=code,
        level=Level.ERROR,
        detail=f"AssumeRole: {name}: because",
        http_status=status,
        excerpt=f"AssumeRole: {name}: because".encode(),
    )


def test_what_repeats_the_request_is_not_kept() -> None:
    message = "The signature does not match.\n\nx-amz-security-token:the-token"
    answer = refused_call(AwsError("InvalidSignatureException", message), 400)

    assert answer.detail == "InvalidSignatureException: The signature does not match."
    assert b"the-token" not in answer.excerpt


def test_a_long_message_is_cut() -> None:
    assert len(str(AwsError("Code", "x" * 10_000))) == 306
