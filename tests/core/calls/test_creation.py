"""What the creation of a call refuses, with which code."""

import pytest

from trunkline.api.forms import Form
from trunkline.capture.calls.call import Call
from trunkline.capture.calls.callback_config import CallbackConfig
from trunkline.capture.calls.creation import new_call
from trunkline.capture.calls.progress import Progress
from trunkline.errors import Refused


GOOD = {
    "To": "+14155550142",
    "From": "client:ann",
    "Url": "https://a.example/twiml",
    "StatusCallback": "https://a.example/status",
}


def create(*repeated: tuple[str, str], **fields: str) -> Call:
    form = Form([*(GOOD | fields).items(), *repeated])
    return new_call(form, sid="CA1", account_sid="AC1", now_ms=5, networks=())


def test_the_defaults_are_those_documented() -> None:
    call = create()

    assert call.timeout == 60
    assert call.method == "POST"
    assert call.callback == CallbackConfig(
        url="https://a.example/status", method="POST", events=(Progress.COMPLETED,)
    )


def test_events_are_a_repeated_parameter() -> None:
    words = ("ringing", "initiated", "ringing", "")
    call = create(*(("StatusCallbackEvent", word) for word in words))

    assert call.callback is not None
    assert call.callback.events == (Progress.INITIATED, Progress.RINGING)


def test_url_goes_before_twiml() -> None:
    assert create(Twiml="x" * 5000).twiml is None
    assert create(Url="", Twiml="<Response/>").twiml == "<Response/>"


def test_without_status_callback_nothing_is_called_back() -> None:
    assert create(StatusCallback="").callback is None


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        (21201, {"To": ""}),
        (21213, {"From": ""}),
        (21200, {"To": "+1\n2"}),
        (21200, {"Url": ""}),
        (21200, {"Url": "/twiml"}),
        (21200, {"Url": "", "Twiml": "x" * 4001}),
        (21200, {"Method": "PUT"}),
        (21200, {"StatusCallbackMethod": "post"}),
        (21200, {"ApplicationSid": "AP0"}),
        (21208, {"Timeout": "0"}),
        (21208, {"Timeout": "601"}),
        (21208, {"Timeout": "1.5"}),
        (21208, {"Timeout": "soon"}),
        (21609, {"StatusCallback": "/status"}),
        (21609, {"StatusCallback": "https://a_b.example/"}),
        (21609, {"StatusCallback": "https://127.0.0.1/"}),
        (21609, {"StatusCallback": "https://a.example/" + "x" * 4000}),
        (21626, {"StatusCallbackEvent": "initiated ringing"}),
        (21626, {"StatusCallbackEvent": "Ringing"}),
        (21626, {"StatusCallbackEvent": "in-progress"}),
    ],
)
def test_each_fault_has_its_code(code: int, fields: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        create(**fields)

    assert (refused.value.code, refused.value.status) == (code, 400)


def test_the_first_fault_is_answered() -> None:
    with pytest.raises(Refused) as refused:
        create(From="", Url="", Timeout="x", StatusCallback="x")

    assert refused.value.code == 21213
