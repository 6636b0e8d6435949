"""Pages that send their posts here: the service worker, on a bad day, and the wrapper.

Spec voice-sdk 11, 16.
"""

from pathlib import Path
from typing import Any

import pytest
from tests.system.server import Server
from tiers.browser.calls import Phones, kinds, own_api
from tiers.browser.rig import FAILED_ATTEMPTS, TRUNKLINE_HOST, Rig


GUIDE = Path(__file__).parents[2] / "docs/guides/voice-sdk.md"


@pytest.mark.timeout(90)
def test_a_tab_that_goes_away_loses_nothing_and_doubles_nothing(
    launch: Any, phones: Phones, rig: Rig, server: Server
) -> None:
    with launch(gateway=f"127.0.0.1:{rig.port}") as browser:
        calls = {mode: phones.open(browser, worker=mode) for mode in ("tee", "reroute")}
        for phone in calls.values():
            phone.run("connect()")
        for phone in calls.values():
            phone.shows("call: accept")
        phone.wait(3)
        for phone in calls.values():
            phone.page.goto("about:blank")
        # Waits of 1, 4 and 16 seconds lie between the attempts.
        deliveries = rig.attempts
        for _ in range(40):
            phone.wait(1)
            if min(deliveries.values()) > FAILED_ATTEMPTS:
                break
        assert set(deliveries.values()) == {FAILED_ATTEMPTS + 1}

        for mode, phone in calls.items():
            events = phone.delivered()
            # The browser tells no one of the posts that a page makes as it goes.
            unseen = kinds(events.data) - kinds(phone.posts)
            assert [name for _, name, _ in unseen] == ["disconnected-by-local"], mode
            assert not kinds(phone.posts) - kinds(events.data), mode
            assert events.call_sids == set(phone.line.calls)
            assert len(set(events.ids)) == len(events.ids)
            [sid] = phone.line.calls
            assert own_api(server, f"Calls/{sid}/Quality")["summary"]["samples"] > 0

        assert not rig.twilio_posts[calls["reroute"].identity]
        tee = calls["tee"]
        assert not kinds(tee.posts) - kinds(rig.twilio_posts[tee.identity])


def test_the_fetch_wrapper_of_the_guide_sends_posts_here(
    launch: Any, phones: Phones, rig: Rig
) -> None:
    blocks = GUIDE.read_text("utf-8").split("```js\n")[1:]
    [wrapper] = [block.split("```")[0] for block in blocks if "window.fetch =" in block]
    wrapper = wrapper.replace("trunkline.example", TRUNKLINE_HOST)
    with launch(gateway=f"127.0.0.1:{rig.port}") as browser:
        phone = phones.open(browser)
        phone.page.add_script_tag(content=wrapper)
        phone.run("connect()")
        phone.shows("call: accept")
        phone.run("call.disconnect()")
        phone.wait(0.5)

        events = phone.delivered()
        assert kinds(events.data) == kinds(phone.posts)
        assert "connection/disconnected-by-local" in events.names
        assert not rig.twilio_posts[phone.identity]
