"""Which sinks an event goes to: one dictionary look-up by account and type. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One subscribed type of one sink.

    It counts events with `from_position < position <= until_position`; while the type
    is subscribed, `until_position` is None.
    """

    account_sid: str
    type: str
    sink_sid: str
    version: int
    from_position: int
    until_position: int | None = None

    def counts(self, position: int) -> bool:
        """Tell whether the event at `position` is one that this route counts."""
        return self.from_position < position and (
            self.until_position is None or position <= self.until_position
        )

    def changes_within(self, first: int, last: int) -> bool:
        """Tell whether it counts some of these positions, and not others."""
        until = self.until_position
        return first <= self.from_position < last or (
            until is not None and first <= until < last
        )


class Routes:
    """All routes, by account and type, and by sink."""

    def __init__(self) -> None:
        self._by_type: dict[tuple[str, str], tuple[Route, ...]] = {}
        self._by_sink: dict[str, tuple[Route, ...]] = {}

    def replace(self, sink_sid: str, routes: Sequence[Route]) -> None:
        """Put these routes in the place of all that the sink had."""
        old = self._by_sink.pop(sink_sid, ())
        if routes:
            self._by_sink[sink_sid] = tuple(routes)
        for key in {(route.account_sid, route.type) for route in (*old, *routes)}:
            kept = [r for r in self._by_type.pop(key, ()) if r.sink_sid != sink_sid]
            added = [r for r in routes if (r.account_sid, r.type) == key]
            if kept or added:
                self._by_type[key] = (*kept, *added)

    def of_sink(self, sink_sid: str) -> tuple[Route, ...]:
        """Return the routes of one sink."""
        return self._by_sink.get(sink_sid, ())

    def are_alike(
        self, account_sid: str, event_type: str, first: int, last: int
    ) -> bool:
        """Tell whether all events between two positions go to the same sinks."""
        for route in self._by_type.get((account_sid, event_type), ()):
            if route.changes_within(first, last):
                return False
        return True

    def match(
        self, account_sid: str, event_type: str, position: int
    ) -> Iterable[tuple[str, int]]:
        """Return (sink SID, schema version) for each sink that gets the event.

        A sink with several matching subscriptions gets it once, in the highest
        version (spec event-streams 2.3).
        """
        routes = self._by_type.get((account_sid, event_type))
        if routes is None:
            return ()
        if len(routes) == 1:
            route = routes[0]
            counts = route.counts(position)
            return ((route.sink_sid, route.version),) if counts else ()
        versions: dict[str, int] = {}
        for route in routes:
            if route.counts(position):
                known = versions.get(route.sink_sid, 0)
                versions[route.sink_sid] = max(known, route.version)
        return versions.items()
