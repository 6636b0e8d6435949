"""Relay: events of another stream, posted to us as CloudEvents."""

import msgspec
import structlog
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trunkline.accounts import Account, Accounts
from trunkline.api.auth import account_of
from trunkline.api.errors import MORE_INFO, ErrorBody, not_found
from trunkline.api.forms import read_body
from trunkline.api.operations import Parameter, Resource, json_answer, operation
from trunkline.api.own.fields import read_query
from trunkline.api.own.services import PREFIX
from trunkline.api.urls import base_url
from trunkline.capture.relay import (
    BATCH,
    JSON,
    MAX_BODY_BYTES,
    STRUCTURED,
    Arrived,
    Refusal,
    is_binary,
    parse,
    parse_binary,
)
from trunkline.capture.relaying import Outcome, Relaying
from trunkline.errors import Refused
from trunkline.events.ids import canonical
from trunkline.signing import is_hash, is_signed


# Refusals that an answer lists: senders log answers, and cut them.
MAX_SHOWN = 20

# A log line shows no more of an address than a reader needs to recognise it.
_SHOWN_URL = 300

_SIGNATURE = "X-Twilio-Signature"
_BODY_HASH = "bodySHA256"

_logger = structlog.get_logger("relay")


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a type of the catalogue. `time` may be left to `data.timestamp`."""

    specversion: str
    id: str
    source: str
    type: str
    data: dict[str, object]
    time: str | UnsetType = UNSET


class Relayed(msgspec.Struct, frozen=True, kw_only=True):
    """How many events are in the log now, and how many test events were seen."""

    accepted: int
    tests: int


class RelayError(ErrorBody, frozen=True, kw_only=True):
    """Why a request was refused.

    Where its events were looked at: how many were accepted all the same, how many were
    not, and the first of these.
    """

    accepted: int | UnsetType = UNSET
    refused: int | UnsetType = UNSET
    refusals: list[Refusal] | UnsetType = UNSET


def routes(
    relaying: Relaying, accounts: Accounts, public_url: str | None
) -> list[BaseRoute]:
    """Return the route of Relay; `public_url` is the setting."""
    api = _Relay(relaying, accounts, public_url)
    return [Resource(f"{PREFIX}/Relay/{{account_sid}}", {"POST": api.take})]


class _Relay:
    def __init__(
        self, relaying: Relaying, accounts: Accounts, public_url: str | None
    ) -> None:
        self._relaying = relaying
        self._accounts = accounts
        self._public_url = public_url

    @operation(
        "Take the events of another stream",
        query=(Parameter(name=_BODY_HASH, about="SHA-256 of a signed body, in hex."),),
        body=CloudEvent | list[CloudEvent],
        body_types=(JSON, STRUCTURED, BATCH),
        answers={200: Relayed},
        errors=(400, 404, 408, 413, 415),
        error=RelayError,
        signed=True,
    )
    async def take(self, request: Request) -> Response:
        """Answer once all that could be taken is on disk, whatever could not."""
        account, body_hash = self._sender(request)
        content_type = _content_type(request)
        body = await read_body(request, MAX_BODY_BYTES)
        if body_hash is not None and not is_hash(body_hash, body):
            raise self._not_authentic(request, account)
        arrived = _parse(request, content_type, body, account.sid)
        outcome = await self._relaying.take(arrived, account.sid)
        if outcome.refusals:
            return json_answer(_error(outcome), 400)
        return json_answer(Relayed(accepted=outcome.accepted, tests=outcome.tests))

    def _sender(self, request: Request) -> tuple[Account, str | None]:
        """Return the account of the path, and the hash of its body if that is signed.

        Raises Refused where the request has neither its signature nor credentials.
        """
        sid = request.path_params["account_sid"]
        owner = self._accounts.account(sid)
        signature = request.headers.get(_SIGNATURE)
        if owner is not None and signature is not None:
            body_hash = read_query(request).one(_BODY_HASH)
            if body_hash is not None and is_signed(
                self._url(request), signature, owner.auth_token
            ):
                if owner.suspended:
                    raise Refused(20403, 403, "Forbidden")
                return owner, body_hash
            if "authorization" not in request.headers:
                raise self._not_authentic(request, owner)
        account = account_of(request, self._accounts)
        if canonical(account.sid) != canonical(sid):
            raise not_found(request.url.path)
        return account, None

    def _not_authentic(self, request: Request, account: Account) -> Refused:
        # What was signed is told apart by the address, which proxies change. The query
        # stays out of it: it may hold a secret.
        _logger.warning(
            "relay.not_authentic",
            account_sid=account.sid,
            url=self._url(request).partition("?")[0][:_SHOWN_URL],
        )
        return Refused(20003, 401, "Authentication failed")

    def _url(self, request: Request) -> str:
        """Return the address of a request as its sender knows it."""
        path = request.scope["raw_path"].decode("latin-1")
        query = request.scope["query_string"].decode("latin-1")
        return f"{base_url(request, self._public_url)}{path}?{query}"


def _content_type(request: Request) -> str:
    """Return what kind of body a request has. Raises Refused 20415."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    known = (JSON,) if is_binary(request.headers) else (JSON, STRUCTURED, BATCH)
    if given not in known:
        raise Refused(20415, 415, f"Content-Type must be {' or '.join(known)}")
    return given


def _parse(
    request: Request, content_type: str, body: bytes, account_sid: str
) -> Arrived:
    if is_binary(request.headers):
        return parse_binary(request.headers, body, account_sid)
    return parse(body, content_type, account_sid)


def _error(outcome: Outcome) -> RelayError:
    refusals = outcome.refusals
    return RelayError(
        code=20001,
        message=refusals[0].message,
        more_info=MORE_INFO.format(20001),
        status=400,
        accepted=outcome.accepted,
        refused=len(refusals),
        refusals=refusals[:MAX_SHOWN],
    )
