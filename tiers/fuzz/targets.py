"""The parsers of what comes from outside, what they are fed first, and how they may refuse."""

import json
from contextlib import suppress
from pathlib import Path

from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, KEY_SECRET, KEY_SID
from tests.system.test_server import access_token, sdk_post
from tiers.fuzz import voice_sdk
from tiers.fuzz.target import Target
from tiers.fuzz.voice_sdk import ACCOUNT, CA, KEY, NOW_MS, TJS

from trunkline.accounts import Account, Accounts, ApiKey
from trunkline.api.forms import parse_form
from trunkline.capture import relay
from trunkline.capture.calls import twiml
from trunkline.capture.calls.engines import freeswitch
from trunkline.capture.calls.engines.asterisk import events
from trunkline.capture.calls.overrides import overrides_of
from trunkline.capture.sdk import device, post, worker
from trunkline.capture.sdk.client_address import read_address
from trunkline.capture.sdk.token import Tokens
from trunkline.errors import Refused
from trunkline.events import envelope, test_event
from trunkline.events.catalogue import SDK_EVENT_TYPE, SinkType
from trunkline.outgoing.urls import InvalidUrl, split
from trunkline.streams import configuration


DATA = Path(__file__).parents[2] / "tests" / "data"

FREESWITCH = b"""Event-Name: CHANNEL_ANSWER
Unique-ID: 5b1e8a2c-0000-4000-8000-000000000000
variable_sip_call_id: a@b
Event-Date-Timestamp: 1795251600000000

"""

TWIML = b"""<?xml version="1.0"?><Response><Say voice="alice">Hi</Say><Dial timeout="10"
action="/next"><Number statusCallback="https://example.com/cb" statusCallbackEvent="initiated
answered">+14155550100</Number></Dial><Redirect>/more</Redirect><Hangup/></Response>"""


# Some are nested nearly as deeply as can be read.
HARD_EVENTS = (
    *(
        b'{"group":"a","name":"b","payload":{"temp_call_sid":"%b","data":%b1%b}}'
        % (TJS.encode(), b"[" * depth, b"]" * depth)
        for depth in (400, *range(800, 1000, 25))
    ),
    json.dumps(
        {
            "group": "network-quality-warning-raised",
            "name": "high-rtt",
            "level": "WARNING",
            "payload": {
                "call_sid": CA,
                "temp_call_sid": TJS,
                "timestamp_ms": 1795251600000,
                "code": "31401",
                "quality_score": 4,
                "issue_name": "echo",
                "data": {"threshold": "1e308", "values": [[1e300], 10**30, "1e999"]},
                "local_candidate": {"candidate_type": "host", "ip": "10.1.2.3"},
                "audio_device_ids": ["default", "\u20ac"],
            },
            "publisher": "twilio-voice-android",
            "publisher_metadata": {"os_name": "android", "device_model": 7},
        }
    ).encode(),
)
HARD_METRICS = (
    b'{"group":"a","name":"b","payload":[{"call_sid":"%b","jitter":"1e308","mos":null,'
    b'"packets_lost":1e300,"total_bytes_sent":99999999999999999999},5,{"rtt":"Infinity"}]}'
) % CA.encode()

HEADER = b'{"alg":"HS256","typ":"JWT","cty":"twilio-fpa;v=1"}\n'
GOOD_CLAIMS = (
    HEADER + b'{"iss":"%b","sub":"%b","nbf":1795251600,"exp":1795255200,"jti":"x",'
    b'"grants":{"identity":"alice","voice":{"incoming":{"allow":true}}}}'
    % (KEY.sid.encode(), ACCOUNT.sid.encode()),
    b'{"alg":"HS256","typ":"JWT"}\n{"iss":"%b","exp":1795255200,'
    b'"scope":"scope:client:incoming?clientName=bob scope:client:outgoing?appSid=AP1"}'
    % ACCOUNT.sid.encode(),
)
CLAIMS = (
    *GOOD_CLAIMS,
    *(GOOD_CLAIMS[0].replace(b"HS256", alg) for alg in (b"none", b"RS256")),
)

REQUEST_HEADERS = b"""
x-twilio-token: good
x-trunkline-delivery: 5b1e8a2c-0000-4000-8000-00000000000%d
x-forwarded-for: 198.51.100.9, 203.0.113.9
user-agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0
sec-ch-ua: "Brave";v="1"

"""


def targets(folder: Path) -> list[Target]:
    """Return all parsers, with their corpus. `folder` is for what they write."""
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
        Target(
            "SDK event road", voice_sdk.event_road, (*posts, *HARD_EVENTS), (Refused,)
        ),
        Target(
            "SDK metrics road",
            voice_sdk.metrics_road,
            (*_posts("Metrics"), HARD_METRICS),
            (Refused,),
        ),
        Target(
            "SDK gateway", voice_sdk.OverAsgi(folder / "gateway"), _requests(posts), ()
        ),
        Target(
            "SDK worker",
            lambda b: worker.script("https://a.example", b),
            (b"mode=reroute&a=%20",),
            (Refused,),
        ),
        Target(
            "tokens",
            lambda b: _verify(b, signed, claims),
            (access_token().encode(),),
            (Refused,),
        ),
        Target("CloudEvents", _relay, _cloud_events(), (Refused,)),
        Target("token claims", voice_sdk.token_claims, CLAIMS, (Refused,)),
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


def _requests(posts: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return requests of the gateway: posts of all sorts, and others."""
    events, metrics = b"POST /v4/EndpointEvents", b"POST /v3/EndpointMetrics"
    bare = b"\nx-twilio-token: %b\n\n"
    return (
        *(events + bare % b"good" + post for post in posts[::8]),
        *(events + REQUEST_HEADERS % n + HARD_EVENTS[-1] for n in range(2)),
        *(events + bare % b"good" + hard for hard in HARD_EVENTS),
        metrics + bare % b"good" + HARD_METRICS,
        metrics + REQUEST_HEADERS % 9 + HARD_METRICS,
        events + bare % b"other" + posts[0],
        events + bare % b"expired" + posts[0][:50] + b"\n--\n" + posts[0][50:],
        events + bare % access_token().encode() + posts[0],
        events + b"\ncontent-length: 70000\nx-twilio-token: good\n\n{}",
        b"OPTIONS /v3/EndpointEvents\norigin: https://a.example\n\n",
        b"GET /voice-sdk/sw.js\n\n",
        b"PUT /v4/EndpointMetrics\n\n",
    )


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
