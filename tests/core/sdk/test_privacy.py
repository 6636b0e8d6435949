"""What is kept of a post: nothing that the settings say is not to be."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.capture.sdk.privacy import Privacy
from trunkline.errors import Refused


SALT = b"salt" * 8
CANDIDATE = {"ip": "192.168.17.23", "related_address": "10.1.2.3", "port": 5}

REDACTED = {
    "ip",
    "related_address",
    "client_address",
    "audio_device_ids",
    "lost_active_device_ids",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text().filter(lambda name: name not in REDACTED), inner)
    ),
)


def body(**payload: Any) -> bytes:
    return json.dumps({"group": "g", "name": "n", "payload": payload}).encode()


def payload(raw: bytes) -> Any:
    return json.loads(raw)["payload"]


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("[2001:db8:1:2::5]", "2001:db8:1::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("0b5f2f3c-3d0c-4f0f-a9a5.local", ""),
        ("", ""),
    ],
)
def test_a_truncated_address_is_a_network(address: str, kept: str) -> None:
    assert Privacy(salt=SALT, ip_privacy="truncate").address(address) == kept


def test_a_dropped_address_is_empty_and_a_full_one_is_whole() -> None:
    assert Privacy(salt=SALT, ip_privacy="drop").address("203.0.113.7") == ""
    assert Privacy(salt=SALT).address("203.0.113.7") == "203.0.113.7"


def test_addresses_are_redacted_wherever_a_post_has_them() -> None:
    raw = json.dumps(
        {
            "payload": {**CANDIDATE, "local_candidate": CANDIDATE},
            "publisher_metadata": {"client_address": "169.254.3.4"},
        }
    ).encode()

    kept = json.loads(Privacy(salt=SALT, ip_privacy="truncate").body(raw))

    redacted = {"ip": "192.168.17.0", "related_address": "10.1.2.0", "port": 5}
    assert kept["payload"] == {**redacted, "local_candidate": redacted}
    assert kept["publisher_metadata"] == {"client_address": "169.254.3.0"}


def test_ids_of_devices_become_hashes_that_stay_the_same() -> None:
    ids = ["default", "xyz"]
    raw = body(audio_device_ids=ids, lost_active_device_ids=["xyz", 5])

    kept = payload(Privacy(salt=SALT).body(raw))

    default, hashed = kept["audio_device_ids"]
    assert kept["lost_active_device_ids"] == [hashed]
    assert default != hashed
    assert "xyz" not in json.dumps(kept)
    other = payload(Privacy(salt=b"other").body(raw))
    assert other["audio_device_ids"][1] != hashed


def test_a_name_written_with_escapes_hides_nothing() -> None:
    raw = b'{"payload":{"audio_devic\\u0065_ids":["secret"]}}'

    assert b"secret" not in Privacy(salt=SALT).body(raw)


def test_what_need_not_be_redacted_is_kept_byte_for_byte() -> None:
    raw = b'{ "payload": {"ip": "10.1.2.3", "x": 1.0} }'
    assert Privacy(salt=SALT).body(raw) is raw
    devices = body(audio_device_ids=["abc"])
    assert Privacy(salt=SALT, hash_device_ids=False).body(devices) is devices


@given(JSON)
def test_redacting_changes_nothing_else(document: Any) -> None:
    raw = json.dumps({"payload": document}).encode()
    kept = Privacy(salt=SALT, ip_privacy="drop").body(raw)
    assert json.loads(kept) == {"payload": document}


def test_a_body_that_cannot_be_redacted_is_refused() -> None:
    deep = b'{"audio_device_ids":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(Refused, match="cannot be read") as caught:
        Privacy(salt=SALT).body(deep)
    assert (caught.value.code, caught.value.status) == (70001, 400)


def test_a_client_name_is_plain_or_a_hash_per_account_or_gone() -> None:
    assert Privacy(salt=SALT).client_name("AC1", "alice") == "alice"
    hashing = Privacy(salt=SALT, client_name="hash")
    hashed = hashing.client_name("AC1", "alice")
    assert len(hashed) == 32
    assert hashed == hashing.client_name("AC1", "alice")
    assert hashed != hashing.client_name("AC2", "alice")
    assert hashing.client_name("AC1", "") == ""
    assert Privacy(salt=SALT, client_name="drop").client_name("AC1", "alice") == ""
