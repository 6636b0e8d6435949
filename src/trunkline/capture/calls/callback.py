"""The callback: what a call owes its subscriber, and the requests that carry it. Pure.

A callback is composed once, when its progress event fires, and stored before it is
sent: token, SIDs, parameters and time are equal on every attempt, redirect and
re-send after a restart (spec call-progress 5). A request for TwiML goes the same way.
"""

import hashlib
from typing import NamedTuple

import msgspec

from trunkline import signing
from trunkline.capture.calls import handshake, parameters, targets
from trunkline.capture.calls.call import Call, Owed
from trunkline.capture.calls.parameters import Parameters
from trunkline.capture.calls.progress import Progress
from trunkline.capture.calls.targets import Target
from trunkline.events.ids import Ids
from trunkline.outgoing import urls
from trunkline.outgoing.messages import Response


FORM = "application/x-www-form-urlencoded; charset=UTF-8"
USER_AGENT = "TwilioProxy/1.1"

_KEEP_METHOD = frozenset({307, 308})
_BECOME_GET = frozenset({301, 302, 303})
_UNAUTHORIZED = 401


class CallRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request of a call's life to a server of whoever made the call.

    `url` is as configured, with fragment, user and password. `token` is what tells
    the server that it has had this request before.
    """

    call_sid: str
    account_sid: str
    url: str
    method: str
    parameters: Parameters
    token: str


class Callback(CallRequest, frozen=True, kw_only=True):
    """One progress event on its way to the call's subscriber.

    `event_sid` and `twin_event_sid` are the ids of the event and of its deprecated
    twin.
    """

    progress: Progress
    event_sid: str
    twin_event_sid: str
    fired_ms: int


class Hop(NamedTuple):
    """One request of an attempt: the first, or where a redirect leads.

    `parameters` are still to be added, to body or query. `authorization` is the
    header's value once the server has asked for it.
    """

    method: str
    target: Target
    parameters: Parameters
    authorization: str | None = None

    @property
    def url(self) -> str:
        """The URL on the wire."""
        if self.method == "GET":
            return targets.with_query(self.target.url, self.parameters)
        return self.target.url

    @property
    def body(self) -> bytes:
        """The body: the form of a POST."""
        if self.method == "GET":
            return b""
        return targets.form(self.parameters)


def compose(call: Call, owed: Owed, ids: Ids, *, extra: bool = False) -> Callback:
    """Return the callback that `call`, which has a callback config, now owes."""
    assert call.callback is not None
    return Callback(
        call_sid=call.sid,
        account_sid=call.account_sid,
        progress=owed.progress,
        url=call.callback.url,
        method=call.callback.method,
        parameters=parameters.parameters(call, owed, extra=extra),
        token=ids.uuid4(),
        event_sid=ids.sid("VW"),
        twin_event_sid=ids.sid("VW"),
        fired_ms=owed.fired_ms,
    )


def first_hop(request: CallRequest) -> Hop:
    """Return the first request of an attempt. Raises InvalidUrl."""
    target = targets.target_of(request.url)
    return Hop(request.method, target, request.parameters)


def headers(
    hop: Hop, token: str, *, auth_token: str, region: str, cookies: str
) -> tuple[tuple[str, str], ...]:
    """Return the headers of a request, beyond those that frame it.

    `token` is the idempotency token, `auth_token` is the account's and signs.
    """
    signed = targets.signed_form(hop.url)
    if hop.method == "GET":
        signature = signing.sign_url(signed, auth_token)
        lines = []
    else:
        signature = signing.sign_form(signed, hop.parameters, auth_token)
        lines = [("Content-Type", FORM)]
    lines += [
        ("X-Twilio-Signature", signature),
        ("I-Twilio-Idempotency-Token", token),
        ("Accept", "*/*"),
        ("User-Agent", USER_AGENT),
        ("X-Home-Region", region),
    ]
    if cookies:
        lines.append(("Cookie", cookies))
    if hop.authorization is not None:
        lines.append(("Authorization", hop.authorization))
    return tuple(lines)


def next_hop(hop: Hop, response: Response, token: str) -> Hop | None:
    """Return the request that an answer asks for; None where the answer is the last.

    That is the same request with user and password, or the target of a redirect.
    `token` is the idempotency token; it makes what a Digest handshake needs once.
    Raises InvalidUrl for a redirect to nowhere.
    """
    if response.status == _UNAUTHORIZED:
        return _authorized(hop, response, token)
    location = response.header("location")
    if location is None or response.status not in _KEEP_METHOD | _BECOME_GET:
        return None
    target = targets.joined(hop.target.url, location)
    # User and password are the subscriber's; what a redirect names does not count.
    same = target.origin == hop.target.origin
    target = target._replace(credentials=hop.target.credentials if same else None)
    method = hop.method if response.status in _KEEP_METHOD else "GET"
    return Hop(method, target, hop.parameters)


def _authorized(hop: Hop, response: Response, token: str) -> Hop | None:
    if hop.target.credentials is None or hop.authorization is not None:
        return None
    url = hop.url
    header = handshake.authorization(
        (v for name, v in response.headers if name.lower() == "www-authenticate"),
        credentials=hop.target.credentials,
        method=hop.method,
        uri=urls.split(url)[1],
        cnonce=hashlib.sha256(f"{token}{url}".encode()).hexdigest(),
    )
    return None if header is None else hop._replace(authorization=header)
