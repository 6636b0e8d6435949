"""Places out of a real MMDB file, which changes, breaks and goes away."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import maxminddb
import pytest
import structlog
from msgspec import UNSET
from tests.app.sdk.conftest import ACCOUNT, KEY, NOW_MS
from tests.app.sdk.mmdb import database

from trunkline.capture.sdk.geo import GeoFile
from trunkline.capture.sdk.mapping import NOWHERE
from trunkline.events.call_event import Location
from trunkline.server.program import running
from trunkline.settings import Settings
from trunkline.testing import ManualClock


BERLIN = {
    "city": {"names": {"en": "Berlin", "de": "Berlin"}},
    "country": {"iso_code": "DE"},
    "location": {"latitude": 52.5, "longitude": 13.4},
    "subdivisions": [{"iso_code": "BE"}, {"iso_code": "XX"}],
}
PLACES = {"9.9.9.0/24": BERLIN, "8.0.0.0/8": {"country": {"iso_code": "US"}}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "city.mmdb"
    path.write_bytes(database(PLACES))
    return path


@pytest.fixture
def geo(path: Path) -> Iterator[GeoFile]:
    geo = GeoFile(path)
    yield geo
    geo.close()


def test_the_files_that_tests_make_are_read_by_the_library(path: Path) -> None:
    with maxminddb.open_database(path, maxminddb.MODE_FILE) as reader:
        assert reader.get("9.9.9.77") == BERLIN
        assert reader.get("9.9.8.1") is None
        assert reader.metadata().database_type == "Test-City"
        assert len(list(reader)) == 2


def test_an_address_has_the_place_of_its_network(geo: GeoFile) -> None:
    place = geo.place("9.9.9.9")
    assert place.location == Location(lat=52.5, lon=13.4)
    assert (place.city, place.country_code) == ("Berlin", "DE")
    assert place.country_subdivision == "BE"
    country = geo.place("8.8.8.8")
    assert (country.city, country.country_code) == ("", "US")
    assert country.location is UNSET


@pytest.mark.parametrize(
    "address", ["9.9.8.1", "10.0.0.1", "127.0.0.1", "2001:4860:4860::8888", "", "x"]
)
def test_other_addresses_are_nowhere(geo: GeoFile, address: str) -> None:
    assert geo.place(address) == NOWHERE


def test_an_entry_of_another_shape_is_no_place(path: Path, geo: GeoFile) -> None:
    odd: Any = {
        "city": "Berlin",
        "country": ["DE"],
        "location": {"latitude": "52"},
        "subdivisions": [],
    }
    path.write_bytes(database({"9.9.9.0/24": odd}))
    geo.refresh()
    assert geo.place("9.9.9.9") == NOWHERE


# The library leaves a file that it cannot read to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("content", [b"", b"no database", database(PLACES)[:-9]])
def test_a_broken_file_counts_as_none_and_is_logged(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with structlog.testing.capture_logs() as lines:
        geo = GeoFile(path)
    assert [line["event"] for line in lines] == ["sdk_geo_unusable"]
    assert geo.place("9.9.9.9") == NOWHERE


def write(path: Path, entries: dict[str, Any]) -> None:
    """Put another file in its place, as a program that updates it does."""
    newer = path.with_suffix(".new")
    newer.write_bytes(database(entries))
    newer.replace(path)


def test_a_file_that_changes_or_goes_is_noticed(path: Path, geo: GeoFile) -> None:
    told: list[str] = []
    geo.on_change(lambda: told.append(geo.place("9.9.9.9").city))
    assert geo.place("9.9.9.9").city == "Berlin"
    write(path, {"9.9.9.0/24": {"city": {"names": {"en": "Köln"}}}})
    geo.refresh()
    assert geo.place("9.9.9.9").city == "Köln"
    path.unlink()
    with structlog.testing.capture_logs() as lines:
        geo.refresh()
        geo.refresh()
    assert [line["event"] for line in lines] == ["sdk_geo_unusable"]
    assert geo.place("9.9.9.9") == NOWHERE
    write(path, PLACES)
    geo.refresh()
    assert geo.place("9.9.9.9").city == "Berlin"
    assert told == ["Köln", "", "Berlin"]


async def test_the_file_is_looked_at_every_few_seconds(
    path: Path, geo: GeoFile
) -> None:
    clock = ManualClock()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(geo.run(clock))
        await asyncio.sleep(0)
        write(path, {})
        clock.advance(5)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert geo.place("9.9.9.9") == NOWHERE
        running.cancel()


async def test_a_client_that_is_known_moves_with_the_file(path: Path) -> None:
    clock = ManualClock(NOW_MS)
    settings = Settings(
        data_dir=path.parent / "data",
        account_sid=ACCOUNT.sid,
        auth_token=ACCOUNT.auth_token,
        sdk_token_check="claims",
        sdk_geo_mmdb=path,
    )
    now = NOW_MS // 1000
    claims = {
        "iss": KEY.sid,
        "sub": ACCOUNT.sid,
        "nbf": now,
        "exp": now + 3600,
        "grants": {"voice": {}},
    }
    token = jwt.encode(claims, KEY.secret, headers={"cty": "twilio-fpa;v=1"})
    body = b'{"group":"g","name":"n","payload":{"call_sid":"CA%032d"}}' % 1
    async with running(settings, clock=clock) as application:
        gateway: Any = application.gateway
        answers: asyncio.Queue[Any] = asyncio.Queue()
        headers = [(b"x-twilio-token", token.encode())]
        client = gateway.client_of(headers, "9.9.9.9", answers.put_nowait)
        assert client is not None
        for city in ("Berlin", ""):
            gateway.take_at_once(client, body)
            assert (await answers.get()).status == 200
            assert client.sender.place.city == city
            write(path, {})
            clock.advance(5)
            await asyncio.sleep(0.05)
