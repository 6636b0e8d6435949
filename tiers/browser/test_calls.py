"""Calls of the unmodified Voice SDK in a real browser (spec voice-sdk 16)."""

import json
import os
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from playwright.sync_api import Browser
from tests.system.server import Server
from tiers.browser.calls import Phones, kinds, own_api

from trunkline.events import schemas


SCREENSHOT = os.environ.get("SCREENSHOT")

# What statistics are made of, and the warnings that the SDK must raise and clear.
KNOBS = {
    "rtt": ({"rtt": 0.45}, {"high-rtt": 400}),
    "rtt and mos": ({"rtt": 0.65}, {"high-rtt": 400, "low-mos": 3}),
    "loss": ({"lost": 1}, {"high-packet-loss": 1}),
    "more loss": (
        {"lost": 3},
        {"high-packet-loss": 1, "high-packets-lost-fraction": 3},
    ),
    "jitter": ({"jitter": 0.05}, {"high-jitter": 30}),
    "nothing received": ({"freeze": True}, {"low-bytes-received": 1}),
}


def test_an_outgoing_call_makes_one_valid_event_per_post(
    browser: Browser, phones: Phones, server: Server
) -> None:
    phone = phones.open(browser)
    phone.run("connect()")
    phone.shows("call: accept")
    phone.run("call.mute(true)")
    phone.wait(12)
    phone.run("call.postFeedback(4, 'echo')")
    phone.run("call.disconnect()")
    phone.wait(1)
    if SCREENSHOT:
        phone.page.screenshot(path=SCREENSHOT)

    events = phone.delivered()
    assert kinds(events.data) == kinds(phone.posts)
    assert len(set(events.ids)) == len(phone.posts) > 24
    [sid] = phone.line.calls
    assert events.call_sids == {sid}
    without = [post for post in phone.posts if "call_sid" not in post["payload"]]
    assert len(without) > 3
    for version in (1, 2):
        document = schemas.document("VoiceInsights.CallEvent", version, "https://h")
        validator = jsonschema.Draft7Validator(json.loads(document or b""))
        for data in events.data:
            validator.validate(data)
    assert events.of("feedback/received")[0]["sdk_edge"]["feedback"] == {
        "score": 4,
        "reason": "echo",
    }

    quality = own_api(server, f"Calls/{sid}/Quality")
    assert len(quality["samples"]) == quality["summary"]["samples"] >= 10
    assert quality["summary"]["mos"]["max"] > 4
    assert quality["samples"][0]["fields"]["call_sid"] == sid

    temporary = phone.posts[0]["payload"]["temp_call_sid"]
    timeline = own_api(server, f"Calls/{temporary}/Timeline?PageSize=1000")
    assert timeline["ids"] == sorted([sid, temporary])
    assert timeline["has_final_event"] is True
    assert [item["at"] for item in timeline["timeline"]] == sorted(
        data["timestamp"] for data in events.data
    )
    assert kinds([i["post"]["body"] for i in timeline["timeline"]]) == kinds(
        phone.posts
    )


def test_a_microphone_that_is_denied_is_told_under_the_temporary_id(
    launch: Any, phones: Phones
) -> None:
    with launch(microphone=False) as browser:
        phone = phones.open(browser)
        phone.run("connect().catch(() => {})")
        phone.shows("error 31401")
        phone.wait(0.5)

        events = phone.delivered(10)
        assert kinds(events.data) == kinds(phone.posts)
        [sid] = events.call_sids
        assert sid.startswith("TJS")
        assert "get-user-media/denied" in events.names
        [error] = events.of("connection/error")
        assert error["sdk_edge"]["error"]["code"] == 31401


def test_incoming_calls_have_their_sid_from_the_first_event(
    browser: Browser, phones: Phones
) -> None:
    phone = phones.open(browser)
    ends: dict[str, Callable[[str], Any]] = {
        "cancel": lambda sid: phone.tell("cancel", callsid=sid),
        "ignored-by-local": lambda _: phone.run("incoming.ignore()"),
        "rejected-by-local": lambda _: phone.run("incoming.reject()"),
    }
    sids = {}
    for name, end in ends.items():
        sids[name] = phone.called()
        end(sids[name])
        phone.wait(0.3)
        phone.run("heard.replaceChildren()")
    accepted = phone.called()
    phone.run("incoming.accept()")
    phone.shows("call: accept")
    phone.wait(1)
    phone.tell("hangup", callsid=accepted)
    phone.shows("call: disconnect")
    phone.wait(0.5)

    events = phone.delivered()
    assert kinds(events.data) == kinds(phone.posts)
    assert events.call_sids == {*sids.values(), accepted}
    incoming = {data["call_sid"] for data in events.of("connection/incoming")}
    assert incoming == events.call_sids
    for name, sid in sids.items():
        assert [data["call_sid"] for data in events.of(f"connection/{name}")] == [sid]
    for name in ("accepted-by-local", "disconnected-by-remote"):
        [data] = events.of(f"connection/{name}")
        assert data["call_sid"] == accepted


@pytest.mark.timeout(120)
def test_a_bad_network_raises_and_clears_its_warnings(
    browser: Browser, phones: Phones
) -> None:
    # All at a time: the SDK looks at ten seconds before it warns, or takes it back.
    calls = {name: phones.open(browser, doctored=True) for name in KNOBS}
    for phone in calls.values():
        phone.run("connect()")
    for phone in calls.values():
        phone.shows("call: accept")
    phone.wait(5)
    for name, (knob, _) in KNOBS.items():
        calls[name].run(f"knob = {json.dumps(knob)}")
    phone.wait(12)
    for phone in calls.values():
        phone.run("knob = {}")
    phone.wait(14)
    for phone in calls.values():
        phone.run("call.disconnect()")
    phone.wait(1)

    for name, (_, warnings) in KNOBS.items():
        events = calls[name].delivered()
        assert events.call_sids == set(calls[name].line.calls)
        for end in ("raised", "cleared"):
            for warning, threshold in warnings.items():
                found = events.of(f"network-quality-warning-{end}/{warning}")
                assert found, (name, end, warning, events.names)
                metrics = [data["sdk_edge"]["metric"] for data in found]
                assert {metric["threshold"] for metric in metrics} == {threshold}
