"""What every test shares."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings


if TYPE_CHECKING:
    from tests.app.sinks.aws import Aws


# How fast the machine is decides nothing: it may have other work.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run every test on the event loop of the server: asyncio, on uvloop."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def aws() -> "Iterator[Aws]":
    """AWS as moto plays it. There is one in a process: its state is the process's."""
    # Half a second that only those wait who use it.
    from tests.app.sinks.aws import running_aws  # noqa: PLC0415 (moto is slow to load)

    with running_aws() as aws:
        yield aws
