"""The demo from beginning to end."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from twilio.base.exceptions import TwilioException

from trunkline.accounts import Account, ApiKey
from trunkline.clock import SystemClock
from trunkline.demo import calls, next_steps, recording, sdk_posts, server
from trunkline.demo.arrivals import Arrival, Callback
from trunkline.demo.errors import DemoFailed
from trunkline.demo.receiver import CALLBACKS, EVENTS, Receiver, free_address, serving
from trunkline.demo.recording import CallIds
from trunkline.demo.screen import Screen
from trunkline.demo.tally import Tally
from trunkline.events.ids import Ids


# Seconds for everything owed to arrive; and for the calls' events, before the SDK's.
_DEADLINE = 60.0
_BETWEEN_STEPS = 10.0

Result = TypeVar("Result")


async def run(console: Console, *, once: bool) -> bool:
    """Run the demo; return whether everything that was owed arrived and verified.

    Without `once` it goes on showing events until it is cancelled. Raises DemoFailed if
    a step cannot be done. Whatever happens, it leaves no process and no folder behind.
    """
    try:
        with (
            _stopped_by(signal.SIGTERM, signal.SIGHUP),
            tempfile.TemporaryDirectory(prefix="trunkline-demo-") as folder,
        ):
            async with asyncio.TaskGroup() as tasks:
                return await _Tour(Screen(console), Path(folder), tasks).go(once=once)
    except BaseExceptionGroup as group:
        failed = group.subgroup(DemoFailed)
        if failed is None:
            raise
        raise _first(failed) from None


class _Tour:
    """One run: what it has made, and what has come in."""

    def __init__(
        self, screen: Screen, data_dir: Path, tasks: asyncio.TaskGroup
    ) -> None:
        self._screen = screen
        self._data_dir = data_dir
        self._tasks = tasks
        self._clock = SystemClock()
        self._ids = Ids(self._clock.now_ms, os.urandom)
        self._account = Account(sid=self._ids.sid("AC"), auth_token=self._ids.secret())
        self._key = ApiKey(
            sid=self._ids.sid("SK"),
            account_sid=self._account.sid,
            secret=self._ids.secret(),
        )
        self._tally = Tally()
        self._news = asyncio.Event()

    async def go(self, *, once: bool) -> bool:
        """Take all steps; return whether all went well."""
        self._screen.header()
        with free_address() as (listener, receiver_url):
            receiver = Receiver(
                url=receiver_url,
                auth_token=self._account.auth_token,
                clock=self._clock,
                on_event=self._came,
                on_callback=self._called_back,
            )
            self._screen.step("Start the server and a receiver")
            # The server stops first: until then it finds the receiver in its place.
            async with (
                serving(receiver, listener, self._tasks),
                server.started(
                    self._data_dir, self._account, self._key, self._tasks
                ) as url,
            ):
                self._screen.note("server", f"{url}  (data in {self._data_dir})")
                self._screen.note("receiver", receiver_url)
                try:
                    async with asyncio.timeout(_DEADLINE):
                        await self._feed(url, receiver_url)
                        await self._until_all_came()
                except TimeoutError:
                    pass  # The verdict says what is missing.
                good = self._conclude(url, receiver_url, once=once)
                if not once:
                    with suppress(asyncio.CancelledError):
                        await asyncio.Event().wait()
        return good

    async def _feed(self, url: str, receiver_url: str) -> None:
        """Subscribe, place the calls, post the SDK call."""
        client = calls.client_for(url, self._account)
        sink, callbacks = receiver_url + EVENTS, receiver_url + CALLBACKS

        self._screen.step(f"Subscribe with {calls.CLIENT}")
        made = await _asked(calls.subscribe, client, sink)
        self._screen.note("webhook sink", f"{made.sink_sid}  to {sink}")
        self._screen.note(
            "subscription", f"{made.subscription_sid}  to {len(made.types)} event types"
        )

        self._screen.step(f"Place {len(calls.SCENARIOS)} calls with {calls.CLIENT}")
        self._screen.note("status callback", callbacks)
        self._screen.headings()
        for scenario in calls.SCENARIOS:
            sid = await _asked(calls.place, client, scenario, callbacks)
            self._tally.expect_call(sid, scenario.progress)
            self._screen.call(sid, scenario.to, scenario.outcome)
        with suppress(TimeoutError):
            async with asyncio.timeout(_BETWEEN_STEPS):
                await self._until_all_came()

        recorded = recording.load()
        fresh = CallIds(self._ids.sid("CA"), f"TJS{self._ids.uuid4()}")
        self._screen.step("Post a call as an unmodified Voice SDK reported it")
        self._screen.note(
            "recording", f"{len(recorded.requests)} requests, {recorded.events} events"
        )
        self._screen.headings()
        self._screen.call(
            fresh.call_sid, f"client:{sdk_posts.IDENTITY}", "answered, hung up"
        )
        self._tally.expect_sdk_call(fresh.call_sid, recorded.events)
        token = sdk_posts.access_token(self._key)
        await sdk_posts.post_all(url, token, recorded, fresh, self._clock)

    def _conclude(self, url: str, receiver_url: str, *, once: bool) -> bool:
        wrong = self._tally.missing() + self._tally.faults()
        self._screen.step("Summary")
        self._screen.summary(self._tally)
        self._screen.verdict(self._tally.events, wrong)
        self._screen.commands(
            next_steps.TITLE_ONCE if once else next_steps.TITLE,
            next_steps.commands(url, receiver_url, self._data_dir),
        )
        return not wrong

    async def _until_all_came(self) -> None:
        while self._tally.missing():
            self._news.clear()
            await self._news.wait()

    def _came(self, arrival: Arrival) -> None:
        self._tally.add(arrival)
        self._screen.event(arrival)
        self._news.set()

    def _called_back(self, callback: Callback) -> None:
        self._tally.add_callback(callback)
        self._news.set()


async def _asked(question: Callable[..., Result], *given: object) -> Result:
    """Ask the server something with Twilio's client, which blocks, in a thread."""
    try:
        return await asyncio.to_thread(question, *given)
    except (OSError, TwilioException) as error:
        raise DemoFailed(f"The server did not do as asked: {error}") from error


@contextmanager
def _stopped_by(*signals: signal.Signals) -> Iterator[None]:
    """Let these signals cancel the task, as Ctrl-C does by itself."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in signals:
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _first(group: BaseExceptionGroup[DemoFailed]) -> DemoFailed:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, DemoFailed)
    return error
