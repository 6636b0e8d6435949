"""Replays: past events to a sink again."""

from typing import Any

import pytest
from tests.app.own.program import ACCOUNT_SID, SDK_TYPE, Program, Receiver


CALL = "CA" + "1" * 32
OTHER_CALL = "CA" + "2" * 32
RINGING = "com.twilio.voice.status-callback.call.ringing"


async def completed(own: Program, sid: str) -> Any:
    return await own.until(
        f"Replays/{sid}", lambda found: found["status"] == "completed"
    )


async def test_past_events_are_sent_to_a_new_sink(
    own: Program, receiver: Receiver
) -> None:
    await own.sdk_post("accepted", CALL)
    await own.sdk_post("accepted", OTHER_CALL)
    sink = await own.make_sink(receiver.url)

    made = await own.post("Replays", SinkSid=sink)

    assert made.status == 201
    replay = made.json
    assert replay["sid"].startswith("RP")
    assert (replay["account_sid"], replay["sink_sid"]) == (ACCOUNT_SID, sink)
    assert replay["status"] in {"submitted", "starting", "running"}
    done = await completed(own, replay["sid"])
    assert (done["delivered"], done["waiting"], done["dead"]) == (2, 0, 0)
    assert len(receiver.requests) == 2
    assert (await own.get("Replays"))["replays"] == [done]


async def test_a_replay_is_bounded_by_its_filters(
    own: Program, receiver: Receiver
) -> None:
    await own.sdk_post("accepted", CALL)
    await own.sdk_post("accepted", OTHER_CALL)
    sink = await own.make_sink(receiver.url)

    by_call = await own.post("Replays", SinkSid=sink, CallSid=CALL, Types=SDK_TYPE)
    by_type = await own.post("Replays", SinkSid=sink, Types=RINGING)
    by_time = await own.post("Replays", SinkSid=sink, To="2020-01-01")

    assert (await completed(own, by_call.json["sid"]))["delivered"] == 1
    assert (await completed(own, by_type.json["sid"]))["delivered"] == 0
    assert (await completed(own, by_time.json["sid"]))["delivered"] == 0
    assert by_call.json["types"] == [SDK_TYPE]
    assert by_time.json["to"] == "2020-01-01T00:00:00.000Z"


async def test_a_sink_is_sent_what_it_is_subscribed_to_unless_types_are_named(
    own: Program, receiver: Receiver
) -> None:
    await own.sdk_post("accepted", CALL)
    sink = await own.make_sink(receiver.url, RINGING)

    plain = await own.post("Replays", SinkSid=sink)
    named = await own.post("Replays", SinkSid=sink, Types=SDK_TYPE)

    assert plain.json["types"] == [RINGING]
    assert (await completed(own, plain.json["sid"]))["delivered"] == 0
    assert (await completed(own, named.json["sid"]))["delivered"] == 1


async def test_replays_are_listed_newest_first_and_filtered(
    own: Program, receiver: Receiver
) -> None:
    sink = await own.make_sink(receiver.url)
    sids = [(await own.post("Replays", SinkSid=sink)).json["sid"] for _ in range(3)]
    for sid in sids:
        await completed(own, sid)

    first = await own.get("Replays?PageSize=2")
    path = first["meta"]["next_page_url"].partition("/trunkline/v1/")[2]
    second = await own.get(path)

    listed = [row["sid"] for row in (*first["replays"], *second["replays"])]
    assert listed == sorted(sids, reverse=True)
    assert (await own.get("Replays?Status=running"))["replays"] == []
    assert len((await own.get(f"Replays?SinkSid={sink}"))["replays"]) == 3


@pytest.mark.parametrize("path", ["Replays/{}/Cancel", "Replays/{}"])
async def test_a_replay_that_is_over_cannot_be_cancelled(
    own: Program, receiver: Receiver, path: str
) -> None:
    sink = await own.make_sink(receiver.url)
    sid = (await own.post("Replays", SinkSid=sink)).json["sid"]
    await completed(own, sid)

    answer = await own.post(path.format(sid), Status="cancelled")

    assert (answer.status, answer.json["code"]) == (409, 20409)


async def test_a_replay_under_way_is_cancelled(
    own: Program, receiver: Receiver
) -> None:
    for number in range(300):
        await own.sdk_post(f"event-{number}", CALL)
    sink = await own.make_sink("http://127.0.0.1:9/")
    sid = (await own.post("Replays", SinkSid=sink)).json["sid"]

    answer = await own.post(f"Replays/{sid}/Cancel")

    assert answer.status == 200
    assert answer.json["status"] in {"cancelling", "cancelled"}
    await own.until(f"Replays/{sid}", lambda found: found["status"] == "cancelled")


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({}, 400, 20001),
        ({"SinkSid": "x"}, 400, 91006),
        ({"SinkSid": "DG" + "0" * 32}, 404, 20404),
    ],
)
async def test_a_bad_replay_is_refused(
    own: Program, form: dict[str, str], status: int, code: int
) -> None:
    answer = await own.post("Replays", **form)

    assert (answer.status, answer.json["code"]) == (status, code)


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ({"Types": "no.such"}, "Types"),
        ({"From": "x"}, "From"),
        ({"From": "2026-01-02", "To": "2026-01-01"}, "To"),
    ],
)
async def test_a_bad_filter_is_refused_by_name(
    own: Program, receiver: Receiver, form: dict[str, str], name: str
) -> None:
    sink = await own.make_sink(receiver.url)

    answer = await own.post("Replays", SinkSid=sink, **form)

    assert (answer.status, answer.json["code"]) == (400, 20001)
    assert name in answer.json["message"]


async def test_a_replay_of_nobody_is_not_found(own: Program) -> None:
    answer = await own.ask("GET", "/trunkline/v1/Replays/RP" + "0" * 32)

    assert (answer.status, answer.json["code"]) == (404, 20404)
