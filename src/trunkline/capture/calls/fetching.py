"""The request for a call's TwiML: as a callback goes, and what came of it.

Signed, guarded, bounded and retried like a callback; a call event records it (spec
call-progress 3, 10).
"""

import hashlib
import uuid
from collections.abc import Sequence
from typing import NamedTuple

import structlog
from msgspec.structs import replace

from trunkline.capture.calls import answers, documents, parameters, targets
from trunkline.capture.calls.call import Call
from trunkline.capture.calls.call_event import CallEvent, call_event
from trunkline.capture.calls.callback import CallRequest
from trunkline.capture.calls.exchange import Means, exchange
from trunkline.capture.calls.script import Source
from trunkline.capture.calls.verbs import Verb
from trunkline.settings import Network


_log = structlog.get_logger("twiml")


class Fetched(NamedTuple):
    """What a fetch has brought: verbs, or the code of why there are none."""

    verbs: tuple[Verb, ...] | None
    error: int
    event: CallEvent


def host(source: Source) -> str:
    """Return the server that has a document."""
    return targets.target_of(source.url).origin.authority


async def fetch(call: Call, means: Means, networks: Sequence[Network]) -> Fetched:
    """Fetch the document that a call's script is at.

    `networks` are those, beyond public ones, that its callbacks may go to.
    """
    assert call.script is not None
    source = call.script.source
    assert source is not None
    request = CallRequest(
        call_sid=call.sid,
        account_sid=call.account_sid,
        url=source.url,
        method=source.method,
        parameters=(*parameters.of_document(call), *source.extra),
        token=_token(call.sid, call.script.step),
    )
    outcome = await exchange(request, means, answers.of_document_status)
    base = outcome.url or source.url.partition("#")[0]
    document, problem = documents.fetched(outcome, base, networks)
    event = call_event(request, outcome)
    event = replace(
        event, problem=problem, warnings=document.warnings if document else ()
    )
    tell = _log.info if problem is None else _log.warning
    tell(
        "twiml_fetched",
        call_sid=call.sid,
        url=targets.shown(source.url),
        status=outcome.answer.status if outcome.answer else None,
        verbs=len(document.verbs) if document else None,
        code=problem.code if problem else None,
        problem=problem.message if problem else None,
    )
    verbs = None if document is None else document.verbs
    return Fetched(verbs, problem.code if problem else 0, event)


def _token(call_sid: str, step: int) -> str:
    """Return the token of a step's request: the same one when it is made again."""
    digest = hashlib.sha256(f"{call_sid} {step}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))
