"""Calls made elsewhere: told of and reported over HTTP."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import pytest
import requests
import uvicorn
from starlette.applications import Starlette
from tests.app.calls.conftest import ACCOUNT, NETWORKS

from trunkline.accounts import Accounts
from trunkline.api import call_reports, calls_2010, errors
from trunkline.events.ids import Ids


ALL = ["initiated", "ringing", "answered", "completed"]
PARTIES = {"From": "+12025550123", "To": "+14155550142"}

Post = Callable[..., Awaitable[requests.Response]]


@pytest.fixture
def serving(running: Any) -> Any:
    @asynccontextmanager
    async def serve(**options: Any) -> AsyncIterator[tuple[Any, Post]]:
        async with running(**options) as world:
            shared: dict[str, Any] = {
                "accounts": Accounts([ACCOUNT], []),
                "calls": world.store,
                "clock": world.clock,
                "public_url": None,
            }
            app = Starlette(
                routes=[
                    *call_reports.routes(
                        board=world.switchboard,
                        ids=Ids(world.clock.now_ms, os.urandom),
                        networks=NETWORKS,
                        **shared,
                    ),
                    *calls_2010.routes(switchboard=world.switchboard, **shared),
                ],
                exception_handlers=errors.HANDLERS,
            )
            config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none")
            api = uvicorn.Server(config)
            with socket.create_server(("127.0.0.1", 0)) as listener:
                url = f"http://127.0.0.1:{listener.getsockname()[1]}"

                async def post(path: str, **body: Any) -> requests.Response:
                    return await asyncio.to_thread(
                        requests.post,
                        f"{url}{path}",
                        auth=body.pop("auth", (ACCOUNT.sid, ACCOUNT.auth_token)),
                        timeout=10,
                        **body,
                    )

                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(api.serve([listener]))
                    yield world, post
                    api.should_exit = True

    return serve


async def test_a_call_made_elsewhere_is_called_back_as_it_is_reported(
    serving: Any, server: Any
) -> None:
    async with serving() as (_, post):
        told = {**PARTIES, "StatusCallback": server.url, "StatusCallbackEvent": ALL}
        created = await post("/trunkline/v1/Calls", data=told)
        call = created.json()
        path = f"/trunkline/v1/Calls/{call['sid']}/Progress"
        answers = [
            await post(path, data={"State": "initiated"}),
            await post(path, json={"state": "ringing", "sip_call_id": "a@b"}),
            await post(path, json={"State": "answered"}),
            await post(path, json={"State": "ended", "EndedBy": "caller"}),
        ]
        received = await server.received(4)

    assert created.status_code == 201
    assert (call["direction"], call["status"]) == ("inbound", "ringing")
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [answer.json()["status"] for answer in answers] == [
        "ringing",
        "ringing",
        "in-progress",
        "completed",
    ]
    assert [request.fields["CallStatus"] for request in received] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]
    assert received[3].fields["SipCallId"] == "a@b"


async def test_late_and_repeated_reports_change_nothing(
    serving: Any, server: Any
) -> None:
    async with serving() as (world, post):
        told = {**PARTIES, "StatusCallback": server.url, "StatusCallbackEvent": ALL}
        call = (await post("/trunkline/v1/Calls", json=told)).json()
        path = f"/trunkline/v1/Calls/{call['sid']}/Progress"
        ended = {"State": "ended", "SipCode": 486}
        bodies = [
            (await post(path, json=report)).json()
            for report in (
                {"State": "answered", "At": "2026-09-14T09:30:01.500Z"},
                {"State": "answered", "At": "2026-09-14T09:31:00Z"},
                {"State": "ringing"},
                {"State": "ended", "At": "2026-09-14T09:30:11Z"},
                ended,
                {"State": "initiated"},
            )
        ]
        received = await server.received(2)
        await world.accepted(4)

    assert [body["status"] for body in bodies] == ["in-progress"] * 3 + [
        "completed"
    ] * 3
    assert bodies[-1]["duration"] == "10"
    assert [request.fields["SequenceNumber"] for request in received] == ["0", "1"]


@pytest.mark.parametrize("leg", ["a/b@10.0.0.1", "../..", "é ?#%2F", "x/Progress"])
async def test_a_leg_is_found_by_whatever_name_it_was_given(
    serving: Any, leg: str
) -> None:
    async with serving() as (_, post):
        made = await post("/trunkline/v1/Calls", json={**PARTIES, "Leg": leg})
        path = f"/trunkline/v1/Calls/{quote(leg, safe='')}/Progress"
        reported = await post(path, data={"State": "answered"})

    assert reported.status_code == 200
    assert reported.json()["sid"] == made.json()["sid"]
    assert reported.json()["status"] == "in-progress"


async def test_telling_of_a_call_twice_makes_one_call(serving: Any) -> None:
    async with serving() as (_, post):
        told = {**PARTIES, "Leg": "1789378200.17"}
        first = await post("/trunkline/v1/Calls", json=told)
        again = await post("/trunkline/v1/Calls", json=told)
        path = "/trunkline/v1/Calls/1789378200.17/Progress"
        reported = await post(path, data={"State": "ringing"})
        sid = "CA9b2f61d07ce34a1fa85d40e6b37c1f92"
        own = await post("/trunkline/v1/Calls", json={**PARTIES, "CallSid": sid})
        other = await post("/trunkline/v1/Calls", json={**told, "CallSid": sid})

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["sid"] == again.json()["sid"] == reported.json()["sid"]
    assert (own.status_code, own.json()["sid"]) == (201, sid)
    assert other.status_code == 400
    assert "Leg" in other.json()["message"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("State", "gone"),
        ("At", "yesterday"),
        ("SipCode", "99"),
        ("Q850", "128"),
        ("EndedBy", "me"),
        ("Cause", "x" * 257),
        ("Colour", "red"),
    ],
)
async def test_a_bad_report_is_told_which_field_is_wrong(
    serving: Any, field: str, value: str
) -> None:
    async with serving() as (_, post):
        call = (await post("/trunkline/v1/Calls", json=PARTIES)).json()
        path = f"/trunkline/v1/Calls/{call['sid']}/Progress"
        answer = await post(path, data={"State": "ended"} | {field: value})

    assert (answer.status_code, answer.json()["code"]) == (400, 20001)
    assert field in answer.json()["message"]


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"From": "a"}, 21201),
        ({"To": "a"}, 21213),
        ({**PARTIES, "Direction": "up"}, 20001),
        ({**PARTIES, "CallSid": "CA1"}, 20001),
        ({**PARTIES, "StatusCallback": "/x"}, 21609),
        ({**PARTIES, "StatusCallback": "http://10.0.0.1/"}, 21609),
        ({**PARTIES, "StatusCallbackEvent": "ended"}, 21626),
        ({**PARTIES, "Timeout": "0"}, 21208),
    ],
    ids=str,
)
async def test_a_bad_call_is_refused_with_its_code(
    serving: Any, told: dict[str, str], code: int
) -> None:
    async with serving() as (_, post):
        answer = await post("/trunkline/v1/Calls", data=told)

    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_only_the_account_can_report_its_calls(serving: Any) -> None:
    async with serving() as (_, post):
        nobody = await post("/trunkline/v1/Calls", data=PARTIES, auth=("AC1", "x"))
        path = "/trunkline/v1/Calls/CA9b2f61d07ce34a1fa85d40e6b37c1f92/Progress"
        unknown = await post(path, data={"State": "ringing"})

    assert nobody.status_code == 401
    assert (unknown.status_code, unknown.json()["code"]) == (404, 20404)


async def test_a_call_made_elsewhere_is_not_ours_to_end(serving: Any) -> None:
    async with serving() as (_, post):
        call = (await post("/trunkline/v1/Calls", json=PARTIES)).json()
        path = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Calls/{call['sid']}.json"
        answer = await post(path, data={"Status": "completed"})

    assert (answer.status_code, answer.json()["code"]) == (400, 21220)


async def test_one_of_which_nothing_is_heard_is_ended_some_day(serving: Any) -> None:
    async with serving() as (world, post):
        call = (await post("/trunkline/v1/Calls", json=PARTIES)).json()
        world.clock.advance(14_401)
        await world.switchboard.end_overdue()
        ended = await world.store.call(call["sid"])

    assert ended.status == "no-answer"
