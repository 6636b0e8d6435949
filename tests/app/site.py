"""The API as a client meets it: served by uvicorn on a port of its own."""

import asyncio
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import uvicorn
from jsonschema import Draft202012Validator
from starlette.responses import PlainTextResponse
from twilio.rest import Client

from trunkline.accounts import Account, Accounts, ApiKey
from trunkline.accounts.registry import AccountRegistry
from trunkline.api import accounts as accounts_api
from trunkline.api.app import Application, application
from trunkline.api.events_v1.services import Services
from trunkline.clock import SystemClock
from trunkline.database.file import Database
from trunkline.events.catalogue import EVENT_TYPES
from trunkline.events.ids import Ids
from trunkline.storage.accounts import AccountStore
from trunkline.storage.streams import SqliteStreams
from trunkline.streams.registry import Registry
from trunkline.streams.routing import Route
from trunkline.streams.sinks import Sink


@dataclass(slots=True)
class Recorder:
    """Plays delivery: writes down what it is told."""

    routes: dict[str, Sequence[Route]] = field(default_factory=dict)
    open: dict[str, Sink] = field(default_factory=dict)
    tests: dict[str, str] = field(default_factory=dict)

    def open_sink(self, sink: Sink) -> None:
        self.open[sink.sid] = sink

    def set_routes(self, sink_sid: str, routes: Sequence[Route]) -> None:
        self.routes[sink_sid] = routes

    def close_sink(self, sink_sid: str) -> None:
        del self.open[sink_sid]

    async def send_test(self, sink: Sink, test_id: str) -> None:
        self.tests[sink.sid] = test_id


@dataclass(frozen=True, slots=True)
class Site:
    """A running server. Every test takes an account of its own."""

    url: str
    delivery: Recorder
    new_account: Callable[[], Account]
    keys: dict[str, ApiKey]
    run: Callable[[Any], Any]
    registry: Registry
    operator: Account
    app: Application


@contextmanager
def serving(folder: Path, **options: Any) -> Iterator[Site]:
    """Serve the API from a thread; `options` are those of Services and the registry."""
    made = [
        Account(sid=f"AC{number:032x}", auth_token=f"{number:032x}")
        for number in range(1, 400)
    ]
    keys = {
        account.sid: ApiKey(
            sid=f"SK{account.sid[2:]}",
            account_sid=account.sid,
            secret=f"secret of {account.sid}",
        )
        for account in made
    }
    operator = Account(sid=f"AC{0:032x}", auth_token="operator", first=True)
    accounts = Accounts([operator, *made], keys.values())
    clock = SystemClock()
    ids = Ids(clock.now_ms, os.urandom)
    delivery = Recorder()
    database = Database(folder / "trunkline.db")
    account_store = AccountStore(database)
    registry = Registry(
        SqliteStreams(database),
        delivery,
        clock,
        ids,
        delivery.send_test,
        one_subscription_per_sink=options.pop("one_subscription_per_sink", False),
        event_types=options.pop("event_types", EVENT_TYPES),
    )
    cors_origins = options.pop("cors_origins", ())
    services = Services(accounts=accounts, registry=registry, **options)
    app = application(
        services,
        gateway=PlainTextResponse("gateway"),
        accounts=accounts_api.routes(
            AccountRegistry(account_store, accounts, clock, ids)
        ),
        cors_origins=cors_origins,
    )
    config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    loop = asyncio.new_event_loop()
    # Of protocol TCP by name, else asyncio leaves Nagle's algorithm on: 40 ms an answer.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        # It listens before the thread runs: who connects early waits, none is refused.
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        async def serve() -> None:
            await database.open()
            await account_store.save_account(operator, lambda _: None)
            await registry.open()
            await server.serve([listener])
            await database.close()

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
        thread.start()
        try:
            yield Site(
                url=f"http://127.0.0.1:{listener.getsockname()[1]}",
                delivery=delivery,
                new_account=iter(made).__next__,
                keys=keys,
                run=lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(
                    10
                ),
                registry=registry,
                operator=operator,
                app=app,
            )
        finally:
            server.should_exit = True
            thread.join()
            loop.close()


@contextmanager
def twilio_client(site: Site, user: str, password: str) -> Iterator[Client]:
    """Return Twilio's own client, told where the server is and nothing else."""
    client = Client(user, password)
    client.events.base_url = site.url
    yield client
    client.http_client.session.close()


class Described:
    """What a server says of itself at `/openapi.json`."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._paths = {
            re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))): item
            for path, item in document["paths"].items()
        }

    def check(self, answer: requests.Response) -> None:
        """Fail unless the answer is as described; unknown paths are not described."""
        method, url = answer.request.method, answer.request.url
        assert method is not None
        path = urlsplit(url).path
        for pattern, item in self._paths.items():
            if pattern.fullmatch(str(path)) and method.lower() in item:
                self._check(item[method.lower()], answer)

    def _check(self, operation: dict[str, Any], answer: requests.Response) -> None:
        described = operation["responses"].get(str(answer.status_code))
        assert described is not None, f"{operation['operationId']}: {answer!r}"
        if "content" not in described:
            assert answer.content == b""
            return
        [(media_type, content)] = described["content"].items()
        assert answer.headers["content-type"] == media_type
        Draft202012Validator(
            {**content["schema"], "components": self.document["components"]}
        ).validate(answer.json())


@cache
def described(url: str) -> Described:
    return Described(requests.get(f"{url}/openapi.json", timeout=10).json())


class Raw:
    """Sends requests as they are written, where Twilio's client would not.

    Every answer is held against the document that the server serves of itself.
    """

    def __init__(self, url: str, account: Account) -> None:
        self._url = url
        self._described = described(url)
        self._session = requests.Session()
        self._session.auth = (account.sid, account.auth_token)

    def __call__(
        self, method: str, path: str, form: Any = None, **options: Any
    ) -> requests.Response:
        answer = self._session.request(
            method, self._url + path, data=form, timeout=10, **options
        )
        self._described.check(answer)
        return answer

    def close(self) -> None:
        self._session.close()
