"""The ways out, by kind of sink."""

from trunkline.accounts import Accounts
from trunkline.clock import Clock
from trunkline.delivery.ports import Sender
from trunkline.events.catalogue import SinkType
from trunkline.outgoing.client import Client
from trunkline.settings import Settings
from trunkline.sinks.aws.own_credentials import OwnCredentials
from trunkline.sinks.kinesis import Endpoints, KinesisSink
from trunkline.sinks.segment import SegmentSink
from trunkline.sinks.webhook import WebhookSink
from trunkline.streams import configuration
from trunkline.streams.sinks import Sink


class Senders:
    """Makes a sink's client. They share one HTTP client, and the AWS credentials."""

    def __init__(
        self, settings: Settings, accounts: Accounts, client: Client, clock: Clock
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._client = client
        self._clock = clock
        self._own_credentials = OwnCredentials()

    def make(self, sink: Sink) -> Sender:
        """Return the client of a sink."""
        account = self._accounts.account(sink.account_sid)
        assert account is not None
        match sink.sink_type:
            case SinkType.WEBHOOK:
                return WebhookSink(
                    sink_sid=sink.sid,
                    destination=str(sink.configuration["destination"]),
                    method=configuration.method(sink.configuration),
                    batch_events=configuration.batches(sink.configuration),
                    auth_token=account.auth_token,
                    sign_with_userinfo=self._settings.sign_with_userinfo,
                    client=self._client,
                    clock=self._clock,
                )
            case SinkType.KINESIS:
                return KinesisSink(
                    sink_sid=sink.sid,
                    configuration=sink.configuration,
                    endpoints=Endpoints(
                        kinesis=self._settings.kinesis_endpoint_url,
                        sts=self._settings.sts_endpoint_url,
                    ),
                    own=self._own_credentials,
                    client=self._client,
                    clock=self._clock,
                )
            case SinkType.SEGMENT:
                return SegmentSink(
                    sink_sid=sink.sid,
                    write_key=str(sink.configuration["write_key"]),
                    endpoint=self._settings.segment_endpoint_url,
                    client=self._client,
                    clock=self._clock,
                )
