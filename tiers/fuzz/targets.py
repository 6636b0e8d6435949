"""The parsers of what comes from outside, what they are fed first, and how they may refuse."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, KEY_SECRET, KEY_SID
from tests.system.test_server import access_token, sdk_post

from trunkline.accounts import Account, Accounts, ApiKey
from trunkline.api.forms import parse_form
from trunkline.capture import relay
from trunkline.capture.calls import twiml
from trunkline.capture.calls.engines import freeswitch
from trunkline.capture.calls.engines.asterisk import events
from trunkline.capture.calls.overrides import overrides_of
from trunkline.capture.sdk import device, post
from trunkline.capture.sdk.client_address import read_address
from trunkline.capture.sdk.token import Tokens
from trunkline.errors import Refused
from trunkline.events import envelope, test_event
from trunkline.events.catalogue import SDK_EVENT_TYPE, SinkType
from trunkline.outgoing.urls import InvalidUrl, split
from trunkline.streams import configuration


DATA = Path(__file__).parents[2] / "tests" / "data"
NOW_MS = 1_795_251_600_000

FREESWITCH = b"""Event-Name: CHANNEL_ANSWER
Unique-ID: 5b1e8a2c-0000-4000-8000-000000000000
variable_sip_call_id: a@b
Event-Date-Timestamp: 1795251600000000

"""

TWIML = b"""<?xml version="1.0"?><Response><Say voice="alice">Hi</Say><Dial timeout="10"
action="/next"><Number statusCallback="https://example.com/cb" statusCallbackEvent="initiated
answered">+14155550100</Number></Dial><Redirect>/more</Redirect><Hangup/></Response>"""


@dataclass(frozen=True, slots=True)
class Target:
    """A parser. Anything that it raises but `refusals` is a bug."""

    name: str
    parse: Callable[[bytes], object]
    corpus: tuple[bytes, ...]
    refusals: tuple[type[Exception], ...]


def targets() -> list[Target]:
    """Return all parsers, with their corpus."""
    accounts = Accounts(
        [Account(sid=ACCOUNT_SID, auth_token=AUTH_TOKEN)],
        [ApiKey(sid=KEY_SID, account_sid=ACCOUNT_SID, secret=KEY_SECRET)],
    )
    claims = Tokens(accounts, check_signature=False)
    signed = Tokens(accounts)
    ari = _lines("asterisk-ari")
    posts = (sdk_post(1), *_posts("Events"))
    return [
        Target(
            "forms",
            parse_form,
            (b"To=%2B1415&Url=https%3A%2F%2Fx%2F&A=1&A=2",),
            (Refused,),
        ),
        Target("SDK events", lambda b: post.parse_event(b, NOW_MS), posts, (Refused,)),
        Target("SDK metrics", post.parse_metrics, _posts("Metrics"), (Refused,)),
        Target(
            "tokens",
            lambda b: _verify(b, signed, claims),
            (access_token().encode(),),
            (Refused,),
        ),
        Target("CloudEvents", _relay, _cloud_events(), (Refused,)),
        Target(
            "TwiML",
            lambda b: twiml.parse(b, base=None, networks=()),
            (TWIML,),
            (twiml.NotTwiml,),
        ),
        Target("ARI events", events.decode, ari, (events.Unreadable,)),
        Target(
            "FreeSWITCH events",
            lambda b: freeswitch.report_of(freeswitch.parse(_text(b))),
            (FREESWITCH,),
            (freeswitch.NotAnEvent,),
        ),
        Target(
            "connection overrides",
            lambda b: overrides_of(_text(b)),
            (
                b"https://x/#ct=2000&rt=3000&tt=15000&rc=2&rp=4xx,5xx,ct,rt&sni=n&e=ashburn",
            ),
            (),
        ),
        Target(
            "URLs",
            lambda b: split(_text(b)),
            (b"https://[::1]:8443/a?b=c",),
            (InvalidUrl,),
        ),
        Target(
            "sink configurations",
            lambda b: configuration.parse(SinkType.WEBHOOK, _text(b)),
            (
                b'{"destination":"https://a.example/x","method":"POST","batch_events":true}',
            ),
            (configuration.Misconfigured,),
        ),
        Target(
            "user agents",
            lambda b: device.agent(device.Hints(_text(b), _text(b), "?1", '"Linux"')),
            (b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0",),
            (),
        ),
        Target(
            "addresses", lambda b: read_address(_text(b)), (b"[2001:db8::1]:80",), ()
        ),
    ]


def _verify(token: bytes, signed: Tokens, claims: Tokens) -> None:
    """Check a token with and without its signature."""
    with suppress(Refused):
        signed.verify(token, NOW_MS)
    claims.verify(token, NOW_MS)


def _relay(body: bytes) -> None:
    """Read a body in every mode."""
    headers = {"ce-specversion": "1.0", "ce-type": SDK_EVENT_TYPE, "ce-source": "/s"}
    relay.parse_binary({**headers, "ce-id": _text(body)}, body, ACCOUNT_SID)
    for content_type in (relay.STRUCTURED, relay.BATCH):
        with suppress(Refused):
            relay.parse(body, content_type, ACCOUNT_SID)
    relay.parse(body, relay.JSON, ACCOUNT_SID)


def _cloud_events() -> tuple[bytes, ...]:
    """Twilio's published examples, alone and together, and a test event of ours."""
    files = sorted((DATA / "seeds").glob("com.*.json"))
    published = tuple(file.read_bytes() for file in files)
    test = test_event.make(
        event_id="TE1",
        account_sid=ACCOUNT_SID,
        test_id="cae2f9e2-0000-4000-8000-000000000000",
        time="2026-06-10T06:02:54.377Z",
    )
    together = b"[" + b",".join((*published, envelope.render(test, 1))) + b"]"
    return (*published, together)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _lines(folder: str) -> tuple[bytes, ...]:
    files = sorted((DATA / folder).glob("*.jsonl"))
    return tuple(line for file in files for line in file.read_bytes().splitlines())


def _posts(ending: str) -> tuple[bytes, ...]:
    requests = [json.loads(line) for line in _lines("voice-sdk")]
    return tuple(
        json.dumps(request["body"]).encode()
        for request in requests
        if request["path"].endswith(ending) and request["body"]
    )
