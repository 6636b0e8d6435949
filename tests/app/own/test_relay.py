"""Events of other streams: posted by Twilio, by another Trunkline, by anyone."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.app.own.program import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    KEY_SECRET,
    KEY_SID,
    SDK_TYPE,
    Answer,
    Program,
    program,
)
from tests.app.own.test_metrics import sample, scraped
from tests.app.own.test_tail import events, metrics_until
from twilio.request_validator import RequestValidator


PATH = f"/trunkline/v1/Relay/{ACCOUNT_SID}"
BATCH = "application/cloudevents-batch+json"
CALL = "CA" + "1" * 32
TIME = "2026-11-20T09:13:16.860Z"


def cloud_event(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": SDK_TYPE,
        "source": f"/v1/Voice/{CALL}/Events",
        "id": f"EZ{number:032x}",
        "dataschema": "https://events-schemas.twilio.com/VoiceInsights.CallEvent/3",
        "datacontenttype": "application/json",
        "time": TIME,
        "data": {"call_sid": CALL, "name": f"event-{number}", "newer": {"than": "us"}},
        **changes,
    }


async def relayed(own: Program, *found: Any, **options: Any) -> Answer:
    return await own.ask("POST", PATH, body=list(found), **options)


async def signed(
    own: Program,
    body: bytes,
    *,
    token: str = AUTH_TOKEN,
    base: str = "http://trunkline.test",
    sent: bytes | None = None,
) -> Answer:
    """Post a body as Twilio does; `sent` is what somebody has put in its place."""
    target = f"{PATH}?key=1&bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = RequestValidator(token).compute_signature(base + target, {})
    return await own.ask(
        "POST",
        target,
        body=body if sent is None else sent,
        headers={"x-twilio-signature": signature},
        authorised=False,
    )


async def ids(own: Program) -> list[str]:
    """The ids in the log, oldest first."""
    return [event["id"] for event in (await own.get("Events"))["events"]][::-1]


async def another_account(own: Program) -> Program:
    made = (await own.post("Accounts", FriendlyName="Other")).json
    return replace(own, user=made["sid"], password=made["auth_token"])


@asynccontextmanager
async def listening(own: Program) -> AsyncIterator[str]:
    """Have the program be reached by a webhook; yield the address of its relay."""

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        lines = [line.split(": ", 1) for line in head[1:] if line]
        headers = {name.lower(): value for name, value in lines}
        body = await reader.readexactly(int(headers["content-length"]))
        got = await own.ask(
            method, target, body=body, headers=headers, authorised=False
        )
        writer.write(
            b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
            % (got.status, len(got.body), got.body)
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{PATH}"
    finally:
        server.close()


async def test_what_twilio_posts_and_signs_is_in_the_log_as_it_came(
    own: Program,
) -> None:
    sent = [cloud_event(1), cloud_event(2)]

    answer = await signed(own, json.dumps(sent).encode())

    assert (answer.status, answer.json) == (200, {"accepted": 2, "tests": 0})
    assert await ids(own) == [event["id"] for event in sent]
    kept = await own.get(f"Events/{sent[0]['id']}")
    for name in ("id", "source", "time", "type", "data"):
        assert kept[name] == sent[0][name]
    assert (kept["account_sid"], kept["call_sid"]) == (ACCOUNT_SID, CALL)
    found = await own.get(f"Events?CallSid={CALL}")
    assert len(found["events"]) == 2


async def test_a_webhook_sink_of_one_trunkline_fills_the_log_of_another(
    tmp_path: Path,
) -> None:
    async with (
        program(tmp_path / "here") as here,
        program(tmp_path / "there") as there,
        listening(there) as url,
    ):
        await here.make_sink(url)
        await here.sdk_post("one", CALL)
        [event] = (await here.get("Events"))["events"]
        copies = await there.until("Events", lambda found: found["events"])

    [copy] = copies["events"]
    for name in ("id", "source", "time", "type", "data", "dataschema", "call_sid"):
        assert copy[name] == event[name]


async def test_a_circle_of_two_ends_where_it_began(tmp_path: Path) -> None:
    async with (
        program(tmp_path / "here") as here,
        program(tmp_path / "there") as there,
        listening(there) as to_there,
        listening(here) as to_here,
    ):
        await here.make_sink(to_there)
        await there.make_sink(to_here)
        await here.sdk_post("one", CALL)
        [event] = (await here.get("Events"))["events"]
        came_back = f"Events/{event['id']}"
        for own in (there, here):
            await own.until("Events", lambda found: found["events"])
            await own.until(
                came_back, lambda found: found["deliveries"][0]["status"] == "delivered"
            )

        assert await ids(here) == await ids(there) == [event["id"]]
        metric = sample("trunkline_relayed_events_total", result="accepted")
        assert (await scraped(here))[metric] == (await scraped(there))[metric] == 1


async def test_a_test_event_is_answered_and_is_no_event_and_its_id_is_told(
    tmp_path: Path,
) -> None:
    async with (
        program(tmp_path / "here") as here,
        program(tmp_path / "there") as there,
        listening(there) as url,
    ):
        sink = await here.make_sink(url)
        with capture_logs() as logs:
            await here.ask("POST", f"/v1/Sinks/{sink}/Test")
            # Seen from outside, as whoever reads the log sees it.
            while not (told := [x for x in logs if x["event"] == "relay.tested"]):  # noqa: ASYNC110 (seen from outside)
                await asyncio.sleep(0.01)
        validated = await here.ask(
            "POST", f"/v1/Sinks/{sink}/Validate", form={"TestId": told[0]["test_id"]}
        )

        assert (validated.status, validated.json) == (201, {"result": "valid"})
        assert told[0]["account_sid"] == ACCOUNT_SID
        assert await ids(there) == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", [cloud_event()]),
        ("application/json; charset=utf-8", cloud_event()),
        ("application/cloudevents+json", cloud_event()),
        ("Application/CloudEvents-Batch+JSON", [cloud_event()]),
    ],
)
async def test_every_mode_of_cloudevents_is_understood(
    own: Program, content_type: str, body: Any
) -> None:
    answer = await own.ask(
        "POST", PATH, body=body, headers={"content-type": content_type}
    )

    assert (answer.status, answer.json) == (200, {"accepted": 1, "tests": 0})
    assert await ids(own) == [cloud_event()["id"]]


async def test_binary_mode_is_understood_too(own: Program) -> None:
    attributes = cloud_event()
    data = attributes.pop("data")
    headers = {f"ce-{name}": value for name, value in attributes.items()}

    answer = await own.ask("POST", PATH, body=data, headers=headers)

    assert answer.json == {"accepted": 1, "tests": 0}
    assert (await own.get(f"Events/{attributes['id']}"))["data"] == data


async def test_any_other_body_is_refused_with_what_would_do(own: Program) -> None:
    plain = await relayed(own, cloud_event(), headers={"content-type": "text/plain"})
    mixed = await relayed(
        own, cloud_event(), headers={"content-type": BATCH, "ce-specversion": "1.0"}
    )

    assert (plain.status, plain.json["code"]) == (415, 20415)
    assert BATCH in plain.json["message"]
    assert mixed.status == 415
    assert mixed.json["message"] == "Content-Type must be application/json"
    assert await ids(own) == []


async def test_the_same_again_gets_the_same_answer_and_adds_nothing(
    own: Program,
) -> None:
    first = await relayed(own, cloud_event(1), cloud_event(2))
    again = await relayed(own, cloud_event(1), cloud_event(2))

    assert first.body == again.body
    assert len(await ids(own)) == 2


async def test_good_events_beside_bad_ones_are_kept(own: Program) -> None:
    bad = cloud_event(2, type="com.example.unknown")
    answer = await relayed(own, cloud_event(1), bad, cloud_event(3), {"id": "x"})

    assert answer.status == 400
    assert answer.json == {
        "code": 20001,
        "message": "Event 1 was refused: type com.example.unknown is not known",
        "more_info": "https://www.twilio.com/docs/errors/20001",
        "status": 400,
        "accepted": 2,
        "refused": 2,
        "refusals": [
            {
                "index": 1,
                "id": bad["id"],
                "field": "type",
                "reason": "com.example.unknown is not known",
            },
            {"index": 3, "id": "x", "field": "specversion", "reason": "is missing"},
        ],
    }
    assert await ids(own) == [cloud_event(1)["id"], cloud_event(3)["id"]]


async def test_an_answer_lists_no_more_than_twenty_refusals(own: Program) -> None:
    answer = await relayed(own, *[{}] * 1000)

    assert (answer.status, answer.json["refused"]) == (400, 1000)
    assert [refusal["index"] for refusal in answer.json["refusals"]] == list(range(20))


async def test_an_id_of_another_account_is_refused_and_not_swallowed(
    own: Program,
) -> None:
    other = await another_account(own)
    await relayed(own, cloud_event(1))

    answer = await other.ask(
        "POST",
        f"/trunkline/v1/Relay/{other.user}",
        body=[cloud_event(1), cloud_event(2)],
    )

    assert (answer.status, answer.json["accepted"]) == (400, 1)
    [refusal] = answer.json["refusals"]
    assert (refusal["index"], refusal["field"]) == (0, "id")
    assert refusal["reason"] == "is another event's, of another source or account"
    assert await ids(own) == [cloud_event(1)["id"]]
    assert await ids(other) == [cloud_event(2)["id"]]


async def test_of_two_accounts_that_bring_an_id_at_once_one_is_refused(
    own: Program,
) -> None:
    other = await another_account(own)
    senders = [own, other] * 5

    answers = await asyncio.gather(
        *(
            sender.ask(
                "POST", f"/trunkline/v1/Relay/{sender.user}", body=[cloud_event()]
            )
            for sender in senders
        )
    )

    statuses = {
        sender.user: {
            answer.status
            for who, answer in zip(senders, answers, strict=True)
            if who is sender
        }
        for sender in (own, other)
    }
    assert sorted(map(sorted, statuses.values())) == [[200], [400]]
    assert len(await ids(own)) + len(await ids(other)) == 1


async def test_an_id_of_another_source_is_another_event(own: Program) -> None:
    answer = await relayed(
        own, cloud_event(1), cloud_event(1), cloud_event(1, source="/elsewhere")
    )

    assert (answer.status, answer.json["accepted"]) == (400, 2)
    assert [refusal["index"] for refusal in answer.json["refusals"]] == [2]
    assert len(await ids(own)) == 1


async def test_an_api_key_of_the_account_is_as_good(own: Program) -> None:
    key = replace(own, user=KEY_SID, password=KEY_SECRET)

    assert (await relayed(key, cloud_event())).status == 200


async def test_who_is_not_the_account_is_refused(own: Program) -> None:
    other = await another_account(own)
    stranger = replace(own, password="wrong")

    refused = [
        await relayed(own, cloud_event(), authorised=False),
        await relayed(stranger, cloud_event()),
        await relayed(other, cloud_event()),
    ]

    assert [(a.status, a.json["code"]) for a in refused] == [
        (401, 20003),
        (401, 20003),
        (404, 20404),
    ]
    assert refused[0].headers["www-authenticate"].startswith("Basic ")
    assert await ids(own) == []


async def test_a_signature_that_is_not_the_accounts_is_refused(own: Program) -> None:
    body = json.dumps([cloud_event()]).encode()
    with capture_logs() as logs:
        wrong = [
            await signed(own, body, token="another-token"),
            await signed(own, body, base="https://trunkline.test"),
            await signed(own, body, sent=body + b" "),
            await signed(own, b"", sent=body),
        ]
    unhashed = RequestValidator(AUTH_TOKEN).compute_signature(
        f"http://trunkline.test{PATH}", {}
    )
    wrong.append(
        await relayed(
            own,
            cloud_event(),
            headers={"x-twilio-signature": unhashed},
            authorised=False,
        )
    )

    assert {(answer.status, answer.json["code"]) for answer in wrong} == {(401, 20003)}
    assert await ids(own) == []
    assert [(line["event"], line["url"]) for line in logs] == [
        ("relay.not_authentic", f"http://trunkline.test{PATH}")
    ] * 4


async def test_credentials_are_enough_whatever_signature_comes_along(
    own: Program,
) -> None:
    """A sink at Twilio may have `user:password@` in its address, and signs all the same."""
    answer = await relayed(
        own, cloud_event(), headers={"x-twilio-signature": "of another token"}
    )

    assert answer.status == 200


async def test_the_signed_address_is_the_public_one(tmp_path: Path) -> None:
    public = "https://voice.example.org/trunkline"
    body = json.dumps([cloud_event()]).encode()
    async with program(tmp_path, public_url=public) as own:
        assert (await signed(own, body, base=public)).status == 200
        assert (await signed(own, body)).status == 401


async def test_a_suspended_account_is_refused_however_it_signs_in(own: Program) -> None:
    other = await another_account(own)
    await own.post(f"Accounts/{other.user}", Status="suspended")
    path = f"/trunkline/v1/Relay/{other.user}"
    body = json.dumps([cloud_event()]).encode()
    target = f"{path}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = RequestValidator(other.password).compute_signature(
        f"http://trunkline.test{target}", {}
    )

    by_password = await other.ask("POST", path, body=body)
    by_signature = await own.ask(
        "POST",
        target,
        body=body,
        headers={"x-twilio-signature": signature},
        authorised=False,
    )

    for answer in (by_password, by_signature):
        assert (answer.status, answer.json["code"]) == (403, 20403)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, 20001),
        (b"[" * 100_000, 400, 20001),
        (b'{"data":' * 50_000, 400, 20001),
        (b"\xff\xfe", 400, 20001),
        (b"[" + b"0," * 1000 + b"0]", 413, 20413),
        (b" " * (2 * 1024 * 1024 + 1), 413, 20413),
    ],
    ids=["nothing", "arrays", "objects", "UTF-16", "1001", "2 MiB and a byte"],
)
async def test_what_cannot_be_read_is_refused_clearly(
    own: Program, body: bytes, status: int, code: int
) -> None:
    answer = await own.ask(
        "POST", PATH, body=body, headers={"content-type": "application/json"}
    )

    assert (answer.status, answer.json["code"]) == (status, code)
    assert list(answer.json) == ["code", "message", "more_info", "status"]


async def test_a_request_as_large_as_may_be_is_taken(own: Program) -> None:
    data = {"call_sid": CALL, "text": "x" * 900_000}
    sent = json.dumps([cloud_event(1, data=data), cloud_event(2, data=data)]).encode()
    padded = sent + b" " * (2 * 1024 * 1024 - len(sent))

    assert (await own.ask("POST", PATH, body=padded)).json["accepted"] == 2


async def test_events_are_told_by_result_and_refusals_by_a_line(own: Program) -> None:
    with capture_logs() as logs:
        await relayed(own, cloud_event(1), cloud_event(2), {}, [])
    await relayed(own, cloud_event(1))
    test = cloud_event(type="com.twilio.eventstreams.test-event", data={"test_id": "t"})
    await relayed(own, test)

    found = await scraped(own)
    counted = {
        result: found[sample("trunkline_relayed_events_total", result=result)]
        for result in ("accepted", "refused", "tests")
    }
    assert counted == {"accepted": 3, "refused": 2, "tests": 1}
    assert found[sample("trunkline_events_accepted_total", type=SDK_TYPE)] == 2
    assert logs == [
        {
            "event": "relay.refused",
            "log_level": "warning",
            "account_sid": ACCOUNT_SID,
            "accepted": 2,
            "refused": 2,
            "first": "Event 2 was refused: id is missing",
        }
    ]


async def test_an_event_is_found_whatever_its_id_is(own: Program) -> None:
    strange = "a/b c?d=é#e%20"
    await relayed(own, cloud_event(id=strange))

    [event] = (await own.get("Events"))["events"]
    found = await own.ask("GET", event["url"].removeprefix("http://trunkline.test"))

    assert found.json["id"] == strange


async def test_line_ends_in_data_do_not_break_a_tail(own: Program) -> None:
    body = json.dumps([cloud_event()], indent=2).replace("\n", "\r\n").encode()
    watching = asyncio.ensure_future(
        own.ask("GET", "/trunkline/v1/Tail", got=lambda seen: b"data: " in seen)
    )
    await metrics_until(own, "trunkline_tails 1.0")

    await own.ask("POST", PATH, body=body)

    [event] = events(await watching)
    assert event["data"] == cloud_event()["data"]
