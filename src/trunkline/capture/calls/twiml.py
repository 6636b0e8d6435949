"""TwiML: a document's text becomes verbs. Pure (spec call-progress 3).

A document comes from somebody else's server. What could make reading it costly, or
reach beyond it - entities, document types, size, depth - is refused. A fault in what
it says never stops the call: the part is left out, and a warning tells.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urljoin
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException, ElementTree

from trunkline.capture.calls import targets
from trunkline.capture.calls.answers import Problem
from trunkline.capture.calls.callback_config import CallbackConfig
from trunkline.capture.calls.progress import Progress
from trunkline.capture.calls.verbs import (
    MAX_LEGS,
    RING_LIMIT,
    TIME_LIMIT,
    Dial,
    Hangup,
    Kind,
    Noun,
    Pause,
    Perform,
    Redirect,
    Reject,
    Verb,
)
from trunkline.errors import TrunklineError
from trunkline.outgoing.urls import InvalidUrl
from trunkline.settings import Network


# The same limit as Twilio's.
MAX_BYTES = 65_536
MAX_ELEMENTS = 1000
MAX_DEPTH = 20
MAX_ADDRESS_LENGTH = 1000

NOT_A_DOCUMENT = 12100
WRONG_ROOT = 12102
NOT_VALID = 12200
TOO_LARGE = 11750
BAD_CALLBACK_URL = 21609
BAD_CALLBACK_EVENT = 21626

# Of a document's warnings, this many are told.
_TOLD = 20

_TIMES = range(1, 601)
_TIME_LIMITS = range(1, 86_401)
_PAUSES = range(86_401)

# Verbs that make no leg and change none.
_PERFORMED = frozenset(
    {
        "Connect",
        "Echo",
        "Enqueue",
        "Gather",
        "Leave",
        "Pay",
        "Play",
        "Prompt",
        "Queue",
        "Record",
        "Refer",
        "Say",
        "Siprec",
        "Sms",
        "Start",
        "Stop",
        "Stream",
        "Transcription",
        "VirtualAgent",
    }
)


class NotTwiml(TrunklineError):
    """A text that is no TwiML document; `code` is Twilio's for why not."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Document(NamedTuple):
    """What a document says: verbs in order, and what is wrong with it."""

    verbs: tuple[Verb, ...] = ()
    warnings: tuple[Problem, ...] = ()


def parse(
    text: str | bytes, *, base: str | None, networks: Sequence[Network]
) -> Document:
    """Return what a document says. Raises NotTwiml.

    `base` is the document's URL, None for one that came within a request; `networks`
    are those, beyond public ones, that its callbacks may go to. Nothing but white
    space is an empty document.
    """
    if len(text) > MAX_BYTES:
        raise NotTwiml(TOO_LARGE, f"TwiML is longer than {MAX_BYTES} bytes")
    return _parse(text.strip(), base, tuple(networks))


@lru_cache(maxsize=256)
def _parse(
    text: str | bytes, base: str | None, networks: tuple[Network, ...]
) -> Document:
    # Kept: the calls of one application mostly get the same few documents.
    if not text:
        return Document()
    root = _root(text)
    if root.tag != "Response":
        raise NotTwiml(WRONG_ROOT, "The root element of TwiML must be Response")
    reader = _Reader(base, networks)
    verbs = tuple(verb for element in root for verb in reader.verb(element))
    return Document(verbs, tuple(reader.warnings[:_TOLD]))


def _root(text: str | bytes) -> Element:
    try:
        root: Element = ElementTree.fromstring(text, forbid_dtd=True)
    except DefusedXmlException:
        message = "TwiML may have no document type and no entities"
        raise NotTwiml(NOT_A_DOCUMENT, message) from None
    except ParseError as error:
        raise NotTwiml(NOT_A_DOCUMENT, f"TwiML is not XML: {error}") from None
    except (ValueError, LookupError):
        raise NotTwiml(NOT_A_DOCUMENT, "TwiML has an unknown encoding") from None
    level, count, depth = [root], 0, 0
    while level:
        count, depth = count + len(level), depth + 1
        if count > MAX_ELEMENTS or depth > MAX_DEPTH:
            message = f"TwiML has over {MAX_ELEMENTS} elements, or {MAX_DEPTH} levels"
            raise NotTwiml(NOT_A_DOCUMENT, message)
        level = [child for element in level for child in element]
    return root


