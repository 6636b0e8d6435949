"""Accounts and API keys, as the operator manages them over HTTP."""

import pytest
import requests
from tests.app.site import Raw, Site

from trunkline.accounts import Account
from trunkline.accounts.registry import MAX_KEYS


ACCOUNTS = "/trunkline/v1/Accounts"
KEYS = "/trunkline/v1/Keys"


def status_of(site: Site, user: str, password: str) -> int:
    url = f"{site.url}/v1/Sinks"
    return requests.get(url, auth=(user, password), timeout=10).status_code


def new_account(operator: Raw, name: str = "Acme") -> Account:
    answer = operator("POST", ACCOUNTS, {"FriendlyName": name})
    assert answer.status_code == 201
    body = answer.json()
    return Account(sid=body["sid"], auth_token=body["auth_token"])


def code_of(answer: requests.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


def test_a_new_account_comes_in_with_the_token_that_is_shown_once(
    site: Site, operator: Raw
) -> None:
    account = new_account(operator)
    assert status_of(site, account.sid, account.auth_token) == 200
    listed = operator("GET", f"{ACCOUNTS}?PageSize=1000")
    [row] = [row for row in listed.json()["accounts"] if row["sid"] == account.sid]
    assert list(row) == ["sid", "friendly_name", "status", "date_created"]
    assert (row["friendly_name"], row["status"]) == ("Acme", "active")
    assert account.auth_token not in listed.text


def test_accounts_are_listed_page_by_page(operator: Raw) -> None:
    made = {new_account(operator).sid for _ in range(3)}
    seen: list[str] = []
    path = f"{ACCOUNTS}?PageSize=100"
    while path:
        page = operator("GET", path).json()
        seen += [row["sid"] for row in page["accounts"]]
        path = (page["meta"]["next_page_url"] or "").partition("/trunkline")[2]
        path = path and f"/trunkline{path}"
    assert made <= set(seen)
    assert len(seen) == len(set(seen))


def test_a_suspended_account_is_refused_on_every_path_until_it_is_resumed(
    site: Site, operator: Raw
) -> None:
    account = new_account(operator)
    raw = Raw(site.url, account)
    sink = raw(
        "POST",
        "/v1/Sinks",
        {
            "Description": "d",
            "SinkType": "webhook",
            "SinkConfiguration": '{"destination":"http://example.org/"}',
        },
    ).json()
    path = f"{ACCOUNTS}/{account.sid.upper()}"
    suspended = operator("POST", path, {"Status": "suspended"})
    assert (suspended.status_code, suspended.json()["status"]) == (200, "suspended")
    for method, where in (
        ("GET", "/v1/Types"),
        ("GET", "/v1/Schemas/Voice.WebhookEvent"),
        ("POST", "/v1/Sinks"),
        ("GET", f"/v1/Sinks/{sink['sid']}"),
        ("POST", f"/v1/Sinks/{sink['sid']}/Test"),
        ("GET", "/v1/Subscriptions"),
        ("GET", ACCOUNTS),
    ):
        refused = raw(method, where)
        assert refused.json()["message"] == "Forbidden"
        assert code_of(refused) == (403, 20403)
    # Its sink stays: what was accepted for it is still delivered.
    assert sink["sid"] in site.delivery.open

    resumed = operator("POST", path, {"Status": "active"})
    assert resumed.json()["status"] == "active"
    assert raw("GET", f"/v1/Sinks/{sink['sid']}").json() == sink
    raw.close()


def test_wrong_credentials_of_a_suspended_account_tell_nothing(
    site: Site, operator: Raw
) -> None:
    account = new_account(operator)
    operator("POST", f"{ACCOUNTS}/{account.sid}", {"Status": "suspended"})
    assert status_of(site, account.sid, "wrong") == 401
    assert status_of(site, account.sid, account.auth_token) == 403


def test_a_new_key_comes_in_for_its_account_until_it_is_revoked(
    site: Site, operator: Raw
) -> None:
    account = new_account(operator)
    form = {"AccountSid": account.sid, "FriendlyName": "for the app"}
    key = operator("POST", KEYS, form).json()
    assert (key["account_sid"], key["friendly_name"]) == (account.sid, "for the app")
    assert status_of(site, key["sid"], key["secret"]) == 200

    listed = operator("GET", f"{KEYS}?AccountSid={account.sid}")
    [row] = listed.json()["keys"]
    assert list(row) == ["sid", "account_sid", "friendly_name", "date_created"]
    assert key["secret"] not in listed.text

    assert operator("DELETE", f"{KEYS}/{key['sid']}").status_code == 204
    assert status_of(site, key["sid"], key["secret"]) == 401
    assert code_of(operator("DELETE", f"{KEYS}/{key['sid']}")) == (404, 20404)


def test_a_key_is_the_operators_where_no_account_is_named(
    site: Site, operator: Raw
) -> None:
    key = operator("POST", KEYS).json()
    assert key["account_sid"] == site.operator.sid
    assert key["sid"] in {row["sid"] for row in operator("GET", KEYS).json()["keys"]}
    # A key may leak more easily than the token: it manages nothing.
    refused = requests.get(
        site.url + ACCOUNTS, auth=(key["sid"], key["secret"]), timeout=10
    )
    assert code_of(refused) == (403, 20403)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ACCOUNTS),
        ("POST", ACCOUNTS),
        ("POST", f"{ACCOUNTS}/AC{0:032x}"),
        ("GET", KEYS),
        ("POST", KEYS),
        ("DELETE", f"{KEYS}/SK{0:032x}"),
    ],
)
def test_only_the_first_account_manages(raw: Raw, method: str, path: str) -> None:
    assert code_of(raw(method, path)) == (403, 20403)
    assert code_of(raw(method, path, auth=("", ""))) == (401, 20003)


@pytest.mark.parametrize(
    ("path", "form", "expected", "message"),
    [
        (ACCOUNTS, {"FriendlyName": "x" * 65}, (400, 20001), "FriendlyName"),
        (ACCOUNTS, {"FriendlyName": "a\nb"}, (400, 20001), "FriendlyName"),
        (KEYS, {"FriendlyName": "x" * 65}, (400, 20001), "FriendlyName"),
        (KEYS, {"AccountSid": "AC1"}, (404, 20404), "Account AC1 was not found"),
        (f"{ACCOUNTS}/AC1", {"Status": "active"}, (404, 20404), "AC1"),
        (f"{ACCOUNTS}/AC1", {}, (400, 20001), "Missing required parameter Status"),
        (f"{ACCOUNTS}/AC1", {"Status": "closed"}, (400, 20001), "Status"),
        (
            f"{ACCOUNTS}/AC{0:032x}",
            {"Status": "suspended"},
            (409, 20409),
            "The first account cannot be suspended",
        ),
    ],
)
def test_bad_input_is_refused(
    operator: Raw,
    path: str,
    form: dict[str, str],
    expected: tuple[int, int],
    message: str,
) -> None:
    answer = operator("POST", path, form)
    assert code_of(answer) == expected
    assert message in answer.json()["message"]


def test_the_hundred_and_first_key_is_refused(operator: Raw) -> None:
    form = {"AccountSid": new_account(operator).sid}
    for _ in range(MAX_KEYS):
        assert operator("POST", KEYS, form).status_code == 201
    answer = operator("POST", KEYS, form)
    assert code_of(answer) == (409, 20409)
    assert answer.json()["message"] == "API key limit of 100 reached"
