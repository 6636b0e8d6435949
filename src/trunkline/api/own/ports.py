"""What our own API needs of the log, of delivery and of what captures."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from trunkline.delivery.notices import Notice
from trunkline.delivery.replays import Replay
from trunkline.log.filters import Filter, LetterFilter
from trunkline.log.records import DeadLetter, DeliveryException, Entry
from trunkline.streams.policy import DeliveryPolicy
from trunkline.streams.sinks import Sink


class Standing(Protocol):
    """An event, and all that is written down about its deliveries."""

    @property
    def entry(self) -> Entry:
        """The event at its place in the log."""
        ...

    @property
    def exceptions(self) -> Sequence[DeliveryException]:
        """Deliveries that wait for their next attempt."""
        ...

    @property
    def letters(self) -> Sequence[DeadLetter]:
        """Deliveries that were given up."""
        ...

    @property
    def bookmarks(self) -> Mapping[str, int]:
        """Up to which position each sink of the account is settled."""
        ...


class Search(Protocol):
    """Questions about the log. Lists run from the newest item to the oldest."""

    async def events(
        self, wanted: Filter, *, after: int | None, offset: int, limit: int
    ) -> list[Entry]:
        """Return events."""
        ...

    async def event_before(
        self, wanted: Filter, *, key: int, distance: int
    ) -> int | None:
        """Return the position of the event `distance` places nearer the newest."""
        ...

    async def standing(self, account_sid: str, event_id: str) -> Standing | None:
        """Return an event with what became of it so far."""
        ...

    async def letters(
        self, wanted: LetterFilter, *, after: str | None, offset: int, limit: int
    ) -> list[DeadLetter]:
        """Return dead letters."""
        ...

    async def letter_before(
        self, wanted: LetterFilter, *, key: str, distance: int
    ) -> str | None:
        """Return the SID of the dead letter `distance` places nearer the newest."""
        ...

    async def letter(self, account_sid: str, sid: str) -> DeadLetter | None:
        """Return one dead letter."""
        ...


class Calls(Protocol):
    """Which ids are the same call's."""

    async def ids_of_call(self, account_sid: str, call_id: str) -> list[str]:
        """Return all ids by which a call is known, the one asked for among them."""
        ...


class Recent(Protocol):
    """When deliveries were settled lately."""

    def settled_ms(self, sink_sid: str, position: int) -> int | None:
        """Return when the sink had the event, None if that is not remembered."""
        ...


class Routes(Protocol):
    """Which sinks an event goes to."""

    def match(
        self, account_sid: str, event_type: str, position: int
    ) -> Iterable[tuple[str, int]]:
        """Return pairs of sink SID and schema version."""
        ...


class Registry(Protocol):
    """Changes sinks."""

    async def set_policy(
        self, account_sid: str, sid: str, policy: DeliveryPolicy
    ) -> Sink:
        """Have a sink delivered to by another policy."""
        ...


class Redelivery(Protocol):
    """Sends dead letters again."""

    async def redeliver(self, sink_sid: str, letters: Sequence[DeadLetter]) -> int:
        """Have dead letters of one sink delivered again; return how many those are."""
        ...


class Replays(Protocol):
    """Sends past events again."""

    def of_account(self, account_sid: str) -> list[Replay]:
        """Return an account's replays, oldest first."""
        ...

    def find(self, account_sid: str, sid: str) -> Replay | None:
        """Return a replay of an account."""
        ...

    async def create(
        self,
        account_sid: str,
        sink_sid: str,
        *,
        types: Sequence[str],
        call_sid: str | None = None,
        from_ms: int = 0,
        to_ms: int | None = None,
    ) -> Replay:
        """Have past events sent to a sink again."""
        ...

    async def cancel(self, replay: Replay) -> Replay:
        """Cancel a replay; one that is over stays as it is."""
        ...


class Notices(Protocol):
    """Notices of failing deliveries, numbered as they came."""

    async def find(
        self,
        account_sid: str,
        *,
        sink_sid: str | None,
        code: int | None,
        after: int | None,
        offset: int,
        limit: int,
    ) -> list[tuple[int, Notice]]:
        """Return notices, newest first."""
        ...

    async def before(
        self,
        account_sid: str,
        *,
        sink_sid: str | None,
        code: int | None,
        key: int,
        distance: int,
    ) -> int | None:
        """Return the number of the notice `distance` places nearer the newest."""
        ...
