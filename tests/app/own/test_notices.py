"""Notices of failing deliveries, as whoever looks later finds them."""

from pathlib import Path

from tests.app.own.program import ACCOUNT_SID, SDK_TYPE, Program, Receiver, program


CALL = "CA" + "1" * 32


async def test_a_failing_sink_is_told_with_the_fields_of_the_spec(
    own: Program, receiver: Receiver
) -> None:
    receiver.status = 404
    sink = await own.make_sink(receiver.url)
    await own.sdk_post("accepted", CALL)

    listed = await own.until("Notices", lambda found: found["notices"])

    [notice] = listed["notices"]
    [event] = (await own.get("Events"))["events"]
    assert notice == {
        "code": 91305,
        "level": "ERROR",
        "message": notice["message"],
        "account_sid": ACCOUNT_SID,
        "sink_sid": sink,
        "count": 1,
        "first_at": notice["first_at"],
        "last_at": notice["last_at"],
        "event_type": SDK_TYPE,
        "event_id": event["id"],
        "http_status": 404,
    }
    assert listed["meta"]["key"] == "notices"


async def test_ten_failures_make_two_notices(own: Program, receiver: Receiver) -> None:
    receiver.status = 404
    await own.make_sink(receiver.url)
    for number in range(10):
        await own.sdk_post(f"event-{number}", CALL)

    listed = await own.until("Notices", lambda found: len(found["notices"]) == 2)

    assert [notice["count"] for notice in listed["notices"]] == [10, 1]
    assert (await own.get("Notices?Code=91306"))["notices"] == []
    page = await own.get("Notices?PageSize=1&Code=91305")
    assert page["meta"]["next_page_url"] is not None


async def test_notices_are_there_after_a_restart(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.status = 404
    async with program(tmp_path) as own:
        await own.make_sink(receiver.url)
        await own.sdk_post("accepted", CALL)
        before = await own.until("Notices", lambda found: found["notices"])

    async with program(tmp_path) as own:
        assert await own.get("Notices") == before
