"""The search for the operator's credentials."""

import asyncio
import threading
from pathlib import Path

import pytest

from trunkline.sinks.aws.credentials import Credentials, NoCredentials
from trunkline.sinks.aws.own_credentials import OwnCredentials, find


KEYS = Credentials("AKID", "secret")


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No credentials in the environment, in files or from the machine."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


def test_the_environment_is_searched(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-secret")

    assert find() == Credentials("AKIDEXAMPLE", "the-secret")


def test_files_are_searched_anew_each_time(nowhere: Path) -> None:
    file = nowhere / "credentials"
    for key in ("AKID1", "AKID2"):
        file.write_text(
            f"[default]\naws_access_key_id = {key}\naws_secret_access_key = s\n"
        )
        assert find() == Credentials(key, "s")


def test_none_found_is_told(nowhere: Path) -> None:
    assert find() == "No AWS credentials found."


def test_a_missing_profile_is_named(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-nobody")

    found = find()

    assert isinstance(found, str)
    assert "of-nobody" in found


def test_what_a_credential_process_printed_is_not_told(nowhere: Path) -> None:
    (nowhere / "config").write_text(
        "[default]\ncredential_process = sh -c 'echo hush >&2; exit 1'\n"
    )

    assert find() == "AWS credentials could not be had: CredentialRetrievalError"


async def test_all_who_ask_share_one_search() -> None:
    searches = []
    begun, gate = threading.Event(), threading.Event()

    def search() -> Credentials:
        searches.append(1)
        begun.set()
        gate.wait(10)
        return KEYS

    own = OwnCredentials(search)
    asking = [asyncio.ensure_future(own.get()) for _ in range(5)]
    await asyncio.to_thread(begun.wait, 10)
    gate.set()

    assert await asyncio.gather(*asking) == [KEYS] * 5
    assert len(searches) == 1
    assert await own.get() == KEYS
    assert len(searches) == 2


async def test_a_search_that_hangs_holds_nobody_and_is_not_begun_twice() -> None:
    searches = []
    gate = threading.Event()

    def hang() -> Credentials:
        searches.append(1)
        gate.wait(10)
        return KEYS

    own = OwnCredentials(hang, timeout=0.01)
    for _ in range(3):
        with pytest.raises(NoCredentials) as hung:
            await own.get()
        assert hung.value.answer.code == 93102
        assert "takes too long" in hung.value.answer.detail
    assert len(searches) == 1
    gate.set()


async def test_a_search_that_breaks_is_told_without_its_words() -> None:
    def broken() -> Credentials:
        raise OSError("a secret path")

    with pytest.raises(NoCredentials) as missing:
        await OwnCredentials(broken).get()

    assert missing.value.answer.detail == "AWS credentials could not be had: OSError"
