"""The Kinesis sink: events as records of a stream (spec event-streams 6.1).

`record_of` is pure, as are `aws.put_records` and `aws.outcomes`, where the requests
and their answers are. `KinesisSink` puts credentials and a client between them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import structlog

from trunkline.clock import Clock
from trunkline.events.envelope import shown_id
from trunkline.outgoing.client import SendFailed
from trunkline.sinks.answer import Answer, Level, Outcome, Parcel
from trunkline.sinks.aws import put_records
from trunkline.sinks.aws.assumed_role import AssumedRole
from trunkline.sinks.aws.credentials import NoCredentials
from trunkline.sinks.aws.outcomes import ANY_OTHER, NO_ACCESS, NO_STREAM, failed
from trunkline.sinks.aws.own_credentials import OwnCredentials
from trunkline.sinks.aws.places import Stream
from trunkline.sinks.aws.put_records import (
    MAX_CALL_BYTES,
    MAX_KEY,
    MAX_RECORD_BYTES,
    MAX_RECORDS,
    Record,
)
from trunkline.sinks.http import HttpClient


_logger = structlog.get_logger("sinks.kinesis")


def record_of(parcel: Parcel) -> Record:
    """Return an event's record. Its key keeps the events of a call on one shard."""
    key = parcel.event.call_sid or shown_id(parcel.event)
    return Record(parcel.body, key[:MAX_KEY])


class Endpoints(NamedTuple):
    """Addresses that replace AWS's own."""

    kinesis: str | None = None
    sts: str | None = None


class KinesisSink:
    """One sink's way out. Lives as long as the sink; the client is shared.

    `configuration` is the sink's: `arn`, `role_arn`, `external_id`.
    """

    expired_code = ANY_OTHER
    max_events = MAX_RECORDS
    # Of events alone; the rest is for their keys.
    max_bytes = MAX_CALL_BYTES - MAX_RECORDS * MAX_KEY

    def __init__(
        self,
        *,
        sink_sid: str,
        configuration: Mapping[str, object],
        endpoints: Endpoints,
        own: OwnCredentials,
        client: HttpClient,
        clock: Clock,
    ) -> None:
        self._sink_sid = sink_sid
        self._client = client
        self._stream = stream = Stream.of(str(configuration["arn"]))
        self._endpoint = endpoints.kinesis or stream.endpoint("kinesis")
        sts = endpoints.sts or stream.endpoint("sts")
        self._role = sts and AssumedRole(
            role_arn=str(configuration["role_arn"]),
            external_id=str(configuration["external_id"]),
            session_name=f"trunkline-{sink_sid}",
            region=stream.region,
            endpoint=sts,
            own=own,
            client=client,
            clock=clock,
        )

    async def send(self, parcels: Sequence[Parcel]) -> Sequence[Answer]:
        """Send events together; each gets its own answer. Never raises."""
        records = [record_of(parcel) for parcel in parcels]
        small = [record for record in records if record.size <= MAX_RECORD_BYTES]
        answers = iter(await self._try_to_put(small) if small else ())
        return [
            next(answers) if record.size <= MAX_RECORD_BYTES else _too_large(record)
            for record in records
        ]

    async def _try_to_put(self, records: Sequence[Record]) -> Sequence[Answer]:
        try:
            return await self._put(records)
        except NoCredentials as error:
            answer = error.answer
        except SendFailed as failure:
            answer = failed(ANY_OTHER, failure.detail)
        except Exception:  # whatever goes wrong here, no event is lost
            _logger.exception("kinesis.trouble", sink_sid=self._sink_sid)
            answer = failed(ANY_OTHER, "trouble inside Trunkline")
        return [answer] * len(records)

    async def _put(self, records: Sequence[Record]) -> list[Answer]:
        if not self._role or not self._endpoint:
            detail = f"there is no partition {self._stream.partition}"
            return [failed(NO_STREAM, detail)] * len(records)
        credentials = await self._role.credentials()
        response = await self._client.send(
            put_records.prepare(self._endpoint, self._stream, records, credentials)
        )
        answers = put_records.read(response, len(records), credentials)
        if any(answer.code == NO_ACCESS for answer in answers):
            self._role.refused(credentials)
        return answers

    async def close(self) -> None:
        """Let go: the connections are the client's."""


def _too_large(record: Record) -> Answer:
    return Answer(
        outcome=Outcome.DISCARD,
        code=ANY_OTHER,
        level=Level.ERROR,
        detail=f"the record has {record.size} bytes, {MAX_RECORD_BYTES} are the limit",
    )
