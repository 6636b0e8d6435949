"""Phones in the browser, the posts that they make, and the events that come of them."""

import itertools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import requests
from playwright.sync_api import Browser, Page, Request
from tests.system.receiver import Receiver
from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, Server
from tiers.browser.rig import PAGE_HOST, Rig
from tiers.browser.signalling import Phone as Line


Kind = tuple[str, str, str]
"""Group, name and time: what tells posts and events apart."""


class Phones:
    """Makes phones, each with an identity of its own."""

    def __init__(
        self, rig: Rig, receiver: Receiver, token_for: Callable[[str], str]
    ) -> None:
        self.rig = rig
        self.receiver = receiver
        self._token_for = token_for
        self._numbers = itertools.count(1)

    def open(
        self, browser: Browser, *, worker: str | None = None, doctored: bool = False
    ) -> "Phone":
        """Open a page, behind a service worker or not, and register its phone."""
        identity = f"phone-{next(self._numbers)}"
        # A context each: workers and caches of one page are not another's.
        page = browser.new_context(ignore_https_errors=False).new_page()
        phone = Phone(self, page, identity)
        page.goto(f"https://{PAGE_HOST}/")
        if worker is not None:
            page.evaluate("(path) => worker(path)", f"/worker-{worker}.js")
        page.evaluate(
            "([token, options]) => start(token, options)",
            [
                self._token_for(identity),
                {"appName": "tier", "appVersion": "1.0", "doctored": doctored},
            ],
        )
        return phone


class Delivered(NamedTuple):
    """Events of one phone: their data, in the order of what happened, and their ids."""

    data: list[dict[str, Any]]
    ids: list[str]

    @property
    def names(self) -> list[str]:
        """Group and name of each."""
        return [f"{one['group']}/{one['name']}" for one in self.data]

    @property
    def call_sids(self) -> set[str]:
        """The ids of the calls."""
        return {one["call_sid"] for one in self.data}

    def of(self, name: str) -> list[dict[str, Any]]:
        """The data of events with that group and name."""
        return [one for one in self.data if f"{one['group']}/{one['name']}" == name]


class Phone:
    """A page with the Voice SDK.

    `posts` are the event posts that the page has made, `headers` those of the last.
    """

    def __init__(self, phones: Phones, page: Page, identity: str) -> None:
        self._phones = phones
        self.page = page
        self.identity = identity
        self.posts: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        page.on("request", self._note)

    @property
    def line(self) -> Line:
        """Its connection to the signalling."""
        return self._phones.rig.phone(self.identity)

    def run(self, script: str) -> Any:
        """Run JavaScript in the page."""
        return self.page.evaluate(script)

    def shows(self, text: str, seconds: float = 20) -> None:
        """Wait until the page's list of what it heard has that text."""
        found = self.page.locator("#heard li", has_text=text)
        found.first.wait_for(timeout=seconds * 1000)

    def wait(self, seconds: float) -> None:
        """Let the call go on for that long."""
        self.page.wait_for_timeout(seconds * 1000)

    def called(self) -> str:
        """Have the phone called, and return the call's SID once it rings."""
        sid = self._phones.rig.run(self.line.invite())
        self.shows("device: incoming")
        return sid

    def tell(self, kind: str, **payload: Any) -> None:
        """Have signalling send the phone a message."""
        self._phones.rig.run(self.line.send(kind, **payload))

    @property
    def events(self) -> Delivered:
        """What the webhook has had of this phone so far."""
        with self._phones.receiver.arrived:
            events = list(self._phones.receiver.events)
        own = [
            event
            for event in events
            if event["data"]["sdk_edge"]["metadata"]["client_name"] == self.identity
        ]
        own.sort(key=lambda event: str(event["data"]["timestamp"]))
        return Delivered(
            [event["data"] for event in own], [event["id"] for event in own]
        )

    def delivered(self, seconds: float = 20) -> Delivered:
        """Return the phone's events once there is one for every post of the page."""
        receiver = self._phones.receiver
        receiver.wait_for(lambda: len(self.events.ids) >= len(self.posts), seconds)
        return self.events

    def _note(self, request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/EndpointEvents"):
            self.posts.append(json.loads(request.post_data or "{}"))
            self.headers = request.headers


def own_api(server: Server, path: str) -> Any:
    """Read something from the server's own API."""
    answer = requests.get(
        f"{server.url}/trunkline/v1/{path}", auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=10
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def kinds(bodies: list[dict[str, Any]]) -> Counter[Kind]:
    """Count posts, or the data of events."""
    return Counter((b["group"], b["name"], b["timestamp"]) for b in bodies)