class _Reader:
    """Reads the elements of one document, and gathers warnings."""

    def __init__(self, base: str | None, networks: Sequence[Network]) -> None:
        self._base = base
        self._networks = networks
        self.warnings: list[Problem] = []

    def verb(self, element: Element) -> Iterator[Verb]:
        """Give the verb that an element stands for, if it stands for one."""
        match element.tag:
            case "Dial":
                yield self._dial(element)
            case "Hangup":
                yield Hangup()
            case "Reject":
                yield Reject(busy=element.get("reason") == "busy")
            case "Pause":
                yield Pause(length=self._number(element, "length", 1, _PAUSES))
            case "Redirect":
                url = self._absolute(element, _text(element))
                if url is not None:
                    yield Redirect(url=url, method=self._method(element, "method"))
            case name if name in _PERFORMED:
                yield Perform(verb=name)
            case name:
                self._warn(NOT_VALID, f"{name[:100]} is not a verb of TwiML")

    def _dial(self, element: Element) -> Dial:
        nouns = [noun for child in element for noun in self._noun(child)]
        if number := (element.text or "").strip():
            nouns[:0] = self._party(Kind.NUMBER, number, None)
        if len(nouns) > MAX_LEGS:
            self._warn(NOT_VALID, f"Dial has over {MAX_LEGS} nouns; the rest are left")
        action = element.get("action")
        return Dial(
            nouns=tuple(nouns[:MAX_LEGS]),
            action=self._absolute(element, action) if action else None,
            method=self._method(element, "method"),
            timeout=self._number(element, "timeout", RING_LIMIT, _TIMES),
            time_limit=self._number(element, "timeLimit", TIME_LIMIT, _TIME_LIMITS),
            caller_id=self._caller_id(element),
            sequential=element.get("sequential") == "true",
        )

    def _noun(self, element: Element) -> Iterator[Noun]:
        if element.tag not in list(Kind):
            self._warn(NOT_VALID, f"Dial cannot dial a {element.tag[:100]}")
            return
        kind = Kind(element.tag)
        party = _text(element)
        if kind is Kind.CLIENT:
            identity = element.find("Identity")
            party = f"client:{party if identity is None else _text(identity)}"
        yield from self._party(kind, party, self._callback(element))

    def _party(
        self, kind: Kind, to: str, callback: CallbackConfig | None
    ) -> Iterator[Noun]:
        if to in {"", "client:"} or len(to) > MAX_ADDRESS_LENGTH:
            self._warn(NOT_VALID, f"{kind} has nobody to dial")
        elif not to.isprintable():
            self._warn(NOT_VALID, f"{kind} has an unprintable character")
        else:
            yield Noun(kind=kind, to=to, callback=callback)

    def _callback(self, element: Element) -> CallbackConfig | None:
        url = element.get("statusCallback")
        if not url:
            return None
        events = self._events(element)
        method = self._method(element, "statusCallbackMethod")
        try:
            absolute = self._joined(url)
            targets.check(absolute, self._networks)
        except InvalidUrl as error:
            message = f"{element.tag} statusCallback is not valid: {error}"
            self._warn(BAD_CALLBACK_URL, message)
            return None
        return CallbackConfig(url=absolute, method=method, events=events)

    def _events(self, element: Element) -> tuple[Progress, ...]:
        words = set(element.get("statusCallbackEvent", "").split())
        for word in sorted(words.difference(Progress)):
            message = f"{element.tag} statusCallbackEvent {word[:100]!r} is unknown"
            self._warn(BAD_CALLBACK_EVENT, message)
        events = tuple(progress for progress in Progress if progress in words)
        return events or (Progress.COMPLETED,)

    def _caller_id(self, element: Element) -> str | None:
        value = element.get("callerId") or None
        if value is not None and (
            len(value) > MAX_ADDRESS_LENGTH or not value.isprintable()
        ):
            self._warn(NOT_VALID, "Dial callerId is not a number or address")
            return None
        return value

    def _method(self, element: Element, name: str) -> str:
        value = element.get(name, "POST")
        if value in {"GET", "POST"}:
            return value
        self._warn(NOT_VALID, f"{element.tag} {name} must be GET or POST")
        return "POST"

    def _number(self, element: Element, name: str, default: int, allowed: range) -> int:
        value = element.get(name)
        if value is None:
            return default
        if value.isascii() and value.isdecimal() and len(value) <= len("86400"):
            number = int(value)
            if number in allowed:
                return number
        span = f"from {allowed[0]} to {allowed[-1]}"
        self._warn(NOT_VALID, f"{element.tag} {name} must be a whole number {span}")
        return default

    def _absolute(self, element: Element, url: str) -> str | None:
        """Return where the document is told to go on; None, with a warning: nowhere."""
        try:
            # Empty means this very document.
            absolute = self._joined(url)
            targets.target_of(absolute)
        except InvalidUrl as error:
            self._warn(NOT_VALID, f"{element.tag} has a URL that is not valid: {error}")
            return None
        return absolute

    def _joined(self, url: str) -> str:
        if self._base is None:
            return url
        try:
            return urljoin(self._base, url)
        except ValueError as error:
            raise InvalidUrl(str(error)) from None

    def _warn(self, code: int, message: str) -> None:
        self.warnings.append(Problem(code=code, level="warning", message=message))


def _text(element: Element) -> str:
    return (element.text or "").strip()
