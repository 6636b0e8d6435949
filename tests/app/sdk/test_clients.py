"""Posts of a client that is known by its head: checked once, for as long as it is good."""

from typing import Any

from tests.app.sdk.conftest import KEY

from trunkline.capture.sdk.mapping import NOWHERE, Place


CALL = "CA" + "1" * 32
OTHER_CALL = "CA" + "2" * 32


def event(name: str, call_sid: str = CALL, **payload: Any) -> dict[str, Any]:
    return {
        "group": "connection",
        "name": name,
        "level": "INFO",
        "publisher": "twilio-js-sdk",
        "payload": {"call_sid": call_sid, "sdk_version": "2.18.5", **payload},
    }


async def test_posts_of_a_client_become_events(server: Any) -> None:
    client = server.client(
        user_agent="Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0"
    )
    for name in ("outgoing", "ringing", "accepted-by-remote"):
        assert (await server.take(client, event(name))).status == 200
    events = await server.events()
    assert [data["name"] for data in events] == [
        "outgoing", "ringing", "accepted-by-remote"
    ]  # fmt: skip
    told = [data["sdk_edge"]["metadata"] for data in events]
    assert told[0] == told[1] == told[2]
    assert told[0]["client_name"] == "alice"
    assert told[0]["sdk"]["browser"]["name"] == "Chrome"
    assert len(await server.posts()) == 3


async def test_it_is_the_same_as_by_the_usual_way(server: Any) -> None:
    await server.take(server.client(), event("ringing"))
    await server.post(event("ringing"))
    first, second = await server.events()
    assert first == second


async def test_what_a_client_tells_anew_counts_at_once(server: Any) -> None:
    client = server.client()
    for version in ("2.18.5", "2.18.5", "3.0.0"):
        await server.take(client, event("ringing", sdk_version=version))
    events = await server.events()
    versions = [data["sdk_edge"]["metadata"]["sdk"]["version"] for data in events]
    assert versions == ["2.18.5", "2.18.5", "3.0.0"]


async def test_two_clients_of_one_call_are_told_apart(server: Any) -> None:
    alice = server.client()
    bob = server.client(
        peer="203.0.113.8",
        x_twilio_token=server.token(grants={"identity": "bob", "voice": {}}),
    )
    for client in (alice, bob, alice):
        await server.take(client, event("ringing"))
    told = [data["sdk_edge"]["metadata"] for data in await server.events()]
    assert [each["client_name"] for each in told] == ["alice", "bob", "alice"]
    assert [each["ip_address"][-1] for each in told] == ["7", "8", "7"]


async def test_a_client_whose_key_is_revoked_is_refused(server: Any) -> None:
    client = server.client()
    assert (await server.take(client, event("ringing"))).status == 200
    server.accounts.drop_key(KEY.sid)
    refused = await server.take(client, event("ringing"))
    assert (refused.status, refused.code) == (403, 20103)
    server.accounts.put_key(KEY)
    assert (await server.take(client, event("ringing"))).status == 200
    assert len(await server.events()) == 2


async def test_a_client_whose_token_expires_may_end_the_calls_it_has(
    server: Any,
) -> None:
    now = server.clock.now_ms() // 1000
    client = server.client(x_twilio_token=server.token(nbf=now - 10, exp=now + 60))
    assert (await server.take(client, event("ringing"))).status == 200
    server.clock.advance(300)
    assert (await server.take(client, event("ringing"))).status == 200
    refused = await server.take(client, event("ringing", OTHER_CALL))
    assert (refused.status, refused.code) == (403, 20104)
    server.clock.advance(5 * 60 * 60)
    late = await server.take(client, event("ringing"))
    assert (late.status, late.code) == (403, 20104)
    assert len(await server.events()) == 2


async def test_a_new_file_of_places_counts_for_clients_that_are_known(
    server: Any,
) -> None:
    places = [NOWHERE]
    server.gateway._place_of = lambda _address: places[0]
    client = server.client()
    await server.take(client, event("ringing"))
    places[0] = Place(city="Berlin", country_code="DE")
    server.tokens.forget()  # as it is told of the file
    await server.take(client, event("ringing"))
    cities = [d["sdk_edge"]["metadata"]["city"] for d in await server.events()]
    assert cities == ["", "Berlin"]


async def test_an_attempt_of_the_worker_is_not_taken_at_once(server: Any) -> None:
    headers = [(b"x-trunkline-delivery", b"x"), (b"x-twilio-token", b"")]
    assert server.gateway.client_of(headers, "203.0.113.7", print) is None


async def test_a_client_without_a_good_token_gets_no_further(server: Any) -> None:
    client = server.client(x_twilio_token="a.b.c")
    for _ in range(2):
        assert (await server.take(client, event("ringing"))).status == 403
    assert await server.events() == []
