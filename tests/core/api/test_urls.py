"""The server's public address."""

import pytest
from starlette.requests import Request

from trunkline.api.urls import base_url


def request(host: bytes | None) -> Request:
    headers = [] if host is None else [(b"host", host)]
    server = ("127.0.0.1", 4010)
    return Request(
        {
            "type": "http",
            "scheme": "https",
            "path": "/",
            "query_string": b"",
            "headers": headers,
            "server": server,
        }
    )


@pytest.mark.parametrize(
    ("host", "base"),
    [
        (b"events.twilio.com", "https://events.twilio.com"),
        (b"localhost:4010", "https://localhost:4010"),
        (b"[::1]:4010", "https://[::1]:4010"),
        (None, "https://127.0.0.1:4010"),
        (b'evil"/x', "https://127.0.0.1:4010"),
        (b"user@host", "https://127.0.0.1:4010"),
    ],
)
def test_the_base_is_what_the_client_called(host: bytes | None, base: str) -> None:
    assert base_url(request(host), None) == base


def test_the_operator_knows_better() -> None:
    public = "https://streams.example/twilio"
    assert base_url(request(b"localhost"), public) == public
