"""The operator's own credentials, found as every AWS tool finds them.

Environment, profiles, a process, a container's or a machine's role: the search may
ask over the network and may hang, hence is made in a thread that nobody waits for
longer than `SEARCH_TIMEOUT`.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from trunkline.sinks.answer import Answer, Level, Outcome
from trunkline.sinks.aws.credentials import Credentials, NoCredentials
from trunkline.sinks.aws.outcomes import NO_ACCESS


#: In seconds. The metadata service of a machine is given one to answer.
SEARCH_TIMEOUT = 10.0

#: Finds credentials, or tells why there are none; blocks.
Find = Callable[[], Credentials | str]


def find() -> Credentials | str:
    """Search along botocore's chain, anew each time: files and roles change."""
    # Not at start; see `sign`, which comes after this.
    import botocore.auth  # noqa: PLC0415
    from botocore.exceptions import (  # noqa: PLC0415
        BotoCoreError,
        CredentialRetrievalError,
    )
    from botocore.session import Session  # noqa: PLC0415

    assert botocore.auth
    # It complains with tracebacks and in its own form; what counts is in our answer.
    logging.getLogger("botocore").setLevel(logging.CRITICAL)
    try:
        found = Session().get_credentials()
        keys = found and found.get_frozen_credentials()
    except CredentialRetrievalError as error:
        # Its text has what a credential process printed.
        return f"AWS credentials could not be had: {type(error).__name__}"
    except BotoCoreError as error:
        return f"AWS credentials could not be had: {error}"
    if not keys or not keys.access_key or not keys.secret_key:
        return "No AWS credentials found."
    return Credentials(keys.access_key, keys.secret_key, keys.token)


class OwnCredentials:
    """Searches for all sinks: those that ask at a time share one search."""

    def __init__(self, find: Find = find, timeout: float = SEARCH_TIMEOUT) -> None:
        self._find = find
        self._timeout = timeout
        self._search: asyncio.Future[Credentials | str] | None = None

    async def get(self) -> Credentials:
        """Return the credentials. Raises NoCredentials."""
        if self._search is None:
            self._search = self._start()
        try:
            async with asyncio.timeout(self._timeout):
                found = await asyncio.shield(self._search)
        except TimeoutError:
            found = "The search for AWS credentials takes too long."
        if isinstance(found, str):
            raise NoCredentials(
                Answer(
                    outcome=Outcome.RETRY,
                    code=NO_ACCESS,
                    level=Level.ERROR,
                    detail=found,
                )
            )
        return found

    def _start(self) -> asyncio.Future[Credentials | str]:
        loop = asyncio.get_running_loop()
        search: asyncio.Future[Credentials | str] = loop.create_future()

        def done(found: Credentials | str) -> None:
            self._search = None
            search.set_result(found)

        def run() -> None:
            try:
                found = self._find()
            except Exception as error:  # noqa: BLE001 - a search must end with a word
                found = f"AWS credentials could not be had: {type(error).__name__}"
            with suppress(RuntimeError):  # The loop is gone, and whoever asked.
                loop.call_soon_threadsafe(done, found)

        # A daemon: a search that hangs must not keep the server from ending.
        threading.Thread(target=run, name="aws-credentials", daemon=True).start()
        return search
