"""The timeline and the quality of a call, as our own API shows them."""

import json
import os
from base64 import b64encode
from collections.abc import MutableMapping
from typing import Any

import msgspec
import pytest
from starlette.applications import Starlette
from tests.app.sdk.conftest import ACCOUNT, OTHER_ACCOUNT

from trunkline.accounts import Accounts
from trunkline.api import call_timeline, errors
from trunkline.capture.calls.answers import Answer
from trunkline.capture.calls.call_event import CallEvent
from trunkline.capture.sdk.post import MAX_DEPTH
from trunkline.events.ids import Ids
from trunkline.storage.posts import PostStore
from trunkline.storage.pruning import PruningStore
from trunkline.storage.timeline import TimelineStore


CA, TJS = "CA" + "1" * 32, "TJS86cbb486-ccff-4689-b2da-587321b75215"
# 2026-11-20T09:13:00Z
START_MS = 1_795_165_980_000


def event(second: int, group: str, name: str, **payload: Any) -> dict[str, Any]:
    return {
        "group": group,
        "name": name,
        "level": "INFO",
        "payload": payload,
        "timestamp": f"2026-11-20T09:13:{second:02}.000Z",
    }


async def get(
    server: Any, path: str, query: str = "", account: Any = ACCOUNT
) -> tuple[int, Any]:
    """Ask our own API."""
    posts = PostStore(server.database)
    app = Starlette(
        routes=call_timeline.routes(
            accounts=Accounts([ACCOUNT, OTHER_ACCOUNT], []),
            timelines=TimelineStore(server.database),
            ids_of_call=posts.ids_of_call,
            token_failures=server.failures.of,
            public_url="https://trunkline.example",
        ),
        exception_handlers=errors.HANDLERS,
    )
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    basic = b64encode(f"{account.sid}:{account.auth_token}".encode())
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/trunkline/v1/{path}",
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "headers": [(b"authorization", b"Basic " + basic), (b"host", b"x")],
    }
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


async def make_call(server: Any) -> None:
    """A call whose posts come out of order, with a callback between them."""
    await server.post(event(1, "connection", "outgoing", temp_call_sid=TJS))
    ids = {"temp_call_sid": TJS, "call_sid": CA}
    await server.post(event(9, "connection", "disconnected-by-local", **ids))
    await server.post(event(3, "connection", "outgoing-ringing", **ids))
    data = {"threshold": 400, "values": [500]}
    for second, end in ((5, "raised"), (7, "cleared")):
        group = f"network-quality-warning-{end}"
        await server.post(event(second, group, "high-rtt", data=data, **ids))
    callback = CallEvent(
        method="POST",
        url="https://app.example/status",
        parameters=(("CallSid", CA), ("CallbackSource", "call-progress-events")),
        answer=Answer(
            status=204,
            duration_ms=500,
            content_type="",
            body=b"",
            completed_ms=START_MS + 4_500,
        ),
    )
    encoded = msgspec.json.encode(callback)

    def write(connection: Any) -> None:
        connection.execute(
            "INSERT INTO call (sid, account_sid, created_ms, over, body)"
            " VALUES (?, ?, ?, 1, '{}')",
            (CA, ACCOUNT.sid, START_MS),
        )
        connection.execute(
            "INSERT INTO call_event (call_sid, body) VALUES (?, ?)", (CA, encoded)
        )

    await server.database.write(write)


@pytest.mark.parametrize("call_id", [CA, TJS])
async def test_a_timeline_tells_what_happened_in_its_order(
    server: Any, call_id: str
) -> None:
    await make_call(server)

    status, found = await get(server, f"Calls/{call_id}/Timeline")

    assert status == 200
    assert found["ids"] == [CA, TJS]
    assert found["has_final_event"] is True
    assert [(i["kind"], i["name"], i["raised"]) for i in found["timeline"]] == [
        ("event", "outgoing", None),
        ("event", "outgoing-ringing", None),
        ("callback", None, None),
        ("quality_warning", "high-rtt", True),
        ("quality_warning", "high-rtt", False),
        ("event", "disconnected-by-local", None),
    ]
    first, _, callback, warning = found["timeline"][:4]
    assert first["at"] == "2026-11-20T09:13:01.000Z"
    assert first["recorded_at"] == "2026-11-20T09:48:36.000Z"
    assert first["data"]["call_sid"] == first["call_sid"] == CA
    assert first["post"]["body"]["payload"] == {"temp_call_sid": TJS}
    assert first["post"]["clock_skew"] is False
    assert callback["at"] == "2026-11-20T09:13:04.000Z"
    assert callback["request"]["response"]["response_code"] == 204
    assert warning["data"]["sdk_edge"]["metric"]["threshold"] == 400
    assert found["meta"]["key"] == "timeline"


