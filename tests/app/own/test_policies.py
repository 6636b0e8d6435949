"""How a sink is delivered to, as its owner chooses."""

from pathlib import Path

import pytest
from tests.app.own.program import Program, Receiver, program


CALL = "CA" + "1" * 32


async def test_a_sink_starts_with_twilios_ways(
    own: Program, receiver: Receiver
) -> None:
    sink = await own.make_sink(receiver.url)

    assert await own.get(f"Sinks/{sink}/Policy") == {
        "sink_sid": sink,
        "retry_window": 14400,
        "concurrency": 16,
        "rate_limit": 0,
        "retry_4xx": False,
        "ordered": False,
        "url": f"http://trunkline.test/trunkline/v1/Sinks/{sink}/Policy",
    }


async def test_a_change_keeps_what_it_does_not_name_and_survives_a_restart(
    tmp_path: Path,
) -> None:
    async with program(tmp_path) as own:
        sink = await own.make_sink("http://127.0.0.1:9/")
        await own.post(f"Sinks/{sink}/Policy", Retry4xx="true", Concurrency="2")
        answer = await own.ask(
            "POST",
            f"/trunkline/v1/Sinks/{sink}/Policy",
            body={"Ordered": True, "RetryWindow": 60},
        )
        assert answer.status == 200

    async with program(tmp_path) as own:
        policy = await own.get(f"Sinks/{sink}/Policy")
    assert policy == answer.json
    assert (policy["retry_4xx"], policy["concurrency"]) == (True, 2)
    assert (policy["ordered"], policy["retry_window"]) == (True, 60)


async def test_a_4xx_is_tried_again_where_the_owner_wants_it(
    own: Program, receiver: Receiver
) -> None:
    receiver.status = 404
    sink = await own.make_sink(receiver.url)
    await own.post(f"Sinks/{sink}/Policy", Retry4xx="true")
    await own.sdk_post("accepted", CALL)

    [event] = (await own.get("Events"))["events"]
    await own.until(
        f"Events/{event['id']}",
        lambda found: found["deliveries"][0]["status"] == "waiting",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RetryWindow", "0"),
        ("RetryWindow", str(7 * 86_400 + 1)),
        ("Concurrency", "x"),
        ("RateLimit", "-1"),
        ("Retry4xx", "perhaps"),
        ("Ordered", ""),
    ],
)
async def test_a_bad_choice_is_refused_by_name(
    own: Program, receiver: Receiver, name: str, value: str
) -> None:
    sink = await own.make_sink(receiver.url)

    answer = await own.post(f"Sinks/{sink}/Policy", **{name: value})

    assert (answer.status, answer.json["code"]) == (400, 20001)
    assert name in answer.json["message"]
