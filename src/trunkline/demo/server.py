"""The server of the demo: `trunkline serve` as a process of its own."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from trunkline.accounts import Account, ApiKey
from trunkline.demo.errors import DemoFailed
from trunkline.settings import variable


# Seconds: a cold start on a slow machine; the server's own ten to stop, and some.
_START_SECONDS = 30.0
_STOP_SECONDS = 15.0

_LAST_LINES = 10
_LONGEST_LINE = 1 << 20


@asynccontextmanager
async def started(
    data_dir: Path, account: Account, key: ApiKey, tasks: asyncio.TaskGroup
) -> AsyncIterator[str]:
    """Run a server on a free port and a data folder; yield its address.

    The credentials become those of its first account. Stops it with SIGTERM. Raises DemoFailed, with its last words, if it does not start
    or ends too soon.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "trunkline", "serve"),
        *("--host", "127.0.0.1", "--port", "0", "--data-dir", str(data_dir)),
        *("--log-format", "json", "--log-level", "info"),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
        limit=_LONGEST_LINE,
        env=_environment(account, key),
        # Ctrl-C is for the demo, which then stops the server.
        start_new_session=True,
    )
    lines: deque[str] = deque(maxlen=_LAST_LINES)
    try:
        url = await _ready(process, lines)
        watching = tasks.create_task(_watch(process, lines))
        try:
            yield url
        except DemoFailed as error:
            # Why, the server knows best.
            raise _failed(str(error), lines) from error
        finally:
            watching.cancel()
            await asyncio.wait([watching])
    finally:
        await _stop(process)


def _environment(account: Account, key: ApiKey) -> dict[str, str]:
    """Return this environment, but with the demo's settings and no others."""
    others = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(variable(""))
    }
    return others | {
        variable("account_sid"): account.sid,
        variable("auth_token"): account.auth_token,
        variable("api_key_sid"): key.sid,
        variable("api_key_secret"): key.secret,
    }


async def _ready(process: Process, lines: deque[str]) -> str:
    assert process.stderr is not None
    with suppress(TimeoutError):
        async with asyncio.timeout(_START_SECONDS):
            async for line in process.stderr:
                lines.append(line.decode(errors="replace").rstrip())
                url = _address(lines[-1])
                if url is not None:
                    return url
    raise _failed("The server did not start.", lines)


async def _watch(process: Process, lines: deque[str]) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        lines.append(line.decode(errors="replace").rstrip())
    raise _failed("The server ended.", lines)


async def _stop(process: Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()


def _address(line: str) -> str | None:
    """Return the address in the log line that says that the server is ready."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    ready = isinstance(record, dict) and record.get("event") == "server.ready"
    return str(record["url"]) if ready else None


def _failed(what: str, lines: deque[str]) -> DemoFailed:
    said = "\n".join(lines) or "(nothing)"
    return DemoFailed(f"{what}\nThe last lines of the server's log:\n{said}")
