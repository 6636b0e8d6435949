"""TwiML documents as they come: within a request, or from somebody's server. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from trunkline.capture.calls import twiml
from trunkline.capture.calls.answers import Answer, Outcome, Problem
from trunkline.capture.calls.twiml import Document, NotTwiml
from trunkline.capture.calls.verbs import Perform
from trunkline.settings import Network


class Fetched(NamedTuple):
    """What came of a fetch. No document: `problem` tells why."""

    document: Document | None
    problem: Problem | None


def inline(text: str, networks: Sequence[Network]) -> Document:
    """Return what the TwiML of a request says. What is none says nothing, and warns."""
    try:
        return twiml.parse(text, base=None, networks=networks)
    except NotTwiml as error:
        return Document((), (_problem(error),))


def fetched(outcome: Outcome, base: str, networks: Sequence[Network]) -> Fetched:
    """Return what a document's server has sent. `base` is the document's URL."""
    answer = outcome.answer
    if outcome.problem is not None and outcome.problem.level == "error":
        return Fetched(None, outcome.problem)
    assert answer is not None, "no answer is an error"
    if performed := _not_twiml(answer):
        return Fetched(Document((performed,)), outcome.problem)
    try:
        document = twiml.parse(answer.body, base=base, networks=networks)
    except NotTwiml as error:
        return Fetched(None, _problem(error))
    return Fetched(document, outcome.problem)


def _not_twiml(answer: Answer) -> Perform | None:
    """Return what stands for an answer that is itself to be played, or read out."""
    kind = answer.content_type.partition(";")[0].strip().lower()
    if kind.startswith("audio/"):
        return Perform(verb="Play")
    if kind == "text/plain" and not answer.body.lstrip().startswith(b"<"):
        return Perform(verb="Say")
    return None


def _problem(error: NotTwiml) -> Problem:
    return Problem(code=error.code, level="error", message=str(error))
