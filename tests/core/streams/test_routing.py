"""Which sinks an event goes to, and in which version."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from trunkline.streams.routing import Route, Routes


ACCOUNTS = ["AC" + "1" * 32, "AC" + "2" * 32]
SINKS = ["DG" + "1" * 32, "DG" + "2" * 32, "DG" + "3" * 32]
TYPES = ["com.example.a", "com.example.b"]


def route(
    sink: str = SINKS[0],
    version: int = 2,
    from_position: int = 0,
    until_position: int | None = None,
    **changes: str,
) -> Route:
    return Route(
        account_sid=changes.get("account", ACCOUNTS[0]),
        type=changes.get("type", TYPES[0]),
        sink_sid=sink,
        version=version,
        from_position=from_position,
        until_position=until_position,
    )


def matched(routes: Routes, position: int = 10) -> dict[str, int]:
    found = list(routes.match(ACCOUNTS[0], TYPES[0], position))
    assert len(found) == len(dict(found))  # a sink is named once
    return dict(found)


def test_a_sink_with_two_subscriptions_gets_an_event_once_in_the_highest_version() -> (
    None
):
    routes = Routes()
    routes.replace(SINKS[0], [route(version=1), route(version=2), route(version=1)])
    routes.replace(SINKS[1], [route(SINKS[1], version=1)])

    assert matched(routes) == {SINKS[0]: 2, SINKS[1]: 1}


def test_of_two_subscriptions_only_those_that_count_the_event_choose_the_version() -> (
    None
):
    routes = Routes()
    routes.replace(SINKS[0], [route(version=1), route(version=2, from_position=5)])

    assert matched(routes, 5) == {SINKS[0]: 1}
    assert matched(routes, 6) == {SINKS[0]: 2}


def test_a_type_counts_after_its_start_and_up_to_its_end() -> None:
    routes = Routes()
    routes.replace(SINKS[0], [route(from_position=3, until_position=5)])

    counted = [position for position in range(10) if matched(routes, position)]
    assert counted == [4, 5]


def test_another_account_and_another_type_get_nothing() -> None:
    routes = Routes()
    routes.replace(SINKS[0], [route(account=ACCOUNTS[1]), route(type=TYPES[1])])

    assert matched(routes) == {}


ANY_ROUTE = st.builds(
    Route,
    account_sid=st.sampled_from(ACCOUNTS),
    type=st.sampled_from(TYPES),
    sink_sid=st.just(""),
    version=st.integers(1, 3),
    from_position=st.integers(0, 5),
    until_position=st.none() | st.integers(0, 5),
)


@given(
    st.lists(
        st.tuples(st.sampled_from(SINKS), st.lists(ANY_ROUTE, max_size=4)), max_size=8
    ),
    st.integers(0, 6),
)
def test_what_matches_is_what_each_sinks_newest_routes_say(
    changes: list[tuple[str, list[Route]]], position: int
) -> None:
    routes, newest = Routes(), dict[str, list[Route]]()
    for sink, given_routes in changes:
        newest[sink] = [
            route(
                sink,
                each.version,
                each.from_position,
                each.until_position,
                account=each.account_sid,
                type=each.type,
            )
            for each in given_routes
        ]
        routes.replace(sink, newest[sink])

    expected: dict[str, int] = {}
    for sink, own in newest.items():
        versions = [
            each.version
            for each in own
            if each.account_sid == ACCOUNTS[0]
            and each.type == TYPES[0]
            and each.from_position < position
            and (each.until_position is None or position <= each.until_position)
        ]
        if versions:
            expected[sink] = max(versions)
        assert list(routes.of_sink(sink)) == own
    assert matched(routes, position) == expected


@given(st.lists(ANY_ROUTE, max_size=4), st.integers(1, 6), st.integers(0, 5))
def test_positions_are_alike_only_where_all_go_to_the_same_sinks(
    given_routes: list[Route], first: int, more: int
) -> None:
    routes = Routes()
    for number, each in enumerate(given_routes):
        routes.replace(f"DG{number}", [replace(each, sink_sid=f"DG{number}")])
    found = [matched(routes, position) for position in range(first, first + more + 1)]
    alike = routes.are_alike(ACCOUNTS[0], TYPES[0], first, first + more)
    assert not alike or all(each == found[0] for each in found)
    # A route that begins and ends between them counts none of them, perhaps.
    assert alike or any(
        each.changes_within(first, first + more) for each in given_routes
    )


def test_positions_around_a_beginning_or_an_end_are_not_alike() -> None:
    routes = Routes()
    routes.replace(SINKS[0], [route(from_position=3, until_position=6)])

    def alike(first: int, last: int) -> bool:
        return routes.are_alike(ACCOUNTS[0], TYPES[0], first, last)

    assert [alike(1, 3), alike(4, 6), alike(7, 9)] == [True, True, True]
    assert [alike(3, 4), alike(6, 7), alike(1, 9)] == [False, False, False]