async def test_a_timeline_comes_in_pages(server: Any) -> None:
    await make_call(server)
    path = f"Calls/{CA}/Timeline"
    _, whole = await get(server, path)
    _, page = await get(server, path, "PageSize=4")
    rest = page["meta"]["next_page_url"].partition("?")[2]
    assert page["meta"]["next_page_url"].startswith("https://trunkline.example/")
    _, last = await get(server, path, rest)
    assert page["timeline"] + last["timeline"] == whole["timeline"]
    assert last["meta"]["next_page_url"] is None


async def test_a_call_without_its_last_event_is_marked(server: Any) -> None:
    await server.post(event(1, "connection", "incoming", call_sid=CA))
    _, found = await get(server, f"Calls/{CA}/Timeline")
    assert found["has_final_event"] is False


async def test_a_post_that_waits_and_one_that_was_not_emitted_are_told(
    house: Any,
) -> None:
    async with house.server(sdk_min_level="ERROR") as server:
        await server.post(event(1, "settings", "init", temp_call_sid=TJS))
        body = event(2, "connection", "error", temp_call_sid=TJS)
        await server.post({**body, "level": "ERROR"})
        _, found = await get(server, f"Calls/{TJS}/Timeline")
    items = found["timeline"]
    assert [(i["kind"], i["name"], i["level"]) for i in items] == [
        ("post", "init", "INFO"),
        ("post", "error", "ERROR"),
    ]
    assert [i["id"] is None for i in items] == [True, False]


async def test_events_that_came_out_under_the_temporary_id_are_the_calls_too(
    server: Any,
) -> None:
    await server.post(event(1, "connection", "outgoing", temp_call_sid=TJS))
    server.clock.advance(60)
    await server.joiner.release_due()
    ids = {"temp_call_sid": TJS, "call_sid": CA}
    await server.post(event(2, "connection", "outgoing-ringing", **ids))
    for call_id in (CA, TJS):
        _, found = await get(server, f"Calls/{call_id}/Timeline")
        assert [item["call_sid"] for item in found["timeline"]] == [TJS, CA]


async def test_what_has_left_the_log_is_told_by_its_post(server: Any) -> None:
    await make_call(server)
    ids = Ids(server.clock.now_ms, os.urandom)
    pruning = PruningStore(server.database, server.clock, ids)
    server.clock.advance(8 * 24 * 60 * 60)
    await pruning.prune_by_age(0, server.clock.now_ms(), 100)
    assert await server.events() == []
    status, found = await get(server, f"Calls/{CA}/Timeline")
    assert status == 200
    kinds = [item["kind"] for item in found["timeline"]]
    assert kinds == ["post", "post", "callback", "post", "post", "post"]


