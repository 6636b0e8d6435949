"""What the demo asks of the server with Twilio's own client, unmodified."""

from dataclasses import dataclass
from typing import NamedTuple

import twilio
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from trunkline.accounts import Account


CLIENT = f"twilio-python {twilio.__version__}"

# For the server's own requests nobody waits this long (seconds).
_TIMEOUT = 10.0

_ALL_PROGRESS = ("initiated", "ringing", "answered", "completed")
_FROM = "+14155550100"
_TWIML = "<Response><Say>Hello from the demo.</Say></Response>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A number to call, how that ends, and which progress events it goes through."""

    to: str
    outcome: str
    progress: tuple[str, ...] = _ALL_PROGRESS


SCENARIOS = (
    Scenario(to="+14155550123", outcome="answered"),
    Scenario(to="+14155550001", outcome="busy", progress=("initiated", "completed")),
    Scenario(
        to="+14155550002",
        outcome="no answer",
        progress=("initiated", "ringing", "completed"),
    ),
    Scenario(to="+14155550003", outcome="failed", progress=("initiated", "completed")),
    Scenario(
        to="+14155550004",
        outcome="answered without ringing",
        progress=("initiated", "answered", "completed"),
    ),
)


class Subscribed(NamedTuple):
    """What was made so that events come."""

    types: list[str]
    sink_sid: str
    subscription_sid: str


def client_for(url: str, account: Account) -> Client:
    """Return Twilio's client, pointed at a server and blind to the environment."""
    client = Client(
        account.sid,
        account.auth_token,
        # Else the client reads TWILIO_REGION and TWILIO_EDGE and changes the host.
        environment={"TWILIO_ACCOUNT_SID": account.sid},
        http_client=TwilioHttpClient(timeout=_TIMEOUT),
    )
    # A proxy of this machine's environment is for the world outside it.
    client.http_client.session.trust_env = False
    client.api.base_url = url
    client.events.base_url = url
    return client


def subscribe(client: Client, destination: str) -> Subscribed:
    """Make a webhook sink, and subscribe it to every type that the server lists."""
    types = [row.type for row in client.events.v1.event_types.list()]
    sink = client.events.v1.sinks.create(
        description="Trunkline demo",
        sink_type="webhook",
        sink_configuration={"destination": destination, "method": "POST"},
    )
    subscription = client.events.v1.subscriptions.create(
        description="Everything",
        sink_sid=sink.sid,
        types=[{"type": type_} for type_ in types],
    )
    return Subscribed(types, sink.sid, subscription.sid)


def place(client: Client, scenario: Scenario, callback_url: str) -> str:
    """Place a call that reports all of its progress; return its SID."""
    call = client.calls.create(
        to=scenario.to,
        from_=_FROM,
        twiml=_TWIML,
        status_callback=callback_url,
        status_callback_method="POST",
        status_callback_event=list(_ALL_PROGRESS),
    )
    sid: str = call.sid
    return sid
