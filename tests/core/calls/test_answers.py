"""Codes of callbacks' outcomes."""

import pytest

from trunkline.capture.calls.answers import of_failure, of_status
from trunkline.outgoing.messages import Reason, Response, SendFailed


@pytest.mark.parametrize("status", [200, 204, 299])
def test_any_2xx_is_success(status: int) -> None:
    assert of_status(status) == (None, None)


@pytest.mark.parametrize(
    ("status", "code", "level", "retry"),
    [
        (302, 11200, "error", None),
        (400, 15003, "warning", "4xx"),
        (499, 15003, "warning", "4xx"),
        (500, 15003, "warning", "5xx"),
        (599, 15003, "warning", "5xx"),
        (600, 11200, "error", None),
    ],
)
def test_other_statuses_have_a_code(
    status: int, code: int, level: str, retry: str | None
) -> None:
    problem, word = of_status(status)

    assert problem is not None
    assert (problem.code, problem.level, word) == (code, level, retry)


@pytest.mark.parametrize(
    ("reason", "code", "retry"),
    [
        (Reason.NAME_NOT_RESOLVED, 11210, "ct"),
        (Reason.ADDRESS_REFUSED, 11210, None),
        (Reason.CONNECT_FAILED, 11205, "ct"),
        (Reason.CONNECT_TIMEOUT, 11205, "ct"),
        (Reason.TLS_FAILED, 11220, "ct"),
        (Reason.CERTIFICATE_HOST, 11235, None),
        (Reason.CERTIFICATE_EXPIRED, 11236, None),
        (Reason.CERTIFICATE_UNTRUSTED, 11237, None),
        (Reason.NO_ANSWER, 11205, "rt"),
        (Reason.CONNECTION_LOST, 11205, "rt"),
        (Reason.TOTAL_TIMEOUT, 11203, None),
        (Reason.NOT_HTTP, 11206, None),
        (Reason.INVALID_REQUEST, 11200, None),
    ],
)
def test_every_failure_has_a_code(reason: Reason, code: int, retry: str | None) -> None:
    problem, word = of_failure(SendFailed(reason, "so it was"))

    assert problem is not None
    assert (problem.code, problem.level, word) == (code, "error", retry)
    assert problem.message.endswith("so it was")


def test_every_reason_is_judged() -> None:
    for reason in Reason:
        assert of_failure(SendFailed(reason, "")).problem is not None


def test_an_answer_that_broke_off_is_not_asked_for_again() -> None:
    begun = Response(status=200)
    failure = SendFailed(Reason.CONNECTION_LOST, "", connected=True, response=begun)

    assert of_failure(failure).retry is None
