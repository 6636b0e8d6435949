"""What the tests of sinks share: AWS's STS by moto, Kinesis by kinesalite."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.app.sinks.aws import Aws, running_aws


HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def aws() -> Iterator[Aws]:
    with running_aws() as aws:
        yield aws


@pytest.fixture(scope="session")
def kinesis_url() -> Iterator[str]:
    """The address of a kinesalite; it ends with the session."""
    with subprocess.Popen(
        ["node", "kinesis_server.cjs"], cwd=HERE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.kill()
