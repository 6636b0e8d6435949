"""What tests of the API share: a running server, accounts, and clients of theirs."""

from collections.abc import Iterator

import pytest
from tests.app.site import Raw, Site, serving, twilio_client
from twilio.rest import Client

from trunkline.accounts import Account


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def account(site: Site) -> Account:
    return site.new_account()


@pytest.fixture
def client(site: Site, account: Account) -> Iterator[Client]:
    with twilio_client(site, account.sid, account.auth_token) as client:
        yield client


@pytest.fixture
def other_client(site: Site) -> Iterator[Client]:
    other = site.new_account()
    with twilio_client(site, other.sid, other.auth_token) as client:
        yield client


@pytest.fixture
def operator(site: Site) -> Iterator[Raw]:
    raw = Raw(site.url, site.operator)
    yield raw
    raw.close()


@pytest.fixture
def raw(site: Site, account: Account) -> Iterator[Raw]:
    raw = Raw(site.url, account)
    yield raw
    raw.close()
