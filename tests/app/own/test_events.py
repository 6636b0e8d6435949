"""Search in the log, and where one event stands."""

import pytest
from tests.app.own.program import ACCOUNT_SID, SDK_TYPE, Program, Receiver


CALL = "CA" + "1" * 32
OTHER_CALL = "CA" + "2" * 32


async def test_an_accepted_event_is_found_and_shown_whole(own: Program) -> None:
    await own.sdk_post("accepted", CALL)

    listed = await own.get("Events")

    [event] = listed["events"]
    assert event["specversion"] == "1.0"
    assert event["type"] == SDK_TYPE
    assert event["source"] == f"/v1/Voice/{CALL}/Events"
    assert event["dataschema"].endswith("/VoiceInsights.CallEvent/2")
    assert event["data"]["call_sid"] == CALL
    assert (event["account_sid"], event["call_sid"]) == (ACCOUNT_SID, CALL)
    assert event["url"] == f"http://trunkline.test/trunkline/v1/Events/{event['id']}"
    assert listed["meta"]["key"] == "events"


async def test_events_are_found_by_type_call_and_time(own: Program) -> None:
    await own.sdk_post("accepted", CALL)
    await own.sdk_post("accepted", OTHER_CALL)

    async def found(query: str) -> list[str]:
        listed = await own.get(f"Events?{query}")
        return [event["call_sid"] for event in listed["events"]]

    assert await found("") == [OTHER_CALL, CALL]
    assert await found(f"CallSid={CALL}") == [CALL]
    assert await found(f"Types={SDK_TYPE}&PageSize=1") == [OTHER_CALL]
    ringing = "com.twilio.voice.status-callback.call.ringing"
    assert await found(f"Types={ringing}") == []
    assert await found("From=2020-01-01&To=2020-01-02") == []
    assert await found("From=2020-01-01") == [OTHER_CALL, CALL]


async def test_a_call_is_found_by_the_temporary_id_as_well(own: Program) -> None:
    temporary = "TJSb5ea1d76-4c14-4b5c-8a5b-bb83dd0b4bf0"
    await own.sdk_post("accepted", CALL, temp_call_sid=temporary)

    listed = await own.get(f"Events?CallSid={temporary}")

    assert [event["call_sid"] for event in listed["events"]] == [CALL]


async def test_pages_go_forth_and_back(own: Program) -> None:
    for number in range(3):
        await own.sdk_post(f"event-{number}", CALL)

    first = await own.get("Events?PageSize=2")
    path = first["meta"]["next_page_url"].partition("/trunkline/v1/")[2]
    second = await own.get(path)
    back = second["meta"]["previous_page_url"].partition("/trunkline/v1/")[2]

    names = [e["data"]["name"] for e in (*first["events"], *second["events"])]
    assert names == ["event-2", "event-1", "event-0"]
    assert second["meta"]["next_page_url"] is None
    assert (await own.get(back))["events"] == first["events"]


async def test_an_event_says_where_it_stands_at_each_sink(
    own: Program, receiver: Receiver
) -> None:
    good = await own.make_sink(receiver.url)
    down = await own.make_sink("http://127.0.0.1:9/")
    other = await own.make_sink(
        receiver.url, "com.twilio.voice.status-callback.call.ringing"
    )
    async with Receiver(404).serving() as refusing:
        refused = await own.make_sink(refusing.url)
        await own.sdk_post("accepted", CALL)
        [event] = (await own.get("Events"))["events"]
        explained = await own.until(
            f"Events/{event['id']}",
            lambda found: (
                [row["status"] for row in found["deliveries"]]
                == ["delivered", "waiting", "not_subscribed", "dead"]
            ),
        )

    by_sink = {row["sink_sid"]: row for row in explained["deliveries"]}
    assert explained["data"] == event["data"]
    assert by_sink[good]["delivered_at"] is not None
    assert by_sink[down]["code"] == 91307
    assert by_sink[down]["next_attempt_at"] > by_sink[down]["first_at"]
    assert by_sink[down]["attempts"] >= 1
    assert by_sink[other]["code"] is None
    dead = by_sink[refused]
    assert (dead["code"], dead["http_status"], dead["attempts"]) == (91305, 404, 1)
    letter = await own.get(f"DeadLetters/{dead['dead_letter_sid']}")
    assert letter["event_id"] == event["id"]


async def test_an_event_of_nobody_is_not_found(own: Program) -> None:
    answer = await own.ask("GET", "/trunkline/v1/Events/EZ" + "0" * 32)

    assert answer.status == 404
    assert answer.json["code"] == 20404
    assert set(answer.json) == {"code", "message", "more_info", "status"}


@pytest.mark.parametrize(
    ("query", "code", "name"),
    [
        ("Types=no.such.type", 20001, "Types"),
        ("From=yesterday", 20001, "From"),
        ("To=x", 20001, "To"),
        ("CallSid=" + "C" * 200, 20001, "CallSid"),
        ("PageSize=0", 91002, "PageSize"),
        ("PageToken=%FF", 20001, "PageToken"),
    ],
)
async def test_a_bad_parameter_is_refused_by_name(
    own: Program, query: str, code: int, name: str
) -> None:
    answer = await own.ask("GET", f"/trunkline/v1/Events?{query}")

    assert (answer.status, answer.json["code"]) == (400, code)
    assert name in answer.json["message"]


@pytest.mark.parametrize(
    "path", ["Events", "Events/x", "DeadLetters", "Replays", "Notices", "Tail"]
)
async def test_our_own_api_asks_for_credentials(own: Program, path: str) -> None:
    answer = await own.ask("GET", f"/trunkline/v1/{path}", authorised=False)

    assert (answer.status, answer.json["code"]) == (401, 20003)
    assert answer.headers["www-authenticate"].startswith("Basic")
