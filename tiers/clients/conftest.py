"""What the tests of Twilio's own clients share: a real server, and a receiver."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from tests.system.receiver import Receiver
from tests.system.server import AUTH_TOKEN, Server
from tiers.clients.authority import Authority
from tiers.clients.proxy import Proxy


HERE = Path(__file__).parent
MODULES = HERE / "node_modules"


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    """Fail, rather than skip, where something is missing: `make` sees to it all."""
    for tool in ("node", "openssl"):
        assert shutil.which(tool), f"{tool} is not installed"
    assert MODULES.is_dir(), "run `make test-clients`, which installs the clients"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver(AUTH_TOKEN) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server
        assert server.stop() == 0


class Twilio(NamedTuple):
    """Our server where Twilio is, for whoever goes through the proxy."""

    server: Server
    proxy: Proxy
    root: Path


@pytest.fixture(scope="module")
def as_twilio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twilio]:
    authority = Authority(tmp_path_factory.mktemp("authority"), "*.twilio.com")
    folder = tmp_path_factory.mktemp("server")
    with (
        Server(folder, TRUNKLINE_PUBLIC_URL="https://events.twilio.com") as server,
        Proxy(authority, urlsplit(server.url).port or 0) as proxy,
    ):
        yield Twilio(server, proxy, authority.root)
        assert server.stop() == 0


def bare_environment(**variables: str) -> dict[str, str]:
    """The environment of a client: nothing of ours but these."""
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG", "TMPDIR"}}
    return kept | variables
