"""Forms as no client of Twilio's would send them: each gets a documented answer.

`Raw` holds every answer against the document: a status that is not there fails, and
so does any 500.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote_plus, urlencode

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.app.api.test_events_v1_errors import (
    KINESIS,
    RINGING,
    SEGMENT,
    UNKNOWN_SINK,
    WEBHOOK,
    assert_refused,
    entry,
    make_sink,
    sink_form,
    subscribe,
)
from tests.app.site import Raw, Site


FORM = {"Content-Type": "application/x-www-form-urlencoded"}

# Every code that a POST to Events v1 can get (spec event-streams 3).
CODES = {
    400: {20001, 91000, 91004, 91005, 91006, 91101, 91103},
    404: {20404, 91001},
    409: {20409, 91003, 91100},
    413: {20413},
}

NAMES = [
    "Description",
    "SinkConfiguration",
    "SinkType",
    "SinkSid",
    "Types",
    "Type",
    "SchemaVersion",
    "TestId",
    "Filter",
    "FriendlyName",
    "",
]


@dataclass(frozen=True, slots=True)
class Target:
    """Where forms are posted."""

    raw: Raw
    paths: list[str]


@pytest.fixture(scope="module")
def target(site: Site) -> Iterator[Target]:
    raw = Raw(site.url, site.new_account())
    sink = make_sink(raw)
    subscription = subscribe(raw, sink, entry(RINGING)).json()["sid"]
    yield Target(
        raw,
        [
            "/v1/Sinks",
            f"/v1/Sinks/{sink}",
            f"/v1/Sinks/{sink}/Test",
            f"/v1/Sinks/{sink}/Validate",
            f"/v1/Sinks/{UNKNOWN_SINK}",
            "/v1/Subscriptions",
            f"/v1/Subscriptions/{subscription}",
            f"/v1/Subscriptions/{subscription}/SubscribedEvents",
            f"/v1/Subscriptions/{subscription}/SubscribedEvents/{RINGING}",
        ],
    )
    raw.close()


def assert_documented(answer: requests.Response) -> None:
    if answer.status_code in {200, 201}:
        return
    body = answer.json()
    assert list(body) == ["code", "message", "more_info", "status"]
    assert body["code"] in CODES[answer.status_code]
    assert len(body["message"]) < 500


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([RINGING, "webhook", "http://example.org/"]),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(
                ["type", "schema_version", "destination", "method", "batch_events"]
            )
            | st.text(max_size=8),
            inner,
            max_size=5,
        )
    ),
    max_leaves=10,
)


VALUES = (
    st.sampled_from(
        ["", "d", WEBHOOK, KINESIS, SEGMENT, "webhook", "kinesis", "segment", "1", "-1"]
    )
    | st.sampled_from([entry(RINGING), RINGING, UNKNOWN_SINK])
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | JSON.map(json.dumps)
)


@settings(max_examples=150)
@given(
    which=st.integers(0, 8),
    form=st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=8),
)
def test_any_form_gets_a_documented_answer(
    target: Target, which: int, form: list[tuple[str, str]]
) -> None:
    body = urlencode(form, errors="surrogatepass")
    assert_documented(target.raw("POST", target.paths[which], body, headers=FORM))


@settings(max_examples=150)
@given(which=st.integers(0, 8), body=st.binary(max_size=200))
def test_any_bytes_get_a_documented_answer(
    target: Target, which: int, body: bytes
) -> None:
    assert_documented(target.raw("POST", target.paths[which], body, headers=FORM))


@settings(max_examples=150)
@given(
    which=st.integers(0, 8),
    name=st.sampled_from([name for name in NAMES if name]),
    value=st.binary(max_size=40),
    times=st.integers(1, 3),
)
def test_any_bytes_as_a_value_get_a_documented_answer(
    target: Target, which: int, name: str, value: bytes, times: int
) -> None:
    pairs = [f"{name}={quote_plus(value)}"] * times
    rest = urlencode(
        {"Description": "d", "SinkConfiguration": WEBHOOK, "SinkType": "webhook"}
    )
    body = "&".join([*pairs, rest])
    assert_documented(target.raw("POST", target.paths[which], body, headers=FORM))


@settings(max_examples=100)
@given(
    which=st.sampled_from([0, 5, 7]),
    query=st.lists(
        st.tuples(
            st.sampled_from(
                ["PageSize", "Page", "PageToken", "Status", "InUse", "SinkSid"]
            ),
            st.text(st.characters(codec="utf-8"), max_size=20)
            | st.integers().map(str)
            | st.sampled_from(["true", "active", UNKNOWN_SINK, "W10", "9" * 5000]),
        ),
        max_size=4,
    ),
)
def test_any_query_gets_a_documented_answer(
    target: Target, which: int, query: list[tuple[str, str]]
) -> None:
    answer = target.raw("GET", f"{target.paths[which]}?{urlencode(query)}")
    if answer.status_code != 200:
        assert answer.status_code == 400
        assert answer.json()["code"] in {20001, 91002, 91006}


@pytest.mark.parametrize(
    "bomb",
    [
        "[" * 16_000,
        '{"a":' * 3000,
        '{"destination":' + "[" * 8000 + "]" * 8000 + "}",
        "9" * 16_000,
        '{"destination":' + "9" * 16_000 + "}",
        '{"destination":1e999999}',
        '{"destination":"' + "\\u0000" * 2000 + '"}',
        '{"destination":"' + "x" * 16_000 + '"}',
        "{" + ",".join(f'"k{n}":0' for n in range(1600)) + "}",
        "x" * 100_000,
    ],
    ids=lambda bomb: f"{bomb[:20]} ({len(bomb)})",
)
def test_a_bomb_in_a_configuration_is_refused(raw: Raw, bomb: str) -> None:
    answer = raw("POST", "/v1/Sinks", sink_form(SinkConfiguration=bomb))
    assert (answer.status_code, answer.json()["code"]) == (400, 91000)
    assert len(answer.content) < 500


@pytest.mark.parametrize("version", ["9" * 5000, "1e400", "-" + "9" * 30, "true"])
def test_a_version_beyond_reason_is_refused(raw: Raw, version: str) -> None:
    sink = make_sink(raw)
    types = f'{{"type":"{RINGING}","schema_version":{version}}}'
    answer = subscribe(raw, sink, types)
    assert answer.json()["code"] in {20001, 20409}
    assert len(answer.content) < 500


@pytest.mark.parametrize(
    "destination",
    [
        "http://example.org/\r\nX-Injected: 1",
        "http://example.org/ HTTP/1.1\r\nHost: evil",
        "http://example.org\n.evil/",
        "http://example.org/\t",
        "http://example.org/\x00",
        "http://user:pass\r\n@example.org/",
        "http://example.org/\u2028",
        "http://example.org/ü",
        "http://example.org/a b",
        " http://example.org/",
        "http://[::1",
        "http://:80/",
        "http://example.org:99999/",
        "http:///path",
        "//example.org/",
        "file:///etc/passwd",
        "javascript:alert(1)",
    ],
    ids=ascii,
)
def test_a_destination_cannot_carry_anything_but_a_url(
    raw: Raw, destination: str
) -> None:
    configuration = json.dumps({"destination": destination})
    answer = raw("POST", "/v1/Sinks", sink_form(SinkConfiguration=configuration))
    assert (answer.status_code, answer.json()["code"]) == (400, 91000)
    assert answer.json()["message"].startswith(
        "Sink could not be created: destination "
    )


def test_of_a_repeated_parameter_the_first_counts(raw: Raw) -> None:
    form = [*sink_form().items(), ("Description", "second"), ("SinkType", "ftp")]
    answer = raw("POST", "/v1/Sinks", form)
    assert (answer.status_code, answer.json()["description"]) == (201, "d")


def test_a_parameter_is_as_long_as_its_limit_and_no_longer(raw: Raw) -> None:
    made = raw("POST", "/v1/Sinks", sink_form(Description="x" * 1024))
    assert made.status_code == 201
    refused = raw("POST", "/v1/Sinks", sink_form(Description="x" * 1025))
    message = "Sink could not be created: Description is longer than 1024 characters"
    assert_refused(refused, 91000, 400, message)


def test_a_body_without_end_is_cut_off(site: Site, raw: Raw) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(10_000):
            yield b"Description=" + b"x" * 4096

    try:
        answer = raw("POST", "/v1/Sinks", endless(), headers=FORM)
    except requests.ConnectionError:
        return  # the server closed before all was sent, which is as good
    assert_refused(answer, 20413, 413, "Request body is larger than 262144 bytes")
