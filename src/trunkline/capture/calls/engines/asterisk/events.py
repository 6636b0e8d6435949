"""What ARI says, decoded, and the table of what it means (spec call-progress 12.4). Pure.

Only the fields in use are read; whatever else Asterisk says, now or in versions to
come, is passed over.
"""

from hashlib import sha256
from typing import Any

import msgspec

from trunkline.capture.calls.progress import Reported
from trunkline.events.ids import is_sid
from trunkline.events.times import parse_iso


class Party(msgspec.Struct, frozen=True):
    """One end of a channel."""

    number: str = ""


class Dialplan(msgspec.Struct, frozen=True):
    """Where a channel is in the dialplan."""

    exten: str = ""


class Channel(msgspec.Struct, frozen=True):
    """A channel, which is Asterisk's word for a leg.

    `protocol_id` is the SIP Call-ID. `state` is `Down`, `Ring` (it calls us),
    `Ringing` (we call it), `Up`, or one that does not matter here.
    """

    id: str
    state: str = ""
    protocol_id: str = ""
    caller: Party = Party()
    connected: Party = Party()
    dialplan: Dialplan = Dialplan()
    creationtime: str = ""


class Event(msgspec.Struct, frozen=True):
    """An event of one of the types in use.

    `Dial` is about `peer`; `caller` is missing where ARI itself dialled. Others are
    about `channel`. `soft` hangups come from this side, others from the far end.
    """

    type: str
    timestamp: str = ""
    channel: Channel | None = None
    caller: Channel | None = None
    peer: Channel | None = None
    dialstatus: str = ""
    dialstring: str = ""
    args: tuple[str, ...] = ()
    soft: bool = False
    cause: int | None = None
    cause_txt: str = ""
    tech_cause: int | None = None

    @property
    def about(self) -> Channel:
        """The channel to which it happened."""
        channel = self.peer if self.type == "Dial" else self.channel
        assert channel is not None, "decode refuses an event without it"
        return channel


class Unreadable(ValueError):
    """A message that is not what ARI documents."""


class _Kind(msgspec.Struct, frozen=True):
    type: str


IN_USE = frozenset(
    {
        "ChannelCreated",
        "ChannelDestroyed",
        "ChannelHangupRequest",
        "ChannelStateChange",
        "Dial",
        "StasisStart",
    }
)

# 183 is ringing too: the far end is found and alerted, whatever is heard meanwhile.
BY_DIAL_STATUS = {
    "": Reported.INITIATED,
    "RINGING": Reported.RINGING,
    "PROGRESS": Reported.RINGING,
    "ANSWER": Reported.ANSWERED,
}

# `Ring` is the calling side: it has reached us, and nobody's phone rings yet.
BY_CHANNEL_STATE = {
    "Ring": Reported.INITIATED,
    "Ringing": Reported.RINGING,
    "Up": Reported.ANSWERED,
}


def decode(message: str | bytes) -> Event | None:
    """Return the event of a websocket message; None where its type is not in use.

    Raises Unreadable.
    """
    if _decode(message, _Kind).type not in IN_USE:
        return None
    event: Event = _decode(message, Event)
    if (event.peer if event.type == "Dial" else event.channel) is None:
        raise Unreadable(f"{event.type} without its channel")
    return event


def decode_channels(body: bytes) -> list[Channel]:
    """Return the channels of a list that ARI answers. Raises Unreadable."""
    channels: list[Channel] = _decode(body, list[Channel])
    return channels


def state_of(event: Event) -> Reported | None:
    """Return the state that an event's channel has reached, if it tells of one."""
    match event.type:
        case "ChannelCreated":
            return Reported.INITIATED
        case "Dial":
            return BY_DIAL_STATUS.get(event.dialstatus)
        case "ChannelStateChange" | "StasisStart":
            return BY_CHANNEL_STATE.get(event.about.state)
        case "ChannelDestroyed":
            return Reported.ENDED
        case _:
            return None


def call_sid_of(channel: Channel) -> str:
    """Return the SID of a channel's call.

    What we dial has its call's SID as channel id. Of any other channel the SID is made
    from its time of creation and its id: always the same one, with nothing to be kept.
    """
    if is_sid(channel.id, "CA"):
        return channel.id
    created_ms = max(0, parse_iso(channel.creationtime) or 0)
    return f"CA{created_ms:012x}{sha256(channel.id.encode()).hexdigest()[:20]}"


def _decode(message: str | bytes, into: Any) -> Any:
    try:
        return msgspec.json.decode(message, type=into)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(str(error)) from None
