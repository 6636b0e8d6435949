"""What a call's posts have told so far, for events that do not repeat it."""

from typing import Any

import msgspec

from trunkline.capture.sdk.post import Post, text


# Of what is remembered as it was said; the SDKs' is far shorter.
_MAX_CHARACTERS = 64


class Told(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A value, and when the client told it."""

    value: str
    at_ms: int


_UNTOLD = Told("", -1)


class Sticky(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The newest non-empty values of a call, by the client's clock (spec 7).

    `selected_edge` and `edge` come once per call, with `settings/edge`.
    """

    version: Told = _UNTOLD
    platform: Told = _UNTOLD
    region: Told = _UNTOLD
    selected_region: Told = _UNTOLD
    selected_edge: Told = _UNTOLD
    edge: Told = _UNTOLD


class Memory:
    """What is remembered of a call's posts, which tell the same again and again.

    `described` is for whoever makes something of it: it is None after a change.
    """

    __slots__ = ("_said", "_said_ms", "_sticky", "described")

    def __init__(self, sticky: Sticky | None = None) -> None:
        self._sticky = Sticky() if sticky is None else sticky
        # What the last post said, and the newest time at which that was said.
        self._said: tuple[Any, ...] | None = None
        self._said_ms = -1
        self.described: Any = None

    @property
    def sticky(self) -> Sticky:
        """All that was told."""
        if self._said is not None:
            self._sticky = _updated(self._sticky, self._said, self._said_ms)
        return self._sticky

    def hear(self, post: Post) -> bool:
        """Remember one more post; tell whether it told of the edge, as one in a call does."""
        said, at_ms = post.said, post.at_ms
        if said == self._said:
            if at_ms > self._said_ms:  # noqa: PLR1730 (max takes ten times as long)
                self._said_ms = at_ms
        else:
            self._sticky = _updated(self.sticky, said, at_ms)
            self._said, self._said_ms = (said if _is_short(said) else None), at_ms
            self.described = None
        if post.name != "edge" or post.group != "settings":
            return False
        edge = self._sticky.edge
        self._sticky = _with_edge(self._sticky, post)
        self.described = None
        return self._sticky.edge is not edge


def _is_short(said: tuple[Any, ...]) -> bool:
    """Tell whether it is text only, which is equal to itself only, and not much."""
    return all(
        value is None or (isinstance(value, str) and len(value) <= _MAX_CHARACTERS)
        for value in said
    )


def _updated(sticky: Sticky, said: tuple[Any, ...], at_ms: int) -> Sticky:
    """Return what is known after one more post."""
    _publisher, version, platform, region, selected_region = said
    return Sticky(
        version=_newer(sticky.version, version, at_ms),
        platform=_newer(sticky.platform, platform, at_ms),
        region=_newer(sticky.region, region, at_ms),
        selected_region=_newer(sticky.selected_region, selected_region, at_ms),
        selected_edge=sticky.selected_edge,
        edge=sticky.edge,
    )


def _with_edge(sticky: Sticky, post: Post) -> Sticky:
    """Return what is known after a post about edges."""
    asked, at_ms = post.payload.selected_edge, post.at_ms
    first = asked[0] if isinstance(asked, list) and asked else asked
    return msgspec.structs.replace(
        sticky,
        selected_edge=_newer(sticky.selected_edge, first, at_ms),
        edge=_newer(sticky.edge, post.payload.edge, at_ms),
    )


def _newer(old: Told, value: object, at_ms: int) -> Told:
    if value is None or at_ms < old.at_ms:
        return old
    told = text(value)
    return Told(told, at_ms) if told else old
