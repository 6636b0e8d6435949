"""Events for the tests of sinks."""

import json
from typing import Any

from trunkline.events import test_event
from trunkline.events.catalogue import SDK_EVENT_TYPE, progress_type
from trunkline.events.envelope import Event, render
from trunkline.sinks.answer import Parcel


ACCOUNT = "AC" + "1" * 32
CALL = "CA" + "2" * 32
TEST_ID = "cae2f9e2-0000-4000-8000-000000000000"


def progress_event(
    number: int = 1, call_sid: str = CALL, /, **parameters: str
) -> Event:
    data = {
        "sid": call_sid,
        "request": {"method": "POST", "url": "http://x/", "parameters": parameters},
    }
    return event_with(json.dumps(data).encode(), number, call_sid)


def event_with(data: bytes, number: int = 1, call_sid: str = CALL) -> Event:
    return Event(
        id=f"VW{number:032x}",
        account_sid=ACCOUNT,
        type=progress_type("ringing"),
        source=f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{call_sid}.json",
        time="2026-01-01T00:00:00.000Z",
        call_sid=call_sid,
        data=data,
    )


def sdk_event(call_sid: str) -> Event:
    return Event(
        id="EZ" + "3" * 32,
        account_sid=ACCOUNT,
        type=SDK_EVENT_TYPE,
        source=f"/v1/Voice/{call_sid}/Events",
        time="2026-01-01T00:00:00.000Z",
        call_sid=call_sid,
        data=b'{"name":"outgoing"}',
    )


def sink_test() -> Event:
    return test_event.make(
        event_id="TE" + TEST_ID.replace("-", ""),
        account_sid=ACCOUNT,
        test_id=TEST_ID,
        time="2026-06-10T06:02:54.377Z",
    )


def parcel(event: Event) -> Parcel:
    return Parcel(event, render(event, 2))


def shown(message: bytes) -> dict[str, Any]:
    decoded = json.loads(message)
    assert isinstance(decoded, dict)
    return decoded
