"""The Voice SDK gateway, end to end: its pure road, and the whole of it over ASGI.

What comes out is judged by others than Trunkline: `json`, and `jsonschema` on the schema
documents.
"""

import asyncio
import base64
import hashlib
import hmac
import json
from contextlib import AsyncExitStack
from ipaddress import ip_network
from logging import CRITICAL
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import msgspec
import structlog
from tests.app.sdk.conftest import OTHER_ACCOUNT, OTHER_KEY, Answer, House, Server

from trunkline.accounts import Account, Accounts, ApiKey
from trunkline.capture.sdk import identity
from trunkline.capture.sdk.arrival import event_of
from trunkline.capture.sdk.device import Hints
from trunkline.capture.sdk.mapping import Sender
from trunkline.capture.sdk.post import Post, parse_event, parse_metrics
from trunkline.capture.sdk.privacy import Privacy
from trunkline.capture.sdk.samples import RollUp, roll_ups, samples_of, total
from trunkline.capture.sdk.sticky import Memory
from trunkline.capture.sdk.token import MAX_LIFETIME_S, Tokens
from trunkline.errors import Refused
from trunkline.events import envelope, schemas


NOW_MS = 1_795_251_600_000

CA, TJS = "CA" + "1" * 32, "TJS86cbb486-ccff-4689-b2da-587321b75215"
ACCOUNT = Account(sid="AC" + "0" * 31 + "3", auth_token="a" * 32)
KEY = ApiKey(sid="SK" + "0" * 31 + "3", account_sid=ACCOUNT.sid, secret="c" * 32)

_SENDER = Sender(
    account_sid=ACCOUNT.sid,
    client_name="alice",
    address="203.0.113.7",
    hints=Hints(user_agent="Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0"),
)
_PRIVACIES = [Privacy(salt=b"s"), Privacy(salt=b"s", ip_privacy="truncate")]

# What is held or kept is read again from another place in the program, deeper in calls.
_DEEPER = 40

# The errors that are documented, but for those of tokens.
_CODES = {400: 70001, 404: 20404, 405: 20004, 413: 20413, 429: 20429}

_PATHS = frozenset(f"/v{v}/Endpoint{w}" for v in (3, 4) for w in ("Events", "Metrics"))

# So many requests of the gateway, and what they have left behind is judged.
_CHECKED_EVERY = 200

_read_roll_up = msgspec.json.Decoder(RollUp).decode


class Schema:
    """The schema documents of both versions, with a judge who is slow.

    Whether data is valid depends on which members it has and of which types: data that is
    like some that was found valid is judged now and then only.
    """

    def __init__(self) -> None:
        self._validators = [
            jsonschema.Draft7Validator(
                json.loads(schemas.document("VoiceInsights.CallEvent", n, "h") or b"")
            )
            for n in (1, 2)
        ]
        self._valid: set[object] = set()
        self._count = 0

    def check(self, data: bytes) -> Any:
        """Return the data, decoded. Raises ValidationError, and ValueError."""
        document = json.loads(data, parse_constant=_no_number)
        shape = _shape(document)
        self._count += 1
        if shape not in self._valid or self._count % 100 == 0:
            for validator in self._validators:
                validator.validate(document)
            self._valid.add(shape)
        return document


_schema = Schema()


def event_road(body: bytes) -> None:
    """Take an event post to its event, as the gateway would. Raises Refused."""
    post = parse_event(body, NOW_MS)
    for privacy in _PRIVACIES:
        kept = privacy.body(body)
        try:
            again = _parse_from_afar(kept)
        except Refused as refused:
            raise AssertionError("what is kept of it cannot be read") from refused
        for call_sid in _ids_of_event(post):
            data = _event(post, call_sid)
            assert _event(again, call_sid) == data, "what is kept makes another event"
            assert _schema.check(data)["call_sid"] == call_sid


def metrics_road(body: bytes) -> None:
    """Take a metrics post to its samples and roll-ups, and read these. Raises Refused."""
    for privacy in _PRIVACIES:
        samples = samples_of(parse_metrics(privacy.body(body)), NOW_MS)
        for sample in samples:
            json.loads(msgspec.json.encode(sample.fields), parse_constant=_no_number)
        for roll_up in roll_ups(samples).values():
            read = _read_roll_up(msgspec.json.encode(roll_up))
            _read_roll_up(msgspec.json.encode(total([read, read])))


def token_claims(data: bytes) -> None:
    """Check a token of a header and claims, a line each, that is signed as it should be.

    Raises Refused.
    """
    header, _, claims = data.partition(b"\n")
    tokens = Tokens(Accounts([ACCOUNT, OTHER_ACCOUNT], [KEY, OTHER_KEY]))
    signed = b".".join(
        base64.urlsafe_b64encode(p).rstrip(b"=") for p in (header, claims)
    )
    refusal = None
    for secret in (KEY.secret, ACCOUNT.auth_token):
        mac = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
        token = signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")
        try:
            caller = tokens.verify(token, NOW_MS)
        except Refused as refused:
            assert refused.status == 403  # noqa: PT017 (either is good)
            refusal = refused
            continue
        told = json.loads(claims)
        assert caller.account_sid == ACCOUNT.sid
        assert json.loads(header)["alg"] == "HS256"
        assert told["exp"] - (told.get("nbf") or NOW_MS / 1000) <= MAX_LIFETIME_S
        assert told["exp"] > NOW_MS / 1000 - 60
        return
    assert refusal is not None
    raise refusal


