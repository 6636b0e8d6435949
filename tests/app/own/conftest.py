"""What tests of our own API share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.app.own.program import Program, Receiver, program


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Program]:
    async with program(tmp_path) as running:
        yield running


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().serving() as receiver:
        yield receiver
