"""Who uses the real process: posts and calls until nobody answers."""

import http.client
import json
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, Server
from tests.system.test_server import ALL_FOUR, access_token, sdk_post


AUTHORIZATION = "Basic " + b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()


class Load:
    """Posts and calls from threads; `posts` and `calls` are what was answered 2xx."""

    def __init__(self, callback_url: str) -> None:
        self.posts: set[str] = set()
        self.calls: set[str] = set()
        self.refused = 0
        self._callback_url = callback_url
        self._token = access_token()
        self._number = 0
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()

    def start(self, server: Server, *, posting: int = 2, calling: int = 1) -> None:
        """Begin to use a server."""
        self._stopped.clear()
        works: list[Callable[[Server], None]] = [self._post] * posting
        works += [self._call] * calling
        self._threads = [
            threading.Thread(target=self._until_it_is_gone, args=(work, server))
            for work in works
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Stop, and wait for the last answers."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    @property
    def accepted(self) -> int:
        return len(self.posts) + len(self.calls)

    def _until_it_is_gone(self, work: Callable[[Server], None], server: Server) -> None:
        with suppress(OSError, http.client.HTTPException):
            work(server)

    def _post(self, server: Server) -> None:
        headers = {"X-Twilio-Token": self._token, "Content-Type": "application/json"}
        with closing(connect(server)) as connection:
            while not self._stopped.is_set():
                with self._lock:
                    self._number += 1
                    number = self._number
                connection.request(
                    "POST", "/v4/EndpointEvents", sdk_post(number), headers
                )
                response = connection.getresponse()
                response.read()
                if response.status == 200:
                    self.posts.add(f"event-{number}")
                else:
                    self.refused += 1

    def _call(self, server: Server) -> None:
        path = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json"
        with closing(connect(server)) as connection:
            while not self._stopped.is_set():
                status, made = form(
                    connection,
                    path,
                    To="+14155550100",
                    From="+14155550199",
                    Twiml="<Response/>",
                    StatusCallback=f"{self._callback_url}/callback",
                    StatusCallbackEvent=ALL_FOUR,
                )
                if status == 201:
                    self.calls.add(made["sid"])
                else:
                    self.refused += 1
                self._stopped.wait(0.02)


def connect(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)


def form(
    connection: http.client.HTTPConnection, path: str, **fields: Any
) -> tuple[int, Any]:
    """Post a form to the API."""
    headers = {
        "Authorization": AUTHORIZATION,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    connection.request("POST", path, urlencode(fields, doseq=True), headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def subscribe(server: Server, name: str, url: str) -> str:
    """Have all events sent to a webhook; return the sink's SID."""
    with closing(connect(server)) as connection:
        connection.request(
            "GET", "/v1/Types?PageSize=100", headers={"Authorization": AUTHORIZATION}
        )
        types = json.loads(connection.getresponse().read())["types"]
        _, sink = form(
            connection,
            "/v1/Sinks",
            Description=name,
            SinkType="webhook",
            SinkConfiguration=json.dumps({"destination": f"{url}/events"}),
        )
        status, made = form(
            connection,
            "/v1/Subscriptions",
            Description=name,
            SinkSid=sink["sid"],
            Types=[json.dumps({"type": row["type"]}) for row in types],
        )
        assert status == 201, made
    sid: str = sink["sid"]
    return sid


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until something holds; tell whether it came to that."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
