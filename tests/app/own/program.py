"""The whole program in one process, asked without a socket in between."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from starlette.types import ASGIApp
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant

from trunkline.server import running
from trunkline.settings import Settings


ACCOUNT_SID = "AC" + "0" * 31 + "1"
AUTH_TOKEN = "the-auth-token"
KEY_SID = "SK" + "0" * 31 + "1"
KEY_SECRET = "the-key-secret-of-32-characters-"
SDK_TYPE = "com.twilio.voice.insights.call-event.sdk"


@dataclass
class Answer:
    """An answer of the application."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """A webhook's receiver that answers with `status` and counts requests."""

    status: int = 204
    requests: list[bytes] = field(default_factory=list)
    url: str = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Receiver"]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/events"
        yield self
        server.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = [n for n in head.lower().split(b"\r\n") if b"content-length" in n]
            self.requests.append(
                await reader.readexactly(int(length[0].split(b":")[1]))
            )
            words = b"no thanks" if self.status >= 400 else b""
            writer.write(
                b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
                % (self.status, len(words), words)
            )
            await writer.drain()
        finally:
            writer.close()


@dataclass
class Program:
    """The running program."""

    app: ASGIApp
    user: str = ACCOUNT_SID
    password: str = AUTH_TOKEN

    async def ask(
        self,
        method: str,
        path: str,
        *,
        form: dict[str, Any] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
        got: Callable[[bytes], bool] = lambda _: False,
        authorised: bool = True,
    ) -> Answer:
        """Send a request. `got` ends an endless answer, as a client that goes away."""
        sent = {"host": "trunkline.test", **(headers or {})}
        if authorised:
            pair = f"{self.user}:{self.password}".encode()
            sent["authorization"] = f"Basic {b64encode(pair).decode()}"
        raw = b""
        if form is not None:
            sent["content-type"] = "application/x-www-form-urlencoded"
            raw = urlencode(form, doseq=True).encode()
        elif body is not None:
            sent.setdefault("content-type", "application/json")
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        parts = urlsplit(path)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(k.encode(), v.encode()) for k, v in sent.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        gone = asyncio.Event()
        requests = [{"type": "http.request", "body": raw, "more_body": False}]
        answer = Answer(0, {}, b"")

        async def receive() -> dict[str, Any]:
            if requests:
                return requests.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {
                    name.decode(): value.decode() for name, value in message["headers"]
                }
            else:
                answer.body += message.get("body", b"")
                if got(answer.body):
                    gone.set()

        await self.app(scope, receive, send)
        return answer

    async def get(self, path: str) -> Any:
        """Return what is at a path of our own API."""
        answer = await self.ask("GET", f"/trunkline/v1/{path}")
        assert answer.status == 200, answer.body
        return answer.json

    async def post(self, path: str, **form: Any) -> Answer:
        """Post a form to a path of our own API."""
        return await self.ask("POST", f"/trunkline/v1/{path}", form=form)

    async def until(self, path: str, seen: Callable[[Any], bool]) -> Any:
        """Look until what is at a path is as it should be."""
        while not seen(found := await self.get(path)):  # noqa: ASYNC110 (seen from outside)
            await asyncio.sleep(0.01)
        return found

    async def make_sink(self, url: str, *types: str) -> str:
        """Make a webhook sink that is subscribed to types; return its SID."""
        made = await self.ask(
            "POST",
            "/v1/Sinks",
            form={
                "Description": "receiver",
                "SinkType": "webhook",
                "SinkConfiguration": json.dumps({"destination": url}),
            },
        )
        assert made.status == 201, made.body
        sid: str = made.json["sid"]
        subscribed = await self.ask(
            "POST",
            "/v1/Subscriptions",
            form={
                "Description": "all",
                "SinkSid": sid,
                "Types": [json.dumps({"type": row}) for row in types or (SDK_TYPE,)],
            },
        )
        assert subscribed.status == 201, subscribed.body
        return sid

    async def sdk_post(self, name: str, call_sid: str, **payload: str) -> None:
        """Post a Voice SDK event, which is accepted as an event at once."""
        post = {
            "group": "connection",
            "name": name,
            "level": "INFO",
            "payload": {"call_sid": call_sid, "sdk_version": "2.18.5", **payload},
            "publisher": "twilio-js-sdk",
            "timestamp": "2026-11-20T09:13:16.860Z",
        }
        answer = await self.ask(
            "POST",
            "/v4/EndpointEvents",
            body=post,
            headers={"x-twilio-token": access_token()},
            authorised=False,
        )
        assert answer.status == 200, answer.body


def access_token() -> str:
    token = AccessToken(ACCOUNT_SID, KEY_SID, KEY_SECRET, identity="alice")
    token.add_grant(VoiceGrant(outgoing_application_sid="AP" + "0" * 32))
    return str(token.to_jwt())


@asynccontextmanager
async def program(
    folder: Path, stopping: asyncio.Event | None = None, **settings: Any
) -> AsyncIterator[Program]:
    """Run the program on a folder, with known credentials."""
    chosen = Settings(
        data_dir=folder,
        account_sid=ACCOUNT_SID,
        auth_token=AUTH_TOKEN,
        api_key_sid=KEY_SID,
        api_key_secret=KEY_SECRET,
        **settings,
    )
    async with running(chosen, stopping=stopping) as app:
        yield Program(app)
