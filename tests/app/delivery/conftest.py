"""Stages for tests of delivery."""

from collections.abc import AsyncIterator

import pytest
from tests.app.delivery.stage import DirectDouble, SinkDouble, Stage, staged

from trunkline.log.memory import MemoryLog
from trunkline.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def log(clock: ManualClock) -> MemoryLog:
    return MemoryLog(clock)


@pytest.fixture(params=[SinkDouble, DirectDouble], ids=["awaited", "direct"])
def double(request: pytest.FixtureRequest) -> type[SinkDouble]:
    """A client that is awaited, and one that sends at once: one suite for both."""
    kind: type[SinkDouble] = request.param
    return kind


@pytest.fixture
async def stage(
    log: MemoryLog, clock: ManualClock, double: type[SinkDouble]
) -> AsyncIterator[Stage]:
    async with staged(log, clock, double=double) as stage:
        await stage.dispatcher.start()
        yield stage
