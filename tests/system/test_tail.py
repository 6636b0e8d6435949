"""A client that watches events does not keep the server from stopping."""

import http.client
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from tests.system.server import ACCOUNT_SID, AUTH_TOKEN, Server


def test_a_watching_client_is_let_go_when_the_server_stops(tmp_path: Path) -> None:
    pair = b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
    with Server(tmp_path) as server:
        netloc = urlsplit(server.url).netloc
        with closing(http.client.HTTPConnection(netloc, timeout=20)) as connection:
            connection.request(
                "GET", "/trunkline/v1/Tail", headers={"Authorization": f"Basic {pair}"}
            )
            answer = connection.getresponse()
            assert answer.readline() == b": watching\n"

            exit_code = server.stop()

            # A stream that was ended in order, not one that was cut.
            assert answer.read().endswith(b"\n\n")
    assert exit_code == 0
    assert "request_failed" not in {line["event"] for line in server.log}
