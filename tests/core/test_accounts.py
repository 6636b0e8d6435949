"""The directory of accounts: who may come in."""

from hypothesis import given
from hypothesis import strategies as st

from trunkline.accounts import Account, Accounts, ApiKey


TOKEN = "11111111111111111111111111111111"
SECRET = "22222222222222222222222222222222"

ACME = Account(sid="AC" + "a1" * 16, auth_token=TOKEN)
OTHER = Account(sid="AC" + "b2" * 16, auth_token="33333333333333333333333333333333")
KEY = ApiKey(sid="SK" + "c3" * 16, account_sid=ACME.sid, secret=SECRET)

DIRECTORY = Accounts([ACME, OTHER], [KEY])


def test_an_account_comes_in_with_its_sid_and_token() -> None:
    assert DIRECTORY.authenticate(ACME.sid, TOKEN) == ACME


def test_a_key_comes_in_for_its_account() -> None:
    assert DIRECTORY.authenticate(KEY.sid, SECRET) == ACME


def test_a_sid_is_known_in_either_case_of_its_hex() -> None:
    assert DIRECTORY.authenticate("AC" + "A1" * 16, TOKEN) == ACME
    assert DIRECTORY.account("AC" + "A1" * 16) == ACME
    assert DIRECTORY.api_key("SK" + "C3" * 16) == KEY


def test_the_token_of_another_account_is_not_good() -> None:
    assert DIRECTORY.authenticate(OTHER.sid, TOKEN) is None


def test_the_token_is_not_good_for_the_key_nor_the_secret_for_the_account() -> None:
    assert DIRECTORY.authenticate(KEY.sid, TOKEN) is None
    assert DIRECTORY.authenticate(ACME.sid, SECRET) is None


def test_a_key_without_its_account_is_nobody() -> None:
    assert Accounts([OTHER], [KEY]).authenticate(KEY.sid, SECRET) is None


def test_who_is_unknown_is_nobody() -> None:
    assert DIRECTORY.authenticate("AC" + "0" * 32, TOKEN) is None
    assert DIRECTORY.account("AC" + "0" * 32) is None
    assert DIRECTORY.api_key("SK" + "0" * 32) is None


@given(user=st.text() | st.sampled_from([ACME.sid, KEY.sid]), password=st.text())
def test_no_guess_comes_in_and_none_breaks_the_check(user: str, password: str) -> None:
    assert DIRECTORY.authenticate(user, password) is None


@given(st.text(max_size=40))
def test_any_text_may_be_a_token(token: str) -> None:
    account = Account(sid=ACME.sid, auth_token=token)

    assert Accounts([account], []).authenticate(ACME.sid, token) == account


def test_secrets_do_not_show_when_printed() -> None:
    assert TOKEN not in repr(ACME)
    assert SECRET not in repr(KEY)
