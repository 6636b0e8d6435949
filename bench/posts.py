"""What is sent: event posts of a Voice SDK, and requests for calls.

Templates are whole requests; `%(n)` stands for a request's number and `%(call)` for
that of its call (`bench.load.values_of`).
"""

import base64
import time
from urllib.parse import quote_plus

import jwt

from bench.load import values_of


ACCOUNT_SID = "AC" + "0b" * 16
AUTH_TOKEN = "0c" * 16
API_KEY_SID = "SK" + "0d" * 16
API_KEY_SECRET = "0e" * 16

#: Credentials for the server under test.
ENVIRONMENT = {
    "TRUNKLINE_ACCOUNT_SID": ACCOUNT_SID,
    "TRUNKLINE_AUTH_TOKEN": AUTH_TOKEN,
    "TRUNKLINE_API_KEY_SID": API_KEY_SID,
    "TRUNKLINE_API_KEY_SECRET": API_KEY_SECRET,
}

_SECONDS_VALID = 3600

# As version 2 of the JavaScript SDK posts it, in size and in shape; what varies has a
# fixed width. The name is made up, so that the receiver can tell events apart.
_BODY = (
    b'{"publisher":"twilio-js-sdk","group":"ice-candidate","name":"bench-%(n)08d",'
    b'"timestamp":"@TIME@","level":"DEBUG","payload_type":"application/json",'
    b'"private":false,"payload":{"aggressive_nomination":false,'
    b'"browser_extension":false,"dscp":true,"ice_restart_enabled":true,'
    b'"platform":"WebRTC","sdk_version":"2.18.5","call_sid":"CA%(call)032x",'
    b'"temp_call_sid":"TJS0f8b1d52-6a37-4c1e-9d20-%(call)012x",'
    b'"direction":"OUTGOING","gateway":"gw.example.com","region":"US_EAST_VIRGINIA",'
    b'"candidate_type":"host","protocol":"udp","port":50000,"priority":2122},'
    b'"publisher_metadata":{}}'
)


def event_post(host: str) -> bytes:
    """Return the template of an event post, with a token that is good for an hour."""
    now = time.gmtime()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", now).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
        "(KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        "X-Twilio-Token": _access_token(),
    }
    return _post("/v4/EndpointEvents", host, headers, _BODY.replace(b"@TIME@", stamp))


def call_request(host: str, callback: str = "") -> bytes:
    """Return the template of a request for a call.

    With a status callback, the first of its life, to `callback` and the call's number.
    """
    twiml = quote_plus("<Response><Hangup/></Response>").replace("%", "%%")
    body = f"To=%%2B1555%(n)08d&From=%%2B15550001000&Twiml={twiml}".encode()
    if callback:
        url = quote_plus(f"{callback}/bench-").replace("%", "%%").encode()
        body += b"&StatusCallbackEvent=initiated&StatusCallback=%b%%(n)08d" % url
    headers = {
        "Authorization": basic_authorization(),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return _post(f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json", host, headers, body)


def basic_authorization() -> str:
    """Return the value of the header that the account sends to the API."""
    pair = f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _access_token() -> str:
    now = time.time_ns() // 1_000_000_000
    claims = {
        "jti": f"{API_KEY_SID}-{now}",
        "iss": API_KEY_SID,
        "sub": ACCOUNT_SID,
        "nbf": now,
        "exp": now + _SECONDS_VALID,
        "grants": {
            "identity": "bench",
            "voice": {"outgoing": {"application_sid": "AP" + "0f" * 16}},
        },
    }
    header = {"cty": "twilio-fpa;v=1"}
    return jwt.encode(claims, API_KEY_SECRET, algorithm="HS256", headers=header)


def _post(path: str, host: str, headers: dict[str, str], body: bytes) -> bytes:
    length = len(body % values_of(0, 1))
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n"
    return "".join([head, *lines, "\r\n"]).encode() + body
