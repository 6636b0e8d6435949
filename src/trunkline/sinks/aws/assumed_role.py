"""A role that is assumed: its credentials, renewed before they expire."""

import asyncio

from trunkline.clock import Clock
from trunkline.outgoing.client import SendFailed
from trunkline.sinks.answer import Answer
from trunkline.sinks.aws import sts
from trunkline.sinks.aws.credentials import Credentials, NoCredentials
from trunkline.sinks.aws.outcomes import ANY_OTHER, failed
from trunkline.sinks.aws.own_credentials import OwnCredentials
from trunkline.sinks.http import HttpClient


#: How long before they expire credentials are renewed, in milliseconds.
RENEW_AHEAD_MS = 5 * 60_000

#: A failure is told, without another request, to all who ask in this time.
FAILURE_LASTS_MS = 10_000

#: Credentials that a service refuses are replaced, but not if they are this young.
REFUSABLE_AFTER_MS = 60_000


class AssumedRole:
    """One sink's role. One renewal at a time; whoever asks meanwhile shares it.

    `endpoint` is the address of STS. While old credentials are good still, nobody
    waits for a renewal or hears that it failed.
    """

    def __init__(
        self,
        *,
        role_arn: str,
        external_id: str,
        session_name: str,
        region: str,
        endpoint: str,
        own: OwnCredentials,
        client: HttpClient,
        clock: Clock,
    ) -> None:
        self._role_arn = role_arn
        self._external_id = external_id
        self._session_name = session_name
        self._region = region
        self._endpoint = endpoint
        self._own = own
        self._client = client
        self._clock = clock
        self._lock = asyncio.Lock()
        self._lease: sts.Lease | None = None
        self._made_ms = 0
        self._renew_ms = 0
        self._failure: tuple[Answer, int] | None = None

    async def credentials(self) -> Credentials:
        """Return credentials that are good now. Raises NoCredentials."""
        if self._lease is not None and self._clock.now_ms() < self._renew_ms:
            return self._lease.credentials
        if self._lock.locked() and (good := self._still_good()):
            return good
        async with self._lock:
            if self._lease is not None and self._clock.now_ms() < self._renew_ms:
                return self._lease.credentials
            try:
                return await self._renew()
            except NoCredentials:
                if good := self._still_good():
                    return good
                raise

    def refused(self, credentials: Credentials) -> None:
        """Hear that a service did not take these credentials: they may be revoked."""
        if (
            self._lease is not None
            and self._lease.credentials is credentials
            and self._clock.now_ms() - self._made_ms >= REFUSABLE_AFTER_MS
        ):
            self._lease = None

    def _still_good(self) -> Credentials | None:
        if self._lease is None or self._clock.now_ms() >= self._lease.expires_ms:
            return None
        return self._lease.credentials

    async def _renew(self) -> Credentials:
        if self._failure and self._clock.now_ms() < self._failure[1]:
            raise NoCredentials(self._failure[0])
        try:
            lease = await self._assume()
        except NoCredentials as error:
            self._failure = error.answer, self._clock.now_ms() + FAILURE_LASTS_MS
            raise
        self._failure = None
        self._lease = lease
        self._made_ms = self._clock.now_ms()
        # Half of what they last, where that is short.
        ahead_ms = min(RENEW_AHEAD_MS, (lease.expires_ms - self._made_ms) // 2)
        self._renew_ms = lease.expires_ms - ahead_ms
        return lease.credentials

    async def _assume(self) -> sts.Lease:
        request = sts.prepare(
            self._endpoint,
            role_arn=self._role_arn,
            external_id=self._external_id,
            session_name=self._session_name,
            region=self._region,
            own=await self._own.get(),
        )
        try:
            response = await self._client.send(request)
        except SendFailed as failure:
            detail = f"AssumeRole: {failure.detail}"
            raise NoCredentials(failed(ANY_OTHER, detail)) from None
        return sts.read(response)
