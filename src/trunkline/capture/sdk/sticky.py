"""What a call's posts have told so far, for events that do not repeat it."""

import msgspec

from trunkline.capture.sdk.post import Post, text


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


def updated(sticky: Sticky, post: Post) -> Sticky:
    """Return what is known after one more post."""
    payload, at_ms = post.payload, post.at_ms
    selected_edge, edge = sticky.selected_edge, sticky.edge
    if post.name == "edge" and post.group == "settings":
        asked = payload.selected_edge
        first = asked[0] if isinstance(asked, list) and asked else asked
        selected_edge = _newer(selected_edge, first, at_ms)
        edge = _newer(edge, payload.edge, at_ms)
    return Sticky(
        version=_newer(sticky.version, payload.sdk_version, at_ms),
        platform=_newer(sticky.platform, payload.platform, at_ms),
        region=_newer(sticky.region, payload.region, at_ms),
        selected_region=_newer(sticky.selected_region, payload.selected_region, at_ms),
        selected_edge=selected_edge,
        edge=edge,
    )


def _newer(old: Told, value: object, at_ms: int) -> Told:
    if value is None or at_ms < old.at_ms:
        return old
    told = text(value)
    return Told(told, at_ms) if told else old
