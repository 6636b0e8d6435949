"""Dead letters: found, explained, sent again."""

from typing import Any

import pytest
from tests.app.own.program import ACCOUNT_SID, SDK_TYPE, Program, Receiver


CALL = "CA" + "1" * 32
OTHER_CALL = "CA" + "2" * 32


async def dead_letters(own: Program, count: int) -> list[Any]:
    listed = await own.until(
        "DeadLetters", lambda found: len(found["dead_letters"]) == count
    )
    letters: list[Any] = listed["dead_letters"]
    return letters


async def test_a_dead_letter_tells_what_was_given_up_and_why(
    own: Program, receiver: Receiver
) -> None:
    receiver.status = 404
    sink = await own.make_sink(receiver.url)
    await own.sdk_post("accepted", CALL)

    [letter] = await dead_letters(own, 1)

    [event] = (await own.get("Events"))["events"]
    assert letter == {
        "sid": letter["sid"],
        "account_sid": ACCOUNT_SID,
        "sink_sid": sink,
        "event_id": event["id"],
        "event_type": SDK_TYPE,
        "call_sid": CALL,
        "code": 91305,
        "reason": letter["reason"],
        "attempts": 1,
        "first_at": letter["first_at"],
        "last_at": letter["last_at"],
        "http_status": 404,
        "last_answer": "no thanks",
        "url": f"http://trunkline.test/trunkline/v1/DeadLetters/{letter['sid']}",
    }
    assert letter["sid"].startswith("DL")
    assert letter["reason"]


async def test_dead_letters_are_found_by_each_filter(
    own: Program, receiver: Receiver
) -> None:
    receiver.status = 404
    sink = await own.make_sink(receiver.url)
    await own.sdk_post("accepted", CALL)
    await own.sdk_post("accepted", OTHER_CALL)
    await dead_letters(own, 2)

    async def count(query: str) -> int:
        return len((await own.get(f"DeadLetters?{query}"))["dead_letters"])

    assert await count(f"SinkSid={sink}") == 2
    assert await count("SinkSid=DG" + "0" * 32) == 0
    assert await count(f"CallSid={CALL}") == 1
    assert await count(f"Types={SDK_TYPE}&Code=91305") == 2
    assert await count("Code=91303") == 0
    assert await count("To=2020-01-01") == 0


async def test_one_is_sent_again(own: Program, receiver: Receiver) -> None:
    receiver.status = 404
    sink = await own.make_sink(receiver.url)
    await own.sdk_post("accepted", CALL)
    [letter] = await dead_letters(own, 1)

    receiver.status = 204
    answer = await own.post(f"DeadLetters/{letter['sid']}/Redeliver")

    assert answer.status == 202
    assert answer.json == {"sink_sid": sink, "redelivered": 1, "not_kept": 0}
    await own.until(
        f"Events/{letter['event_id']}",
        lambda found: found["deliveries"][0]["status"] == "delivered",
    )
    assert await dead_letters(own, 0) == []
    assert receiver.requests[0] == receiver.requests[1]


@pytest.mark.parametrize("as_json", [True, False])
async def test_many_are_sent_again_by_filter(
    own: Program, receiver: Receiver, as_json: bool
) -> None:
    receiver.status = 404
    sink = await own.make_sink(receiver.url)
    for call in (CALL, CALL, OTHER_CALL):
        await own.sdk_post("accepted", call)
    await dead_letters(own, 3)

    receiver.status = 204
    fields = {"SinkSid": sink, "CallSid": CALL, "Types": [SDK_TYPE]}
    answer = await own.ask(
        "POST",
        "/trunkline/v1/DeadLetters/Redeliver",
        body=fields if as_json else None,
        form=None if as_json else fields,
    )

    assert answer.status == 202
    assert answer.json["redelivered"] == 2
    [left] = await dead_letters(own, 1)
    assert left["call_sid"] == OTHER_CALL


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({}, 400, 20001),
        ({"SinkSid": "nonsense"}, 400, 91006),
        ({"SinkSid": "DG" + "0" * 32}, 404, 20404),
    ],
)
async def test_a_bad_redelivery_is_refused(
    own: Program, form: dict[str, str], status: int, code: int
) -> None:
    answer = await own.post("DeadLetters/Redeliver", **form)

    assert (answer.status, answer.json["code"]) == (status, code)


async def test_a_dead_letter_of_nobody_is_not_found(own: Program) -> None:
    for path in ("DeadLetters/DL0", "DeadLetters/DL0/Redeliver"):
        method = "POST" if path.endswith("Redeliver") else "GET"
        answer = await own.ask(method, f"/trunkline/v1/{path}")
        assert (answer.status, answer.json["code"]) == (404, 20404)


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"x"', b'{"SinkSid": {}}', b"\xff", b"[" * 100_000]
)
async def test_a_body_that_cannot_be_read_is_refused(own: Program, body: bytes) -> None:
    answer = await own.ask("POST", "/trunkline/v1/DeadLetters/Redeliver", body=body)

    assert (answer.status, answer.json["code"]) == (400, 20001)
