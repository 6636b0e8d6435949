"""The Calls API, as Twilio's own client uses it."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
import requests
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from trunkline.accounts import Account, Accounts
from trunkline.api import calls_2010, errors
from trunkline.errors import Refused


ACCOUNT = Account(
    sid="AC4c1e9a7b02d84f5e8b6a1d3f90c7e258",
    auth_token="0123456789abcdef0123456789abcdef",
)
OTHER = Account(
    sid="AC00000000000000000000000000000002", auth_token="the token of another"
)
PARTIES = {"to": "+14155550142", "from_": "+12025550123"}


class Api:
    """The API on a port; what blocks is run in a thread."""

    def __init__(self, url: str, world: Any) -> None:
        self.url = url
        self.world = world

    @contextmanager
    def client(self, account: Account = ACCOUNT) -> Iterator[Client]:
        client = Client(account.sid, account.auth_token)
        client.api.base_url = self.url
        yield client
        client.http_client.session.close()

    async def do(
        self, work: Callable[[Client], Any], account: Account = ACCOUNT
    ) -> Any:
        def in_thread() -> Any:
            with self.client(account) as client:
                return work(client)

        return await asyncio.to_thread(in_thread)

    async def raw(self, method: str, path: str, **options: Any) -> requests.Response:
        auth = options.pop("auth", (ACCOUNT.sid, ACCOUNT.auth_token))
        return await asyncio.to_thread(
            requests.request, method, self.url + path, auth=auth, timeout=10, **options
        )


@pytest.fixture
def serving(running: Any) -> Any:
    @asynccontextmanager
    async def serve(**options: Any) -> AsyncIterator[Api]:
        async with running(**options) as world:
            app = Starlette(
                routes=calls_2010.routes(
                    accounts=Accounts([ACCOUNT, OTHER], []),
                    switchboard=world.switchboard,
                    calls=world.store,
                    clock=world.clock,
                    public_url=None,
                ),
                exception_handlers={
                    Refused: errors.refused,
                    HTTPException: errors.http_error,
                },
            )
            config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none")
            server = uvicorn.Server(config)
            with socket.create_server(("127.0.0.1", 0)) as listener:
                url = f"http://127.0.0.1:{listener.getsockname()[1]}"
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(server.serve([listener]))
                    yield Api(url, world)
                    server.should_exit = True

    return serve


async def test_twilios_client_creates_and_fetches_a_call(
    serving: Any, server: Any
) -> None:
    async with serving() as api:
        call = await api.do(
            lambda client: client.calls.create(
                **PARTIES,
                url="https://a.example/twiml",
                status_callback=server.url,
                status_callback_event=["initiated", "answered", "completed"],
                status_callback_method="POST",
            )
        )
        received = await server.received(3)
        await api.world.until(await api.world.store.call(call.sid), "completed")
        fetched = await api.do(lambda client: client.calls(call.sid).fetch())

    assert call.status == "queued"
    assert call.direction == "outbound-api"
    assert call.start_time is None
    assert call.date_created.isoformat() == "2026-09-14T09:30:00+00:00"
    assert [request.fields["CallStatus"] for request in received] == [
        "initiated",
        "in-progress",
        "completed",
    ]
    assert {request.fields["CallSid"] for request in received} == {call.sid}
    assert fetched.status == "completed"
    assert (fetched.to, fetched._from) == ("+14155550142", "+12025550123")
    assert fetched.duration == "0"
    assert fetched.end_time == fetched.start_time == call.date_created
    assert fetched.queue_time == "0"
    assert fetched.subresource_uris["events"] == (
        f"/2010-04-01/Accounts/{ACCOUNT.sid}/Calls/{call.sid}/Events.json"
    )


async def test_every_value_is_text_or_null(serving: Any) -> None:
    async with serving() as api:
        created = await api.raw(
            "POST",
            f"/2010-04-01/Accounts/{ACCOUNT.sid}/Calls.json",
            data={"To": "client:bob", "From": "client:ann", "Twiml": "<Response/>"},
        )

    assert created.status_code == 201
    body = created.json()
    del body["subresource_uris"]
    assert {type(value) for value in body.values()} == {str, type(None)}


async def test_twilios_client_lists_the_calls_requests(
    serving: Any, server: Any
) -> None:
    async with serving() as api:
        secret = server.url.replace("http://", "http://user:secret@")
        call = await api.do(
            lambda client: client.calls.create(
                **PARTIES, twiml="<Response/>", status_callback=f"{secret}/s#rc=0"
            )
        )
        await api.world.accepted(2)
        events = await api.do(lambda client: client.calls(call.sid).events.list())

    creation, callback = events
    assert creation.request["url"] == (
        f"{api.url}/2010-04-01/Accounts/{ACCOUNT.sid}/Calls.json"
    )
    assert creation.request["parameters"]["status_callback"] == f"{server.url}/s"
    assert creation.response["response_code"] == 201
    assert call.sid in creation.response["response_body"]
    assert callback.request["method"] == "POST"
    assert callback.request["url"] == f"{server.url}/s"
    assert callback.request["parameters"]["call_status"] == "completed"
    assert callback.request["parameters"]["sequence_number"] == "0"
    assert callback.response == {
        "response_code": 204,
        "request_duration": 0,
        "content_type": "",
        "response_body": "",
        "date_created": "Mon, 14 Sep 2026 09:30:00 +0000",
    }


async def test_a_failed_callback_tells_why(serving: Any, server: Any) -> None:
    server.answer = lambda _r: b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
    async with serving() as api:
        call = await api.world.call(StatusCallback=server.url)
        await api.world.accepted(2)
        path = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Calls/{call.sid}/Events.json"
        page = (await api.raw("GET", path)).json()

    failed = page["events"][1]
    assert failed["error"] == {
        "code": 15003,
        "level": "warning",
        "message": "Callback answered 500; answer 204, or 200 with TwiML",
    }
    assert failed["attempts"] == [
        {
            "date_created": "Mon, 14 Sep 2026 09:30:00 +0000",
            "duration": 0,
            "response_code": 500,
            "code": 15003,
        }
    ]


async def test_twilios_client_pages_through_calls_newest_first(serving: Any) -> None:
    async with serving() as api:
        made = []
        for number in range(5):
            made.append((await api.world.call(To=f"+1415555000{number}")).sid)
            api.world.clock.advance(1)
        listed = await api.do(lambda client: client.calls.list(page_size=2))
        path = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Calls.json"
        page = (await api.raw("GET", f"{path}?PageSize=2&Page=1")).json()

    assert [call.sid for call in listed] == made[::-1]
    assert [call["sid"] for call in page.pop("calls")] == made[2:0:-1]
    following = page.pop("next_page_uri")
    assert following.startswith(f"{path}?PageSize=2&Page=2&PageToken=")
    assert page == {
        "uri": f"{path}?PageSize=2&Page=1",
        "first_page_uri": f"{path}?PageSize=2&Page=0",
        "previous_page_uri": f"{path}?PageSize=2&Page=0",
        "page": 1,
        "page_size": 2,
        "start": 2,
        "end": 3,
    }


async def test_new_calls_shift_no_page(serving: Any) -> None:
    async with serving() as api:
        made = [(await api.world.call()).sid for _ in range(6)]
        path = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Calls.json"
        first = (await api.raw("GET", f"{path}?PageSize=2")).json()
        api.world.clock.advance(1)
        await api.world.call()
        second = (await api.raw("GET", first["next_page_uri"])).json()
        third = (await api.raw("GET", second["next_page_uri"])).json()
        back = (await api.raw("GET", third["previous_page_uri"])).json()
        bad = await api.raw("GET", f"{path}?PageToken=x")

    pages = [[call["sid"] for call in page["calls"]] for page in (first, second, third)]
    newest = sorted(made, reverse=True)
    assert pages == [newest[:2], newest[2:4], newest[4:]]
    assert third["next_page_uri"] is None
    assert [call["sid"] for call in back["calls"]] == newest[2:4]
    assert bad.status_code == 400


async def test_calls_are_found_by_what_they_are(serving: Any) -> None:
    async with serving() as api:
        busy = await api.world.call(To="+15005550001")
        await api.world.until(busy, "busy")
        api.world.clock.advance(86_400)
        done = await api.world.call(To="+15005550009", From="client:ann")
        await api.world.until(done, "completed")

        async def found(**filters: Any) -> list[str]:
            calls = await api.do(lambda client: client.calls.list(**filters))
            return [call.sid for call in calls]

        assert await found(status="busy") == [busy.sid]
        assert await found(status="queued") == []
        assert await found(to="+15005550009") == [done.sid]
        assert await found(from_="client:ann") == [done.sid]
        assert await found(start_time_before="2026-09-14") == [busy.sid]
        assert await found(start_time_after="2026-09-15") == [done.sid]
        assert await found(start_time="2026-09-14") == [busy.sid]
        assert await found(end_time="2026-09-15") == [done.sid]
        assert await found(end_time="2026-09-14") == []


async def test_a_call_is_cancelled_before_it_is_answered(
    serving: Any, server: Any
) -> None:
    async with serving(pace_ms=3_600_000) as api:
        call = await api.world.call(StatusCallback=server.url)
        canceled = await api.do(
            lambda client: client.calls(call.sid).update(status="canceled")
        )
        (request,) = await server.received(1)
        with pytest.raises(TwilioRestException) as refused:
            await api.do(
                lambda client: client.calls(call.sid).update(status="completed")
            )

    assert canceled.status == "canceled"
    assert request.fields["CallStatus"] == "canceled"
    assert (refused.value.code, refused.value.status) == (21220, 400)


async def test_an_updated_callback_url_is_used_from_then_on(
    serving: Any, server: Any
) -> None:
    async with serving(pace_ms=3_600_000) as api:
        call = await api.world.call(
            "initiated", "completed", StatusCallback=f"{server.url}/old"
        )
        await server.received(1)
        await api.do(
            lambda client: client.calls(call.sid).update(
                status="completed", status_callback=f"{server.url}/new"
            )
        )
        requests_ = await server.received(2)

    assert [request.target for request in requests_] == ["/old", "/new"]
    assert requests_[1].fields["SequenceNumber"] == "1"


async def test_a_call_that_is_over_is_deleted_with_its_events(
    serving: Any, server: Any
) -> None:
    async with serving() as api:
        live = await api.world.call(dial=False)
        call = await api.world.call(StatusCallback=server.url)
        await api.world.accepted(2)
        assert await api.do(lambda client: client.calls(call.sid).delete()) is True
        gone = await api.world.store.events(call.sid, offset=0, limit=10)
        refusals = []
        for sid in (live.sid, call.sid):
            with pytest.raises(TwilioRestException) as refused:
                await api.do(lambda client, sid=sid: client.calls(sid).delete())
            refusals.append(refused.value.code)

    assert gone == []
    assert refusals == [21220, 20404]


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        (21201, {"to": ""}),
        (21213, {"from_": ""}),
        (21200, {"twiml": ""}),
        (21208, {"timeout": 0}),
        (21609, {"status_callback": "status"}),
        (21626, {"status_callback_event": ["initiated ringing"]}),
    ],
)
async def test_faults_have_twilios_codes(
    serving: Any, code: int, fields: dict[str, Any]
) -> None:
    good = {**PARTIES, "twiml": "<Response/>", "status_callback": "https://a.example/"}
    async with serving() as api:
        with pytest.raises(TwilioRestException) as refused:
            await api.do(lambda client: client.calls.create(**good | fields))

    assert (refused.value.code, refused.value.status) == (code, 400)


async def test_another_accounts_calls_are_not_found(serving: Any) -> None:
    async with serving() as api:
        call = await api.world.call()
        path = f"/2010-04-01/Accounts/{{}}/Calls/{call.sid}.json"
        auth = (OTHER.sid, OTHER.auth_token)
        own = await api.raw("GET", path.format(OTHER.sid), auth=auth)
        foreign = await api.raw("GET", path.format(ACCOUNT.sid), auth=auth)
        nobody = await api.raw("GET", path.format(ACCOUNT.sid), auth=("x", "y"))

    assert [(r.status_code, r.json()["code"]) for r in (own, foreign, nobody)] == [
        (404, 20404),
        (404, 20404),
        (401, 20003),
    ]


async def test_what_is_not_there_is_not_found(serving: Any) -> None:
    async with serving() as api:
        call = await api.world.call()
        root = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Calls"
        answers = [
            await api.raw("GET", f"{root}/CA{os.urandom(16).hex()}.json"),
            await api.raw("GET", f"{root}/{call.sid}/Recordings.json"),
            await api.raw("PUT", f"{root}/{call.sid}.json"),
            await api.raw("GET", f"{root}.json?PageSize=1001"),
            await api.raw("GET", f"{root}.json?StartTime=soon"),
        ]

    assert [(r.status_code, r.json()["code"]) for r in answers] == [
        (404, 20404),
        (404, 20404),
        (405, 20004),
        (400, 20001),
        (400, 20001),
    ]


async def test_twilios_client_redirects_a_live_call(serving: Any, server: Any) -> None:
    server.answer = lambda _request: (
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n<Response/>"
    )
    async with serving() as api:
        twiml = "<Response><Dial><Number>+15005554000</Number></Dial></Response>"
        call = await api.world.call(Twiml=twiml)
        await api.world.until(call, "in-progress")
        await api.world.settled()
        await api.do(
            lambda client: client.calls(call.sid).update(
                url=f"{server.url}/new", method="GET"
            )
        )
        await api.world.until(call, "completed")
        legs = await api.do(lambda client: client.calls.list(parent_call_sid=call.sid))
        events = await api.do(lambda client: client.calls(call.sid).events.list())

    assert server.requests[0].target.startswith("/new?")
    assert [leg.status for leg in legs] == ["canceled"]
    assert [event.request["method"] for event in events] == ["POST", "POST", "GET"]
    assert events[1].request["parameters"] == {
        "url": f"{server.url}/new",
        "method": "GET",
    }


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Url": "https://a.example", "Twiml": "<Response/>"}, 21200),
        ({"Url": "https://a.example", "Status": "completed"}, 21200),
        ({"Url": "a.example"}, 21200),
        ({"Twiml": "<Response/>", "Method": "PUT"}, 21200),
        ({"Twiml": "x" * 4001}, 21200),
        ({"Status": "busy"}, 21200),
        ({"StatusCallback": "nowhere"}, 21609),
    ],
    ids=str,
)
async def test_a_bad_update_is_refused(
    serving: Any, fields: dict[str, str], code: int
) -> None:
    async with serving() as api:
        call = await api.world.call(Twiml='<Response><Pause length="60"/></Response>')
        await api.world.until(call, "in-progress")
        path = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Calls/{call.sid}.json"
        answer = await api.raw("POST", path, data=fields)

    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_a_call_that_rings_cannot_be_redirected(serving: Any) -> None:
    async with serving() as api:
        call = await api.world.call(To="+15005554000")
        await api.world.until(call, "ringing")
        path = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Calls/{call.sid}.json"
        answer = await api.raw("POST", path, data={"Twiml": "<Response/>"})

    assert (answer.status_code, answer.json()["code"]) == (400, 21220)


async def test_a_call_event_shows_every_field_but_no_secret(serving: Any) -> None:
    async with serving() as api:
        path = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Calls"
        data = {
            "To": "client:bob",
            "From": "client:ann",
            "Twiml": "<Response/>",
            "MachineDetection": "Enable",
            "SipAuthPassword": "secret",
            "FallbackUrl": "https://user:secret@a.example/plan",
        }
        call = (await api.raw("POST", f"{path}.json", data=data)).json()
        page = (await api.raw("GET", f"{path}/{call['sid']}/Events.json")).json()

    assert page["events"][0]["request"]["parameters"] == {
        "to": "client:bob",
        "from": "client:ann",
        "twiml": "<Response/>",
        "machine_detection": "Enable",
        "sip_auth_password": "***",
        "fallback_url": "https://a.example/plan",
    }