async def test_quality_shows_samples_and_what_they_come_to(server: Any) -> None:
    ids = {"temp_call_sid": TJS, "call_sid": CA}
    await server.post(event(1, "connection", "accepted-by-remote", **ids))
    for start in (0, 10):
        samples = [
            {
                "call_sid": CA,
                "timestamp_ms": START_MS + second * 1000,
                "mos": None if second == 0 else 4.4,
                "jitter": second,
                "packets_lost": 1,
                "total_packets_sent": second * 50,
            }
            for second in range(start, start + 10)
        ]
        body = {"group": "g", "name": "n", "payload": samples}
        await server.post(body, path="/v4/EndpointMetrics")

    status, found = await get(server, f"Calls/{TJS}/Quality", "PageSize=15")

    assert status == 200
    assert [roll_up["samples"] for roll_up in found["roll_ups"]] == [10, 10]
    summary = found["summary"]
    assert summary["samples"] == 20
    assert summary["first_at"] == "2026-11-20T09:13:00.000Z"
    assert summary["last_at"] == "2026-11-20T09:13:19.000Z"
    assert summary["jitter"] == {"min": 0, "avg": 9.5, "max": 19, "count": 20}
    assert summary["mos"]["count"] == 19
    assert summary["rtt"] is None
    assert summary["sums"]["packets_lost"] == 20
    assert summary["totals"] == {"total_packets_sent": 950}
    assert len(found["samples"]) == 15
    assert found["samples"][0]["at"] == "2026-11-20T09:13:00.000Z"
    assert found["samples"][0]["fields"]["jitter"] == 0
    rest = found["meta"]["next_page_url"].partition("?")[2]
    _, last = await get(server, f"Calls/{TJS}/Quality", rest)
    assert len(last["samples"]) == 5


async def test_a_call_without_samples_has_no_summary(server: Any) -> None:
    await server.post(event(1, "connection", "incoming", call_sid=CA))
    status, found = await get(server, f"Calls/{CA}/Quality")
    assert (status, found["summary"], found["samples"]) == (200, None, [])


@pytest.mark.parametrize("what", ["Timeline", "Quality"])
async def test_an_unknown_call_and_anothers_are_not_found(
    server: Any, what: str
) -> None:
    await make_call(server)
    for call_id in ("CA" + "2" * 32, "x" * 5000, "''"):
        status, error = await get(server, f"Calls/{call_id}/{what}")
        assert (status, error["code"]) == (404, 20404)
    status, _ = await get(server, f"Calls/{CA}/{what}", account=OTHER_ACCOUNT)
    assert status == 404


async def test_a_bad_page_is_refused(server: Any) -> None:
    await make_call(server)
    for query in ("PageSize=0", "PageToken=x", "PageToken=W10"):
        status, error = await get(server, f"Calls/{CA}/Timeline", query)
        assert (status, error["code"]) == (400, 91002)


async def test_a_post_that_is_nested_as_deeply_as_can_be_is_shown(server: Any) -> None:
    levels = MAX_DEPTH - 2  # the post and its payload are levels as well
    deep = '{"a":' * levels + "1" + "}" * levels
    start = f'{{"group":"g","name":"n","payload":{{"call_sid":"{CA}","x":'
    body = start + deep + "}}"
    assert (await server.post(body.encode())).status == 200
    status, _ = await get(server, f"Calls/{CA}/Timeline")
    assert status == 200


async def test_token_failures_are_the_accounts_own(server: Any) -> None:
    bad = server.token(nbf=5, exp=6)
    await server.post(event(1, "connection", "incoming", call_sid=CA), token=bad)
    status, found = await get(server, "TokenFailures")
    assert status == 200
    [failure] = found["token_failures"]
    assert (failure["code"], failure["exp"]) == (20104, 6)
    assert failure["iss"].startswith("SK")
    _, others = await get(server, "TokenFailures", account=OTHER_ACCOUNT)
    assert others == {"token_failures": []}


async def test_records_are_of_the_ids_asked_for_and_of_the_account(
    server: Any,
) -> None:
    await server.post(event(1, "connection", "accepted", call_sid=CA))
    timelines = TimelineStore(server.database)
    [mark] = await timelines.marks(ACCOUNT.sid, [CA])
    alike = msgspec.structs.replace(mark, id=f"{mark.id[:26]}{'0' * 8}")

    for account, asked in ((ACCOUNT, alike), (OTHER_ACCOUNT, mark)):
        records = await timelines.records(account.sid, [CA], [asked])
        assert records.events == {}


async def test_a_post_says_that_its_clock_is_wrong(server: Any) -> None:
    right = event(1, "connection", "accepted", call_sid=CA)
    for body in ({**right, "timestamp": "2026-11-01T00:00:00.000Z"}, right):
        await server.post(body)
    _, found = await get(server, f"Calls/{CA}/Timeline")
    assert [item["post"]["clock_skew"] for item in found["timeline"]] == [True, False]
