"""TwiML, carried out on simulated calls with real requests to a real server."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator

from trunkline.capture.calls.call import Call, CallFilters
from trunkline.capture.calls.progress import EndedBy


ALL = "initiated ringing answered completed"
TOKEN = "0123456789abcdef0123456789abcdef"


def document(text: str, kind: str = "text/xml") -> bytes:
    body = text.encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def serve(server: Any, **documents: str | bytes) -> None:
    """Answer each path with its document, callbacks with 204."""

    def answer(request: Any) -> bytes:
        found = documents.get(request.target.partition("?")[0].strip("/"))
        if found is None:
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        return found if isinstance(found, bytes) else document(found)

    server.answer = answer


def at(server: Any, path: str) -> list[Any]:
    return [r for r in server.requests if r.target.partition("?")[0] == path]


async def legs_of(world: Any, call: Call) -> list[Call]:
    filters = CallFilters(parent_call_sid=call.sid)
    legs = await world.store.find(call.account_sid, filters, limit=100)
    return sorted(legs, key=lambda leg: leg.to)


async def test_a_document_is_fetched_when_the_call_is_answered(
    running: Any, server: Any
) -> None:
    serve(server, voice="<Response><Say>Hello</Say></Response>")
    async with running() as world:
        call = await world.call(Twiml="", Url=f"{server.url}/voice?a=b")
        await world.until(call, "completed")
        (event,) = await world.events_of(call)

    (request,) = server.requests
    assert request.method == "POST"
    assert request.fields["CallSid"] == call.sid
    assert request.fields["CallStatus"] == "in-progress"
    assert request.fields["Direction"] == "outbound-api"
    assert "SequenceNumber" not in request.fields
    assert RequestValidator(TOKEN).validate(
        f"{server.url}/voice?a=b", request.fields, request.headers["x-twilio-signature"]
    )
    assert event.url == f"{server.url}/voice?a=b"
    assert event.answer.body == b"<Response><Say>Hello</Say></Response>"
    assert event.problem is None


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 11217),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 11217),
        (b"HTTP/1.1 204 No Content\r\n\r\n", None),
        (document(""), None),
        (document("<Response/>"), None),
        (document("Hello", "text/plain"), None),
        (document("\x00RIFF", "audio/wav"), None),
        (document("garbage"), 12100),
        (document("<Response>"), 12100),
        (document("<Answer/>"), 12102),
        (document("<!DOCTYPE x [<!ENTITY a 'b'>]><Response>&a;</Response>"), 12100),
        (document("<Response>" + "<Say/>" * 1001 + "</Response>"), 12100),
        (document("<Response>" + "x" * 70_000 + "</Response>"), 12100),
        (document("<Response><Dance/></Response>"), 12200),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", 11205),
        (b"SSH-2.0-hello\r\n\r\n", 11206),
    ],
    ids=str,
)
async def test_whatever_the_document_the_call_ends(
    running: Any, server: Any, answer: bytes, code: int | None
) -> None:
    server.answer = lambda _request: answer
    async with running() as world:
        call = await world.call(Twiml="", Url=f"{server.url}/#rc=0")
        if code == 11205:
            await server.received(1)
            await server.stop()
        await world.until(call, "completed")
        (event,) = await world.events_of(call)

    problem = event.problem or next(iter(event.warnings), None)
    assert (problem.code if problem else None) == code


async def test_a_server_that_is_down_does_not_keep_the_call(
    running: Any, server: Any
) -> None:
    await server.stop()
    async with running() as world:
        call = await world.call(Twiml="", Url=server.url)
        await world.until(call, "completed")
        (event,) = await world.events_of(call)

    assert event.problem.code == 11205
    assert len(event.attempts) == 2


async def test_the_fallback_is_told_what_went_wrong(running: Any, server: Any) -> None:
    serve(
        server,
        voice=b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        plan="<Response/>",
    )
    async with running() as world:
        call = await world.call(
            Twiml="",
            Url=f"{server.url}/voice",
            FallbackUrl=f"{server.url}/plan",
            FallbackMethod="GET",
        )
        await world.until(call, "completed")

    (request,) = at(server, "/plan")
    query = dict(parse_qsl(request.target.partition("?")[2]))
    assert request.method == "GET"
    assert query["ErrorCode"] == "11217"
    assert query["ErrorUrl"] == f"{server.url}/voice"


async def test_a_redirect_resolves_against_its_document(
    running: Any, server: Any
) -> None:
    serve(
        server,
        **{
            "a/one": '<Response><Redirect method="GET">two?x=1</Redirect></Response>',
            "a/two": "<Response><Hangup/></Response>",
        },
    )
    async with running() as world:
        call = await world.call(Twiml="", Url=f"{server.url}/a/one")
        await world.until(call, "completed")

    (request,) = at(server, "/a/two")
    assert request.method == "GET"
    assert request.target.startswith("/a/two?x=1&")


async def test_documents_that_redirect_for_ever_end_the_call(
    running: Any, server: Any
) -> None:
    serve(server, loop="<Response><Redirect/></Response>")
    async with running() as world:
        call = await world.call(Twiml="", Url=f"{server.url}/loop")
        await world.until(call, "completed")

    assert len(server.requests) == 250


async def test_a_dialled_leg_has_callbacks_of_its_own(
    running: Any, server: Any
) -> None:
    twiml = (
        f'<Response><Dial><Number statusCallback="{server.url}/leg"'
        f' statusCallbackEvent="{ALL}">+14155550177</Number></Dial></Response>'
    )
    async with running() as world:
        call = await world.call(Twiml=twiml)
        await world.until(call, "completed")
        requests = await server.received(4)
        (leg,) = await legs_of(world, call)

    assert [r.fields["CallStatus"] for r in requests] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]
    for request in requests:
        assert request.fields["ParentCallSid"] == call.sid
        assert request.fields["CallSid"] == leg.sid
        assert request.fields["Direction"] == "outbound-dial"
        assert request.fields["To"] == "+14155550177"
        assert request.fields["From"] == "+12025550123"
    assert leg.status == "completed"


async def test_the_first_to_answer_wins(running: Any, server: Any) -> None:
    twiml = (
        f'<Response><Dial action="{server.url}/after" callerId="+12025550199">'
        "<Number>+15005554009</Number>"  # rings for nine steps
        "<Client>bob;sim-talk=3</Client>"
        "<Sip>sip:ann@a.example;sim-sip=603</Sip>"
        "</Dial></Response>"
    )
    async with running(pace_ms=1000) as world:
        call = await world.call(Twiml=twiml)
        await world.passing(call, "completed")
        number, client, sip = await legs_of(world, call)
        (request,) = at(server, "/after")

    assert (client.to, client.status) == ("client:bob;sim-talk=3", "completed")
    assert (sip.status, sip.sip_code) == ("busy", 603)
    assert (number.status, number.ended_by) == ("canceled", EndedBy.API)
    assert {leg.from_ for leg in (number, client, sip)} == {"+12025550199"}
    assert request.fields["DialCallStatus"] == "completed"
    assert request.fields["DialCallSid"] == client.sid
    assert request.fields["DialCallDuration"] == "3"
    assert request.fields["DialBridged"] == "true"
    assert request.fields["CallSid"] == call.sid


async def test_of_ten_that_would_answer_at_once_the_first_one_wins(
    running: Any, server: Any
) -> None:
    nouns = "".join(f"<Number>+1500555010{digit}</Number>" for digit in range(10))
    twiml = f'<Response><Dial action="{server.url}/after">{nouns}</Dial></Response>'
    async with running(pace_ms=1000) as world:
        call = await world.call(Twiml=twiml)
        await world.passing(call, "completed")
        first, *others = await legs_of(world, call)
        (request,) = at(server, "/after")

    assert first.status == "completed"
    assert [leg.status for leg in others] == ["canceled"] * 9
    assert request.fields["DialCallSid"] == first.sid


@pytest.mark.parametrize(
    ("to", "word", "sip_code"),
    [
        ("<Number>+15005550001</Number>", "busy", None),
        ("<Number>+15005550002</Number>", "no-answer", None),
        ("<Sip>sip:a@b;sim-sip=404</Sip>", "failed", "404"),
        ("<Sip>sip:a@b;sim-sip=480</Sip>", "no-answer", "480"),
        ("", "failed", None),
    ],
)
async def test_the_action_hears_how_the_dial_went(
    running: Any, server: Any, to: str, word: str, sip_code: str | None
) -> None:
    twiml = f'<Response><Dial action="{server.url}/after">{to}</Dial></Response>'
    async with running() as world:
        call = await world.call(Twiml=twiml)
        await world.until(call, "completed")
        (request,) = at(server, "/after")

    assert request.fields["DialCallStatus"] == word
    assert request.fields["DialBridged"] == "false"
    assert request.fields.get("DialSipResponseCode") == sip_code


async def test_sequential_legs_are_dialled_until_one_answers(
    running: Any, server: Any
) -> None:
    twiml = (
        '<Response><Dial sequential="true"><Number>+15005550001</Number>'
        "<Number>+15005550005</Number><Number>+15005550006</Number></Dial></Response>"
    )
    async with running() as world:
        call = await world.call(Twiml=twiml)
        await world.until(call, "completed")
        legs = await legs_of(world, call)

    assert [(leg.to, leg.status) for leg in legs] == [
        ("+15005550001", "busy"),
        ("+15005550005", "completed"),
    ]


async def test_a_leg_that_rings_too_long_is_no_answer(
    running: Any, server: Any
) -> None:
    twiml = '<Response><Dial timeout="5">+15005554000</Dial></Response>'
    async with running() as world:
        call = await world.call(Twiml=twiml)
        await world.until(call, "in-progress")
        await world.passing(call, "completed")
        (leg,) = await legs_of(world, call)

    assert (leg.status, leg.ended_by) == ("no-answer", EndedBy.TIMER)
    assert leg.ended_ms is not None
    assert leg.dialled_ms is not None
    assert 5000 <= leg.ended_ms - leg.dialled_ms <= 7000


async def test_a_leg_talks_no_longer_than_its_time_limit(
    running: Any, server: Any
) -> None:
    twiml = '<Response><Dial timeLimit="5">+15005553999</Dial></Response>'
    async with running(pace_ms=100) as world:
        call = await world.call(Twiml=twiml)
        await world.passing(call, "completed")
        (leg,) = await legs_of(world, call)

    assert (leg.status, leg.ended_by) == ("completed", EndedBy.TIMER)


async def test_a_caller_who_gives_up_cancels_the_legs(
    running: Any, server: Any
) -> None:
    twiml = (
        f'<Response><Dial action="{server.url}/after"><Number statusCallback='
        f'"{server.url}/leg">+15005554000</Number></Dial></Response>'
    )
    async with running(pace_ms=1000) as world:
        call = await world.call(Twiml=twiml, To="+15005553002")
        await world.passing(call, "completed")
        (request,) = await server.received(1)
        (leg,) = await legs_of(world, call)

    assert request.target == "/leg"
    assert request.fields["CallStatus"] == "canceled"
    assert request.fields["SipResponseCode"] == "487"
    assert leg.ended_by is EndedBy.CALLER


async def test_faults_of_inline_twiml_are_on_the_request_that_brought_it(
    running: Any, server: Any
) -> None:
    twiml = (
        '<Response><Dial><Number statusCallback="relative">+15005550005</Number>'
        f'<Client statusCallback="{server.url}" statusCallbackEvent="ringing done">'
        "bob</Client></Dial></Response>"
    )
    async with running() as world:
        call = await world.call(Twiml=twiml)
        await world.until(call, "completed")
        creation, *_ = await world.store.events(call.sid, offset=0, limit=10)

    assert [warning.code for warning in creation.warnings] == [21609, 21626]


async def test_a_pause_lasts_as_long_as_it_says(running: Any, server: Any) -> None:
    async with running() as world:
        call = await world.call(Twiml='<Response><Pause length="7"/></Response>')
        await world.until(call, "in-progress")
        ended = await world.passing(call, "completed")

    assert ended.ended_ms - ended.answered_ms == 7000


async def test_a_crash_in_a_dial_repeats_no_leg(running: Any, server: Any) -> None:
    twiml = (
        f'<Response><Dial action="{server.url}/after">+15005550005</Dial></Response>'
    )
    async with running(pace_ms=1000) as world:
        call = await world.call(Twiml=twiml)
        await world.passing(call, "in-progress")
        await world.settled()
        clock = world.clock
        (leg,) = await legs_of(world, call)
        assert not leg.over

    async with running(clock=clock) as world:
        await world.until(call, "completed")
        (after,) = await legs_of(world, call)

    assert (after.sid, after.status) == (leg.sid, "completed")
    assert len(at(server, "/after")) == 1


async def test_a_crash_in_a_fetch_fetches_again_with_the_same_token(
    running: Any, server: Any
) -> None:
    server.answer = lambda _request: None
    async with running() as world:
        call = await world.call(Twiml="", Url=f"{server.url}/voice")
        await server.received(1)
        clock = world.clock

    serve(server, voice="<Response/>")
    async with running(clock=clock) as world:
        await world.until(call, "completed")

    first, second = server.requests
    token = "i-twilio-idempotency-token"
    assert first.headers[token] == second.headers[token]
    assert first.body == second.body


async def test_a_hung_document_server_holds_up_no_other(
    running: Any, server: Any, other_server: Any
) -> None:
    serve(server, voice="<Response/>")
    other_server.answer = lambda _request: None
    async with running() as world:
        hung = [await world.call(Twiml="", Url=other_server.url) for _ in range(50)]
        call = await world.call(Twiml="", Url=f"{server.url}/voice")
        await world.until(call, "completed")
        others = [await world.store.call(each.sid) for each in hung]

    assert {other.status for other in others} == {"in-progress"}
    assert other_server.most_under_way == 20


async def test_a_mix_has_every_outcome_and_is_the_same_again(running: Any) -> None:
    async def outcomes(world: Any) -> list[str]:
        calls = [
            await world.call(To=f"+1415555{number:04}") for number in range(5000, 5100)
        ]
        ended = []
        for call in calls:
            for word in ("completed", "busy", "no-answer", "failed"):
                found = await world.store.call(call.sid)
                while not found.over:
                    await world.settled()
                    found = await world.store.call(call.sid)
                if found.status == word:
                    ended.append(word)
        return ended

    async with running(seed=7) as world:
        first = await outcomes(world)
        again = await outcomes(world)

    assert first == again
    assert set(first) == {"completed", "busy", "no-answer", "failed"}
    assert json.dumps(first).count("completed") > 50
