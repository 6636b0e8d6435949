"""A role's credentials: when they are renewed, and what is told where they cannot be."""

import asyncio
from urllib.parse import parse_qs

import pytest

from trunkline.events.times import iso_ms
from trunkline.outgoing.client import Reason, Request, Response, SendFailed
from trunkline.sinks.aws.assumed_role import AssumedRole
from trunkline.sinks.aws.credentials import Credentials, NoCredentials
from trunkline.sinks.aws.own_credentials import OwnCredentials
from trunkline.testing import ManualClock


MINUTE = 60
HOUR = 3600


class Sts:
    """Gives credentials with a number; refuses, hangs or is away as a test says."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.requests: list[Request] = []
        self.refuses = False
        self.is_away = False
        self.lasts = HOUR
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        number = len(self.requests)
        self.asked.set()
        await self.gate.wait()
        if self.is_away:
            raise SendFailed(Reason.CONNECT_FAILED, "connection refused")
        if self.refuses:
            body = "<E><Code>AccessDenied</Code><Message>no</Message></E>"
            return Response(status=403, body=body.encode())
        end = iso_ms(self.clock.now_ms() + self.lasts * 1000)
        body = (
            f"<R><AccessKeyId>key-{number}</AccessKeyId><SecretAccessKey>s"
            f"</SecretAccessKey><SessionToken>t</SessionToken>"
            f"<Expiration>{end}</Expiration></R>"
        )
        return Response(status=200, body=body.encode())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sts(clock: ManualClock) -> Sts:
    return Sts(clock)


@pytest.fixture
def role(clock: ManualClock, sts: Sts) -> AssumedRole:
    return AssumedRole(
        role_arn="arn:aws:iam::123456789012:role/r",
        external_id="the-external-id",
        session_name="trunkline-DG",
        region="us-east-1",
        endpoint="https://sts.us-east-1.amazonaws.com",
        own=OwnCredentials(lambda: Credentials("AKID", "secret")),
        client=sts,
        clock=clock,
    )


async def key_of(role: AssumedRole) -> str:
    return (await role.credentials()).access_key


async def refusal_of(role: AssumedRole) -> NoCredentials:
    with pytest.raises(NoCredentials) as refused:
        await role.credentials()
    return refused.value


async def test_every_request_has_the_external_id(role: AssumedRole, sts: Sts) -> None:
    await role.credentials()

    [request] = sts.requests
    assert parse_qs(request.body.decode())["ExternalId"] == ["the-external-id"]


async def test_credentials_are_renewed_five_minutes_before_their_end(
    role: AssumedRole, clock: ManualClock
) -> None:
    assert await key_of(role) == "key-1"
    clock.advance(55 * MINUTE - 1)
    assert await key_of(role) == "key-1"
    clock.advance(1)
    assert await key_of(role) == "key-2"


async def test_short_lived_credentials_are_renewed_at_half_their_time(
    role: AssumedRole, sts: Sts, clock: ManualClock
) -> None:
    sts.lasts = 4 * MINUTE
    assert await key_of(role) == "key-1"
    clock.advance(2 * MINUTE - 1)
    assert await key_of(role) == "key-1"
    clock.advance(1)
    assert await key_of(role) == "key-2"


async def test_all_who_wait_share_one_renewal(role: AssumedRole, sts: Sts) -> None:
    sts.gate.clear()
    waiting = [asyncio.ensure_future(key_of(role)) for _ in range(20)]
    await sts.asked.wait()
    sts.gate.set()

    assert await asyncio.gather(*waiting) == ["key-1"] * 20
    assert len(sts.requests) == 1


async def test_nobody_waits_for_a_renewal_while_the_old_credentials_are_good(
    role: AssumedRole, sts: Sts, clock: ManualClock
) -> None:
    await role.credentials()
    clock.advance(56 * MINUTE)
    sts.gate.clear()
    sts.asked.clear()
    renewing = asyncio.ensure_future(key_of(role))
    await sts.asked.wait()

    assert await key_of(role) == "key-1"
    sts.gate.set()
    assert await renewing == "key-2"


async def test_a_renewal_that_fails_is_told_only_once_the_old_ones_have_ended(
    role: AssumedRole, sts: Sts, clock: ManualClock
) -> None:
    await role.credentials()
    clock.advance(56 * MINUTE)
    sts.refuses = True
    assert await key_of(role) == "key-1"
    clock.advance(4 * MINUTE)
    assert (await refusal_of(role)).answer.code == 93102


async def test_a_failure_lasts_ten_seconds(
    role: AssumedRole, sts: Sts, clock: ManualClock
) -> None:
    sts.is_away = True
    failure = await refusal_of(role)
    assert (failure.answer.code, failure.answer.detail) == (
        93101,
        "AssumeRole: connection refused",
    )
    sts.is_away = False
    clock.advance(9)
    assert (await refusal_of(role)).answer is failure.answer
    assert len(sts.requests) == 1
    clock.advance(1)
    assert await key_of(role) == "key-2"


async def test_a_send_that_is_given_up_leaves_the_renewal_to_the_next(
    role: AssumedRole, sts: Sts
) -> None:
    sts.gate.clear()
    first, second = (asyncio.ensure_future(key_of(role)) for _ in range(2))
    await sts.asked.wait()
    first.cancel()
    sts.gate.set()

    assert await second == "key-2"


async def test_revoked_credentials_are_replaced_unless_they_are_new(
    role: AssumedRole, clock: ManualClock
) -> None:
    revoked = await role.credentials()
    role.refused(revoked)
    assert await role.credentials() is revoked
    clock.advance(60)
    role.refused(revoked)
    assert await key_of(role) == "key-2"
    role.refused(revoked)
    assert await key_of(role) == "key-2"
