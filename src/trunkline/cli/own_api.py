"""Trunkline's own API for commands, whether or not a server runs.

While a server holds the data folder, it is asked over HTTP, with the credentials of the
first account. Else the command holds the folder itself and asks the same handlers.
"""

import asyncio
import http.client
import json
import os
import ssl
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import click
from starlette.applications import Starlette
from starlette.types import Message

from trunkline.accounts import Account, Accounts
from trunkline.accounts.registry import AccountRegistry
from trunkline.api import accounts as accounts_api
from trunkline.api import errors
from trunkline.clock import SystemClock
from trunkline.database import DATABASE_FILE
from trunkline.database.file import Database
from trunkline.database.folder import Announcement, DataFolder, announced
from trunkline.errors import DataFolderInUse, TrunklineError
from trunkline.events.ids import Ids
from trunkline.storage.accounts import AccountStore, read_first


# A server that is alive answers at once, unless its disk is very slow.
_TIMEOUT_S = 30

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (read, not bound)


class _Request(NamedTuple):
    method: str
    path: str
    query: str
    body: bytes
    headers: dict[str, str]


def ask(
    data_dir: Path, method: str, path: str, fields: dict[str, str | None]
) -> dict[str, Any]:
    """Send a request with these fields, those left out that are None.

    They go into the query of a GET, else into a form. Returns the body; ends the
    command with a message where the request is refused or cannot be made.
    """
    given = urlencode({k: v for k, v in fields.items() if v is not None})
    try:
        account, _ = read_first(data_dir / DATABASE_FILE)
        request = _Request(
            method=method,
            path=path,
            query=given if method == "GET" else "",
            body=b"" if method == "GET" else given.encode(),
            headers=_headers(account),
        )
        try:
            with DataFolder(data_dir):
                status, body = asyncio.run(_from_folder(data_dir, request))
        except DataFolderInUse as error:
            status, body = _from_server(announced(data_dir), request, error)
    except TrunklineError as error:
        raise click.ClickException(str(error)) from None
    answer: dict[str, Any] = json.loads(body) if body else {}
    if status >= http.client.BAD_REQUEST:
        raise click.ClickException(f"{answer.get('message')} ({answer.get('code')})")
    return answer


def _headers(account: Account) -> dict[str, str]:
    credentials = f"{account.sid}:{account.auth_token}".encode()
    return {
        "authorization": f"Basic {b64encode(credentials).decode('ascii')}",
        "content-type": "application/x-www-form-urlencoded",
    }


def _from_server(
    there: Announcement | None, request: _Request, in_use: DataFolderInUse
) -> tuple[int, bytes]:
    """Ask the server that holds the folder."""
    if there is None:
        raise in_use
    connection = _connection(there)
    target = f"{request.path}?{request.query}" if request.query else request.path
    try:
        with closing(connection):
            connection.request(request.method, target, request.body, request.headers)
            response = connection.getresponse()
            return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise TrunklineError(
            f"The server at {there.url} does not answer: {error}"
        ) from error


def _connection(there: Announcement) -> http.client.HTTPConnection:
    address = urlsplit(there.url)
    host = address.hostname or ""
    host = _EVERYWHERE.get(host, host)
    if there.certificate is None:
        return http.client.HTTPConnection(host, address.port, timeout=_TIMEOUT_S)
    # Its very certificate is what it is known by, whatever name is on it.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=there.certificate)
    return http.client.HTTPSConnection(
        host, address.port, timeout=_TIMEOUT_S, context=context
    )


async def _from_folder(data_dir: Path, request: _Request) -> tuple[int, bytes]:
    """Ask the handlers, on the database itself."""
    database = Database(data_dir / DATABASE_FILE)
    await database.open()
    try:
        store, clock = AccountStore(database), SystemClock()
        registry = AccountRegistry(
            store,
            Accounts(*await store.load()),
            clock,
            Ids(clock.now_ms, os.urandom),
        )
        app = Starlette(
            routes=accounts_api.routes(registry), exception_handlers=errors.HANDLERS
        )
        return await _call(app, request)
    finally:
        await database.close()


async def _call(app: Starlette, request: _Request) -> tuple[int, bytes]:
    """Call an ASGI application."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": request.method,
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in request.headers.items()],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": request.body}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent)
