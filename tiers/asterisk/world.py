"""Calls by Twilio's own client, and what comes of them: callbacks, statuses, events."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.system.receiver import Receiver
from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, Server
from tiers.asterisk.phones import USER, Asterisk
from twilio.rest import Client


ALL_FOUR = ["initiated", "ringing", "answered", "completed"]

# An answered call that nothing ends but the far end, or we.
STAYS = '<Response><Pause length="60"/></Response>'

_TYPE = "com.twilio.voice.status-callback.call."
_WITHIN = 15.0  # seconds


class World:
    """The server process with its Asterisk, seen from outside. A context manager."""

    def __init__(self, data_dir: Path, asterisk: Asterisk, receiver: Receiver) -> None:
        self._data_dir = data_dir
        self.asterisk = asterisk
        self.receiver = receiver
        self.client = Client(ACCOUNT_SID, AUTH_TOKEN)

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.http_client.session.close()
        self.server.__exit__(kind, error, trace)

    def kill_server(self, meanwhile: Callable[[], None]) -> None:
        """Kill the server, let something happen, start it again."""
        self.server.kill()
        self.server.__exit__(None, None, None)
        meanwhile()
        self._start()

    def _start(self) -> None:
        self.server = Server(
            self._data_dir,
            TRUNKLINE_ENGINE="asterisk",
            TRUNKLINE_ASTERISK_URL=self.asterisk.url,
            TRUNKLINE_ASTERISK_USER=USER,
            TRUNKLINE_ASTERISK_PASSWORD=self.asterisk.password,
        ).__enter__()
        self.client.events.base_url = self.client.api.base_url = self.server.url

    def subscribe(self) -> None:
        """Have every progress event sent to the receiver."""
        events = self.client.events.v1
        sink = events.sinks.create(
            description="all",
            sink_type="webhook",
            sink_configuration={"destination": f"{self.receiver.url}/events"},
        )
        types = [{"type": f"{_TYPE}{event}"} for event in ALL_FOUR]
        events.subscriptions.create(description="all", sink_sid=sink.sid, types=types)

    def call(self, number: str, twiml: str = STAYS, timeout: int = 20) -> str:
        """Place a call that asks for all four callbacks; return its SID."""
        call: Any = self.client.calls.create(
            to=number,
            from_="+12025550123",
            twiml=twiml,
            timeout=timeout,
            status_callback=f"{self.receiver.url}/callback",
            status_callback_event=ALL_FOUR,
        )
        sid: str = call.sid
        return sid

    def update(self, sid: str, status: str) -> None:
        """Cancel or complete a call."""
        self.client.calls(sid).update(status=status)

    def callbacks(self, sid: str) -> list[dict[str, str]]:
        """The callbacks of a call so far."""
        return [c for c in self.receiver.callbacks if c["CallSid"] == sid]

    def until(self, sid: str, status: str) -> dict[str, str]:
        """Wait for a callback with that status."""
        self.receiver.wait_for(
            lambda: status in [c["CallStatus"] for c in self.callbacks(sid)], _WITHIN
        )
        return self.callbacks(sid)[-1]

    def over(self, sid: str) -> tuple[list[str], dict[str, str]]:
        """Wait for the end of a call; return its callbacks' statuses, and the last one.

        Checks on the way that REST and the events tell the same as the callbacks.
        """
        self.receiver.wait_for(lambda: "completed" in self._events(sid), _WITHIN)
        # A kill repeats what it interrupted.
        by_number = {int(c["SequenceNumber"]): c for c in self.callbacks(sid)}
        assert list(by_number) == list(range(len(by_number)))
        sent = list(by_number.values())
        statuses = [callback["CallStatus"] for callback in sent]
        # Events of one call may be under way at the same time, and overtake another.
        events = [_event_of(status) for status in statuses]
        self.receiver.wait_for(lambda: self._events(sid) == events, _WITHIN)
        assert self.client.calls(sid).fetch().status == statuses[-1]
        assert sid.encode() not in (self.asterisk.channels() or b"")
        return statuses, sent[-1]

    def legs(self, numbers: dict[str, str]) -> tuple[str, str]:
        """Wait for a call to the dialplan, and its child; return their SIDs."""
        found: dict[str, str] = {}

        def both() -> bool:
            for c in self.receiver.callbacks:
                if numbers.items() <= c.items():
                    found[c["Direction"]] = c["CallSid"]
            return len(found) == 2

        self.receiver.wait_for(both, _WITHIN)
        return found["inbound"], found["outbound-dial"]

    def children(self, sid: str) -> list[Any]:
        """The legs that a call has dialled."""
        return list(self.client.calls.list(parent_call_sid=sid))

    def wait(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + _WITHIN
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _events(self, sid: str) -> list[str]:
        """The events of a call so far, in the order of their numbers."""
        found = {
            int(event["data"]["request"]["parameters"]["SequenceNumber"]): event["type"]
            for event in self.receiver.events
            if event["data"].get("sid") == sid
        }
        return [found[number].removeprefix(_TYPE) for number in sorted(found)]


def _event_of(status: str) -> str:
    words = {"in-progress": "answered", "initiated": "initiated", "ringing": "ringing"}
    return words.get(status, "completed")
