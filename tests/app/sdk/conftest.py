"""The gateway over a real database, driven as a server would drive it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest

from trunkline.accounts import Account, Accounts, ApiKey
from trunkline.capture.sdk.client import Client
from trunkline.capture.sdk.failures import TokenFailures
from trunkline.capture.sdk.gateway import Gateway
from trunkline.capture.sdk.joiner import Joiner
from trunkline.capture.sdk.mapping import NOWHERE, Place
from trunkline.capture.sdk.metrics import Metrics
from trunkline.capture.sdk.privacy import Privacy
from trunkline.capture.sdk.token import Tokens
from trunkline.database.file import Database
from trunkline.events.ids import Ids
from trunkline.intake import Intake
from trunkline.log.sqlite import SqliteLog
from trunkline.settings import Settings
from trunkline.storage.posts import PostStore
from trunkline.testing import ManualClock


ACCOUNT = Account(sid="AC" + "0" * 31 + "1", auth_token="a" * 32)
OTHER_ACCOUNT = Account(sid="AC" + "0" * 31 + "2", auth_token="b" * 32)
KEY = ApiKey(sid="SK" + "0" * 31 + "1", account_sid=ACCOUNT.sid, secret="c" * 32)
OTHER_KEY = ApiKey(
    sid="SK" + "0" * 31 + "2", account_sid=OTHER_ACCOUNT.sid, secret="d" * 32
)
# When the recordings were made.
NOW_MS = 1_795_168_116_000


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> int:
        """The code of an error."""
        return int(json.loads(self.body)["code"])


@dataclass
class Entropy:
    """Random bytes that are not: every run of a test has the same ids."""

    count: int = 0

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(size, "big")


@dataclass
class Server:
    """One run of the server's gateway."""

    gateway: Gateway
    joiner: Joiner
    metrics: Metrics
    failures: TokenFailures
    accounts: Accounts
    tokens: Tokens
    log: SqliteLog
    database: Database
    clock: ManualClock
    answers: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)

    async def post(
        self,
        body: object,
        *,
        path: str = "/v4/EndpointEvents",
        token: str | None = None,
        **more: Any,
    ) -> Answer:
        """Post a body, with a good token unless told otherwise."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {
            "x-twilio-token": self.token() if token is None else token,
            **more.pop("headers", {}),
        }
        return await self.request("POST", path, headers=headers, chunks=[raw], **more)

    def client(self, *, peer: str = "203.0.113.7", **headers: str) -> Client:
        """Return a client that posts with these headers, a good token among them."""
        named = {"x_twilio_token": self.token(), **headers}
        found = self.gateway.client_of(
            [(k.replace("_", "-").encode(), v.encode()) for k, v in named.items()],
            peer,
            self.answers.put_nowait,
        )
        assert found is not None
        return found

    async def take(self, client: Client, body: object) -> Answer:
        """Have a client's post taken straight from its connection."""
        self.gateway.take_at_once(client, json.dumps(body).encode())
        async with asyncio.timeout(10):
            status, headers, said = await self.answers.get()
        return Answer(status, {k.decode(): v.decode() for k, v in headers}, said)

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        chunks: list[bytes] | None = None,
        client: tuple[str, int] | None = ("203.0.113.7", 5000),
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]] | None = None,
    ) -> Answer:
        """Send a request through ASGI; its body comes in these chunks."""
        waiting = chunks or [b""]
        sent: list[MutableMapping[str, Any]] = []

        async def next_chunk() -> MutableMapping[str, Any]:
            chunk = waiting.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "client": client,
            "headers": [
                (k.encode(), v.encode("latin-1")) for k, v in (headers or {}).items()
            ],
        }
        await self.gateway(scope, receive or next_chunk, send)
        if not sent:
            return Answer(0, {}, b"")
        start, body = sent
        named = {k.decode(): v.decode() for k, v in start["headers"]}
        return Answer(start["status"], named, body["body"])

    def token(self, **changes: Any) -> str:
        """Return an access token, signed with its issuer's secret."""
        now = self.clock.now_ms() // 1000
        claims = {
            "iss": KEY.sid,
            "sub": ACCOUNT.sid,
            "nbf": now - 10,
            "exp": now + 3600,
            "grants": {"identity": "alice", "voice": {}},
            **changes,
        }
        key = OTHER_KEY if claims["iss"] == OTHER_KEY.sid else KEY
        header = {"cty": "twilio-fpa;v=1"}
        return jwt.encode(claims, key.secret, "HS256", headers=header)

    async def events(self) -> list[dict[str, Any]]:
        """Return the data of every event in the log, in its order."""
        rows = await self.database.read(
            lambda c: c.execute("SELECT data FROM event ORDER BY position").fetchall()
        )
        return [json.loads(row[0]) for row in rows]

    async def posts(self) -> list[dict[str, Any]]:
        """Return what is kept of posts with a call: with their events, then apart."""
        rows = await self.database.read(
            lambda c: c.execute(
                "SELECT post FROM event WHERE post <> x''"
                " UNION ALL SELECT body FROM sdk_post"
            ).fetchall()
        )
        return [json.loads(row[0]) for row in rows]

    async def count(self, table: str) -> int:
        """Return how many rows a table has."""
        query = f"SELECT count(*) FROM {table}"
        found: int = await self.database.read(lambda c: c.execute(query).fetchone()[0])
        return found


@dataclass
class House:
    """A data folder, in which one server after the other may run."""

    folder: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW_MS))
    entropy: Entropy = field(default_factory=Entropy)
    place_of: Callable[[str], Place] = lambda _address: NOWHERE

    @asynccontextmanager
    async def server(self, **settings: Any) -> AsyncIterator[Server]:
        """Run a server on the folder."""
        chosen = Settings(**settings)
        async with AsyncExitStack() as stack:
            database = Database(self.folder / "trunkline.db")
            await database.open()
            stack.push_async_callback(database.close)
            log = SqliteLog(database, self.clock)
            await log.open()
            store = PostStore(database)
            joiner = Joiner(
                intake=Intake(log),
                store=store,
                clock=self.clock,
                ids=Ids(self.clock.now_ms, self.entropy),
                hold_seconds=chosen.sdk_hold_seconds,
                min_level=chosen.sdk_min_level,
                keep_raw=chosen.sdk_keep_raw,
                retention_days=chosen.sdk_retention_days,
            )
            await joiner.open()
            accounts = Accounts([ACCOUNT, OTHER_ACCOUNT], [KEY, OTHER_KEY])
            tokens = Tokens(
                accounts,
                check_signature=chosen.sdk_token_check == "verify",
                grace_s=chosen.sdk_expired_token_grace,
            )
            accounts.on_change(tokens.forget)
            failures = TokenFailures(accounts)
            metrics = Metrics(store)
            gateway = Gateway(
                tokens=tokens,
                failures=failures,
                joiner=joiner,
                metrics=metrics,
                privacy=Privacy(
                    salt=await store.salt("sdk", b"salt" * 8),
                    ip_privacy=chosen.sdk_ip_privacy,
                    hash_device_ids=chosen.sdk_hash_device_ids,
                    client_name=chosen.sdk_client_name,
                ),
                settings=chosen,
                clock=self.clock,
                place_of=self.place_of,
            )
            yield Server(
                gateway=gateway,
                joiner=joiner,
                metrics=metrics,
                failures=failures,
                accounts=accounts,
                tokens=tokens,
                log=log,
                database=database,
                clock=self.clock,
            )


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
async def server(house: House) -> AsyncIterator[Server]:
    async with house.server() as running:
        yield running
