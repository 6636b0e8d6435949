"""What each kind of sink must be told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.events.catalogue import SinkType
from trunkline.streams import configuration
from trunkline.streams.configuration import Misconfigured


KINESIS = {
    "arn": "arn:aws:kinesis:us-east-1:111111111111:stream/events",
    "role_arn": "arn:aws:iam::111111111111:role/events",
    "external_id": "shared-secret",
}


def parse(sink_type: SinkType, **values: object) -> dict[str, object]:
    return dict(configuration.parse(sink_type, json.dumps(values)))


@pytest.mark.parametrize(
    "destination",
    [
        "http://example.org",
        "https://example.org/events?a=1&b=2#part",
        "https://user:pass%40word@example.org:8443/",
        "HTTPS://Example.ORG/",
        "http://localhost:1",
        "http://under_score.example",
        "http://127.0.0.1:65535/x",
        "http://[::1]:8080/x",
        "https://example.org./{braces}|bars",
        "https://example.org/" + "x" * 3980,
    ],
)
def test_a_destination_may_be_any_http_url(destination: str) -> None:
    assert parse(SinkType.WEBHOOK, destination=destination) == {
        "destination": destination
    }


@pytest.mark.parametrize(
    ("destination", "wrong"),
    [
        (None, "must be text"),
        (5, "must be text"),
        ("", "is empty"),
        ("example.org", "is not an absolute http or https URL"),
        ("//example.org/", "is not an absolute http or https URL"),
        ("/events", "is not an absolute http or https URL"),
        ("ftp://example.org/", "is not an absolute http or https URL"),
        ("javascript:alert(1)", "is not an absolute http or https URL"),
        ("http://", "has no valid host"),
        ("http:///path", "has no valid host"),
        ("http://:80/", "has no valid host"),
        ("http://user@/", "has no valid host"),
        ("http://a..b/", "has no valid host"),
        ("http://-a.example/", "has no valid host"),
        ("http://" + "a" * 64 + ".example/", "has no valid host"),
        ("http://" + "a." * 130 + "example/", "has no valid host"),
        ("http://[fe80::1%25eth0]/", "has no valid host"),
        ("http://a%00b/", "has no valid host"),
        ("http://[::1", "is not a valid URL"),
        ("http://example.org:0/", "has no valid port"),
        ("http://example.org:/", "has no valid port"),
        ("http://example.org:65536/", "is not a valid URL"),
        ("http://example.org:x/", "is not a valid URL"),
        (" http://example.org/", "has characters that must be percent-encoded"),
        ("http://example.org/a b", "has characters that must be percent-encoded"),
        ("http://example.org/é", "has characters that must be percent-encoded"),
        (
            "http://example.org\\@evil.example/",
            "has characters that must be percent-encoded",
        ),
        ("http://example.org/\r\nX-Injected: 1", "has control characters"),
        ("http://example.org/\tx", "has control characters"),
        ("http://example.org/\x00", "has control characters"),
        ("https://example.org/" + "x" * 3981, "is longer than 4000 characters"),
    ],
)
def test_a_bad_destination_is_refused(destination: object, wrong: str) -> None:
    with pytest.raises(Misconfigured, match=f"^destination {wrong}$"):
        parse(SinkType.WEBHOOK, destination=destination)


@pytest.mark.parametrize("method", ["GET", "get", "Post", "POST"])
@pytest.mark.parametrize("batch_events", [True, False, "true", "false"])
def test_a_webhook_is_kept_as_it_was_sent(method: str, batch_events: object) -> None:
    kept = parse(
        SinkType.WEBHOOK,
        batch_events=batch_events,
        method=method,
        unknown=1,
        destination="http://a.example",
    )
    assert list(kept.items()) == [
        ("destination", "http://a.example"),
        ("method", method),
        ("batch_events", batch_events),
    ]
    assert configuration.method(kept) == method.upper()
    assert configuration.batches(kept) is (batch_events in {True, "true"})


def test_a_webhook_posts_one_by_one_unless_told_otherwise() -> None:
    kept = parse(SinkType.WEBHOOK, destination="http://a.example")
    assert (configuration.method(kept), configuration.batches(kept)) == ("POST", False)


@pytest.mark.parametrize("method", ["", "PUT", None, 1, "\uff27ET"])
def test_other_methods_are_refused(method: object) -> None:
    with pytest.raises(Misconfigured, match=r"^method must be GET or POST$"):
        parse(SinkType.WEBHOOK, destination="http://a.example", method=method)


@pytest.mark.parametrize("batch_events", ["", "yes", "True", 1, 0, None, []])
def test_other_values_of_batch_events_are_refused(batch_events: object) -> None:
    with pytest.raises(Misconfigured, match=r"^batch_events must be true or false$"):
        parse(
            SinkType.WEBHOOK, destination="http://a.example", batch_events=batch_events
        )


def test_a_kinesis_sink_is_kept_in_the_order_of_the_rules() -> None:
    backwards = dict(reversed(KINESIS.items()))
    assert list(parse(SinkType.KINESIS, **backwards)) == [
        "arn",
        "role_arn",
        "external_id",
    ]


@pytest.mark.parametrize("key", list(KINESIS))
def test_a_kinesis_sink_needs_every_key(key: str) -> None:
    rest = {name: value for name, value in KINESIS.items() if name != key}
    with pytest.raises(Misconfigured, match=f"^{key} is missing$"):
        parse(SinkType.KINESIS, **rest)
    with pytest.raises(Misconfigured, match=f"^{key} is empty$"):
        parse(SinkType.KINESIS, **rest, **{key: ""})


@pytest.mark.parametrize(
    "arn",
    [
        "events",
        "arn:aws:sqs:us-east-1:111111111111:events",
        "arn:aws:kinesis:us-east-1:111111111111:stream/",
        "arn:aws:kinesis::111111111111:stream/x",
        "arn:aws:kinesis:us-east-1:account:stream/x",
        "arn:aws:kinesis:us-east-1:111111111111:stream/x/consumer",
    ],
)
def test_an_arn_must_name_a_stream(arn: str) -> None:
    wrong = "^arn is not the ARN of a Kinesis stream$"
    with pytest.raises(Misconfigured, match=wrong):
        parse(SinkType.KINESIS, **(KINESIS | {"arn": arn}))


def test_a_segment_sink_needs_its_key() -> None:
    assert parse(SinkType.SEGMENT, write_key="abc", x=1) == {"write_key": "abc"}
    with pytest.raises(
        Misconfigured, match=r"^write_key is longer than 2048 characters$"
    ):
        parse(SinkType.SEGMENT, write_key="a" * 2049)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "5", '"x"', "{", "[" * 9000, "{}{}"]
)
def test_a_configuration_is_a_json_object(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"is not a JSON object$"):
        configuration.parse(SinkType.WEBHOOK, text)


def test_a_configuration_has_a_limit() -> None:
    with pytest.raises(Misconfigured, match=r"is longer than 16384 characters$"):
        configuration.parse(SinkType.WEBHOOK, " " * 16_385)


@given(st.sampled_from(SinkType), st.text())
def test_any_text_is_kept_or_refused(sink_type: SinkType, text: str) -> None:
    try:
        configuration.parse(sink_type, text)
    except Misconfigured:
        return


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_no_destination_can_smuggle_a_header(tail: str) -> None:
    try:
        kept = parse(SinkType.WEBHOOK, destination=f"http://example.org/{tail}")
    except Misconfigured:
        return
    destination = str(kept["destination"])
    assert destination.isascii()
    assert destination.isprintable()
    assert " " not in destination
