"""What every test shares."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run every test on the event loop of the server: asyncio, on uvloop."""
    return "asyncio", {"use_uvloop": True}
