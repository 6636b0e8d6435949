"""A real Asterisk, sipp around it, the real server process, and who is called back."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.system.receiver import Receiver
from tests.system.server import AUTH_TOKEN
from tiers.asterisk.phones import Asterisk, callees
from tiers.asterisk.world import World


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    with Receiver(AUTH_TOKEN) as receiver:
        yield receiver


@pytest.fixture(scope="session")
def asterisk(receiver: Receiver) -> Iterator[Asterisk]:
    root = os.environ.get("TRUNKLINE_TEST_ASTERISK")
    if root is None:
        pytest.exit("Run `make test-asterisk`: it makes the chroot first.", 2)
    asterisk = Asterisk(Path(root), f"{receiver.url}/callback/dialplan")
    asterisk.start()
    with callees(asterisk):
        yield asterisk
    asterisk.stop()


@pytest.fixture(scope="session")
def world(
    asterisk: Asterisk, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    data_dir = tmp_path_factory.mktemp("data")
    with World(data_dir, asterisk, receiver) as world:
        world.subscribe()
        yield world
        assert world.server.stop() == 0
    assert receiver.forged == 0