class OverAsgi:
    """The gateway on a database, asked as a server would ask it.

    An input is a request: `METHOD path`, headers, an empty line, the body; `--` on a line
    of its own parts the body. Some tokens are words. Starts with its first request, in
    the process that it is made in; what it is fed later sees what came before.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Server | None = None
        self._requests = 0
        self._stack = AsyncExitStack()

    def __call__(self, data: bytes) -> int:
        """Return the status of the answer."""
        if self._server is None:
            self._loop = asyncio.new_event_loop()
            self._server = self._loop.run_until_complete(self._start())
        return self._loop.run_until_complete(self._ask(self._server, data))

    async def _start(self) -> Server:
        # A line for each refused token is not wanted here.
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(CRITICAL)
        )
        self._folder.mkdir()
        return await self._stack.enter_async_context(
            House(self._folder).server(
                sdk_trusted_proxies=(ip_network("203.0.113.0/24"),),
                sdk_ip_privacy="truncate",
                public_url="https://trunkline.example",
            )
        )

    async def _ask(self, server: Server, data: bytes) -> int:
        head, _, body = data.partition(b"\n\n")
        first, *lines = head.decode("latin-1").split("\n")
        method, _, path = first.partition(" ")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        headers = {n: v for n, v in headers.items() if n.isascii()}
        given = headers.get("x-twilio-token", "")
        token = self._token(server, given)
        if token is not None:
            headers["x-twilio-token"] = token
        answer = await server.request(
            method, path, headers=headers, chunks=body.split(b"\n--\n")
        )
        server.clock.advance(2.1)  # the next may fail with its token as well
        self._judge(answer, path)
        is_posted = method == "POST" and path in _PATHS
        assert not (is_posted and answer.status == 200 and token is None), "any token"
        self._requests += 1
        if self._requests % _CHECKED_EVERY == 1:
            await self._check_events(server)
        return answer.status

    def _token(self, server: Server, word: str) -> str | None:
        now = server.clock.now_ms() // 1000
        match word:
            case "good":
                return server.token()
            case "other":
                return server.token(iss=OTHER_KEY.sid, sub=OTHER_ACCOUNT.sid)
            case "expired":
                return server.token(nbf=now - 4000, exp=now - 400)
            case _:
                return None

    def _judge(self, answer: Answer, path: str) -> None:
        """Assert that an answer is one of those that are documented."""
        if path in _PATHS:
            assert answer.headers["access-control-allow-origin"] == "*"
        if answer.status in {200, 204}:
            assert bool(answer.body) == (path not in _PATHS)
            return
        told = json.loads(answer.body)
        assert told.keys() == {"code", "message"}
        assert isinstance(told["message"], str)
        if answer.status == 403:
            assert 20101 <= told["code"] <= 20160
        else:
            assert told["code"] == _CODES[answer.status], answer

    async def _check_events(self, server: Server) -> None:
        """Let what is held go out, and judge what came; forget it all some days later."""
        server.clock.advance(120)
        await server.joiner.release_due()
        rows = await server.database.read(
            lambda c: c.execute("SELECT data FROM event").fetchall()
        )
        for (data,) in rows:
            _schema.check(data)
        assert await server.count("held_event") == 0
        await server.database.write(lambda c: c.execute("DELETE FROM event").close())
        server.clock.advance(8 * 24 * 60 * 60)
        await server.joiner.prune()


def _ids_of_event(post: Post) -> set[str]:
    """Return the ids that the event of a post may go out under."""
    ids, found = post.ids, set[str]()
    if ids.call_sid is None and ids.temp_call_sid is None:
        return found
    for known in (None, CA):
        decision = identity.join(
            known, ids, now_ms=NOW_MS, hold_ms=60_000, over=identity.ends_call(post)
        )
        if isinstance(decision, identity.Hold):
            assert NOW_MS < decision.until_ms <= NOW_MS + 60_000
            assert ids.temp_call_sid is not None
            found.add(ids.temp_call_sid)
        else:
            found.add(decision)
    return found


def _event(post: Post, call_sid: str) -> bytes:
    memory = Memory()
    memory.hear(post)
    event = event_of("EZ" + "1" * 32, post, _SENDER, memory, call_sid)
    json.loads(envelope.render(event, 2))
    return event.data


def _parse_from_afar(body: bytes, calls: int = _DEEPER) -> Post:
    return _parse_from_afar(body, calls - 1) if calls else parse_event(body, NOW_MS)


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return tuple((name, _shape(member)) for name, member in value.items())
    if isinstance(value, list):
        return frozenset(_shape(member) for member in value)
    return type(value)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")
