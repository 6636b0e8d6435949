"""The mapping of posts, field by field, against the schema documents."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.capture.sdk.device import Hints
from trunkline.capture.sdk.mapping import Place, Sender, call_event
from trunkline.capture.sdk.post import parse_event
from trunkline.capture.sdk.sticky import Memory
from trunkline.events import schemas
from trunkline.events.call_event import Location, encode


DATA = Path(__file__).parents[2] / "data" / "voice-sdk"
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/156.0.0.0 Safari/537.36"
)
SENDER = Sender(
    account_sid="AC00000000000000000000000000000001",
    client_name="alice",
    address="203.0.113.7",
    hints=Hints(user_agent=CHROME),
)
CALL = "CA69e800e8248377c755ec7f7a268ec872"
DEFAULTS = {
    "aggressive_nomination": False,
    "platform": "WebRTC",
    "sdk_version": "2.18.5",
    "call_sid": CALL,
    "temp_call_sid": "TJS86cbb486-ccff-4689-b2da-587321b75215",
    "direction": "OUTGOING",
    "gateway": "gw-fake-1",
    "region": "US_EAST_VIRGINIA",
}


def validators() -> list[jsonschema.Draft7Validator]:
    documents = [
        schemas.document("VoiceInsights.CallEvent", n, "https://h") for n in (1, 2)
    ]
    return [jsonschema.Draft7Validator(json.loads(d or b"")) for d in documents]


VALIDATORS = validators()


def post(
    group: str, name: str, payload: dict[str, Any] | None = None, **fields: Any
) -> bytes:
    whole = {
        "group": group,
        "level": "INFO",
        "name": name,
        "payload": {**DEFAULTS, **(payload or {})},
        "publisher": "twilio-js-sdk",
        "timestamp": "2026-11-20T09:14:02.118Z",
        **fields,
    }
    return json.dumps(whole).encode()


def mapped(
    raw: bytes, memory: Memory | None = None, sender: Sender = SENDER, **more: Any
) -> Any:
    read = parse_event(raw, 1_000)
    memory = memory or Memory()
    memory.hear(read)
    data = encode(call_event(read, sender, memory, CALL, **more))
    for validator in VALIDATORS:
        validator.validate(json.loads(data))
    return json.loads(data)


def after(*posts: bytes) -> Memory:
    memory = Memory()
    for raw in posts:
        memory.hear(parse_event(raw, 1_000))
    return memory


EDGE = post(
    "settings", "edge", {"edge": "ashburn", "selected_edge": ["dublin", "ashburn"]}
)
HIGH_RTT = post(
    "network-quality-warning-raised",
    "high-rtt",
    {
        "audio_codec": "PCMU",
        "data": {
            "threshold": 400,
            "values": [1, 2, 2.17, 1.69, 2.06, 1.97, 1.98, 650, 650, 650],
        },
    },
    level="WARNING",
)


def test_the_specifications_example_comes_out_to_the_letter() -> None:
    expected = (
        '{"timestamp":"2026-11-20T09:14:02.118Z","call_sid":"CA69e800e8248377c755ec7f7a268ec872",'
        '"account_sid":"AC00000000000000000000000000000001","edge":"sdk_edge","name":"high-rtt",'
        '"group":"network-quality-warning-raised","level":"WARNING","sdk_edge":{"metric":'
        '{"threshold":400,"values":[1,2,2.17,1.69,2.06,1.97,1.98,650,650,650]},"metadata":'
        '{"client_name":"alice","city":"","country_code":"","country_subdivision":"",'
        '"ip_address":"203.0.113.7","sdk":{"type":"twilio-js-sdk","version":"2.18.5",'
        '"platform":"WebRTC","region":"us1","selected_region":"ie1","browser":'
        '{"name":"Chrome","major":"156","version":"156.0.0.0"},"os":{"name":"Linux",'
        '"version":""},"device":{"model":"","type":"desktop","vendor":"","arch":"amd64"},'
        '"engine":{"name":"Blink","version":"156.0.0.0"},"edge_location":"ashburn"}}}}'
    )
    read = parse_event(HIGH_RTT, 0)
    data = call_event(read, SENDER, after(EDGE, HIGH_RTT), CALL)
    assert encode(data).decode() == expected


def captured() -> list[Any]:
    lines = []
    for path in sorted(DATA.glob("*.jsonl")):
        for number, line in enumerate(path.read_text("utf-8").splitlines()):
            request = json.loads(line)
            if request["method"] == "POST" and request["path"].endswith("Events"):
                lines.append(pytest.param(request, id=f"{path.stem}-{number}"))
    return lines


@pytest.mark.parametrize("request_", captured())
def test_every_recorded_post_makes_valid_data(request_: dict[str, Any]) -> None:
    body = request_["body"]
    hints = Hints(user_agent=request_["headers"]["user-agent"])
    data = mapped(
        json.dumps(body).encode(),
        sender=Sender(
            account_sid=SENDER.account_sid, client_name="", address="::1", hints=hints
        ),
    )
    assert data["timestamp"] == body["timestamp"]
    assert (data["group"], data["name"]) == (body["group"], body["name"])
    assert data["level"] == body["level"]
    sdk = data["sdk_edge"]["metadata"]["sdk"]
    assert (sdk["type"], sdk["version"]) == ("twilio-js-sdk", "2.18.5")
    assert sdk["browser"]["name"] == "Chrome Headless"
    assert (sdk["region"], sdk["edge_location"]) == ("us1", "ashburn")


def test_the_recordings_are_there() -> None:
    assert len(captured()) > 150


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"code": 31401, "message": "denied"}, {"code": 31401, "message": "denied"}),
        ({"code": "53405"}, {"code": 53405, "message": ""}),
        ({"code": 53405.0, "message": None}, {"code": 53405, "message": ""}),
        ({"code": "x"}, None),
        ({"code": 1.5}, None),
        ({"code": True}, None),
        ({"code": 10**40}, None),
        ({"data": {"error": {}}}, None),
    ],
    ids=str,
)
def test_an_error_has_a_whole_code(payload: dict[str, Any], error: object) -> None:
    assert (
        mapped(post("connection", "error", payload))["sdk_edge"].get("error") == error
    )


@pytest.mark.parametrize(
    ("payload", "feedback"),
    [
        ({"issue_name": "echo", "quality_score": 4}, {"score": 4, "reason": "echo"}),
        ({"quality_score": "5"}, {"score": 5, "reason": ""}),
        ({"quality_score": 3.0, "issue_name": None}, {"score": 3, "reason": ""}),
        ({}, None),
        ({"quality_score": "good"}, None),
    ],
    ids=str,
)
def test_feedback_has_a_score(payload: dict[str, Any], feedback: object) -> None:
    data = mapped(post("feedback", "received", payload))
    assert data["sdk_edge"].get("feedback") == feedback


@pytest.mark.parametrize(
    ("name", "data", "metric"),
    [
        ("high-packet-loss", {"values": [0, 1]}, (1, [0, 1])),
        ("high-packets-lost-fraction", {"values": [2]}, (3, [2])),
        ("high-rtt", {"values": [500]}, (400, [500])),
        ("high-jitter", {"values": []}, (30, [])),
        ("low-mos", {"values": [2.1]}, (3, [2.1])),
        ("low-bytes-sent", {"values": [0]}, (1, [0])),
        ("low-bytes-received", {"values": [0]}, (1, [0])),
        (
            "high-rtt",
            {"threshold": "250", "values": [["300"], [[301.5, None]], "x"]},
            (250, [300, 301.5]),
        ),
        ("constant-audio-output-level", {"threshold": 327.67}, (327.67, [0])),
        ("constant-audio-input-level", {"threshold": 1, "value": 12}, (1, [12])),
        ("something-new", {"threshold": 7, "value": 9}, (7, [9])),
        ("something-new", {"values": [9]}, None),
        ("high-rtt", {"audioConstraints": True}, None),
        ("high-rtt", [1], None),
    ],
)
def test_metrics_have_their_threshold_always(
    name: str, data: object, metric: tuple[float, list[float]] | None
) -> None:
    raw = post("network-quality-warning-cleared", name, {"data": data})
    found = mapped(raw)["sdk_edge"].get("metric")
    wanted = metric and {"threshold": metric[0], "values": metric[1]}
    assert found == wanted


def test_a_selected_pair_has_both_its_ends() -> None:
    ends = {
        "local_candidate": {"candidate_type": "host", "protocol": "udp", "ip": "::1"},
        "remote_candidate": {"candidate_type": "relay"},
    }
    raw = post("ice-candidate", "selected-ice-candidate-pair", ends)
    assert mapped(raw)["sdk_edge"]["ice_candidate_pair"] == {
        "remote": {"type": "relay", "protocol": ""},
        "local": {"type": "host", "protocol": "udp"},
    }


def test_a_single_candidate_is_no_pair() -> None:
    raw = post("ice-candidate", "ice-candidate", {"candidate_type": "host"})
    assert "ice_candidate_pair" not in mapped(raw)["sdk_edge"]


def test_a_native_sdk_describes_its_device_itself() -> None:
    told = {
        "client_address": "10.0.0.3",
        "os_name": "android",
        "os_version": "14",
        "device_model": "Pixel 8",
        "device_vendor": "Google",
        "device_type": "phone",
        "cpu_architecture": "arm64-v8a",
    }
    metadata = mapped(
        post(
            "connection",
            "connected",
            {"platform": "android", "region": None, "selected_region": "ie1"},
            publisher="twilio-voice-android",
            publisher_metadata=told,
        )
    )["sdk_edge"]["metadata"]
    assert metadata["ip_address"] == "203.0.113.7"
    assert metadata["sdk"] == {
        "type": "twilio-voice-android",
        "version": "2.18.5",
        "platform": "android",
        "region": "",
        "selected_region": "ie1",
        "os": {"name": "android", "version": "14"},
        "device": {
            "model": "Pixel 8",
            "type": "phone",
            "vendor": "Google",
            "arch": "arm64-v8a",
        },
        "edge_location": "",
    }


def test_what_one_post_told_the_later_ones_need_not_repeat() -> None:
    bare = {"sdk_version": None, "platform": "", "region": None}
    sdk = mapped(post("connection", "muted", bare), after(EDGE))["sdk_edge"][
        "metadata"
    ]["sdk"]
    assert (sdk["version"], sdk["platform"], sdk["region"]) == (
        "2.18.5",
        "WebRTC",
        "us1",
    )


def test_the_newest_by_the_clients_clock_counts_in_any_order() -> None:
    later = post(
        "settings", "edge", {"edge": "dublin"}, timestamp="2026-11-20T09:20:00Z"
    )
    for order in ([EDGE, later], [later, EDGE]):
        told = after(*order).sticky
        assert told.edge.value == "dublin"
        assert told.selected_edge.value == "dublin"


def test_a_place_is_shown_where_it_is_known() -> None:
    place = Place(
        location=Location(lat=52.5, lon=13.4),
        city="Berlin",
        country_code="DE",
        country_subdivision="BE",
    )
    sender = msgspec.structs.replace(SENDER, place=place)
    data = mapped(post("connection", "muted"), sender=sender)
    metadata = data["sdk_edge"]["metadata"]
    assert metadata["location"] == {"lat": 52.5, "lon": 13.4}
    assert metadata["city"] == "Berlin"
    assert "location" not in mapped(post("connection", "muted"))["sdk_edge"]["metadata"]


def test_unknown_groups_and_names_go_through_unchanged() -> None:
    data = mapped(post("Söme group", "ne/w"))
    assert (data["group"], data["name"]) == ("Söme group", "ne/w")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers()
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["threshold", "values", "value", "candidate_type", "protocol"]
            )
            | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
fields = st.sampled_from(
    [
        "call_sid",
        "temp_call_sid",
        "timestamp_ms",
        "sdk_version",
        "platform",
        "region",
        "selected_region",
        "edge",
        "selected_edge",
        "code",
        "message",
        "quality_score",
        "issue_name",
        "data",
        "local_candidate",
        "remote_candidate",
    ]
)
names = st.sampled_from(
    [
        "edge",
        "high-rtt",
        "low-mos",
        "constant-audio-input-level",
        "selected-ice-candidate-pair",
    ]
)


@given(
    names,
    st.dictionaries(fields, json_values),
    st.dictionaries(
        st.sampled_from(["level", "publisher", "timestamp", "publisher_metadata"]),
        json_values,
    ),
)
def test_whatever_a_post_holds_its_event_is_valid(
    name: str, payload: dict[str, Any], more: dict[str, Any]
) -> None:
    mapped(post("settings", name, payload, **more))
