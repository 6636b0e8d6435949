"""Stages for tests of delivery."""

from collections.abc import AsyncIterator

import pytest
from tests.app.delivery.stage import Stage, staged

from trunkline.log.memory import MemoryLog
from trunkline.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def log(clock: ManualClock) -> MemoryLog:
    return MemoryLog(clock)


@pytest.fixture
async def stage(log: MemoryLog, clock: ManualClock) -> AsyncIterator[Stage]:
    async with staged(log, clock) as stage:
        await stage.dispatcher.start()
        yield stage
