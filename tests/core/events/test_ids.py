"""The ids that we make."""

import uuid
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.events.ids import Ids, canonical, is_sid, pooled


def ids_at(now_ms: int, byte: bytes = b"\xab") -> Ids:
    return Ids(lambda: now_ms, lambda size: byte * size)


def test_a_sid_is_its_time_and_random_digits() -> None:
    assert ids_at(0x19C1_0000_0000).sid("CA") == "CA19c100000000" + "ab" * 10


@given(
    now_ms=st.integers(0, 2**48 - 1),
    entropy=st.binary(min_size=10, max_size=10),
    prefix=st.sampled_from(["AC", "CA", "DF", "DG", "EZ", "SK", "VW"]),
)
def test_every_sid_made_is_a_sid(now_ms: int, entropy: bytes, prefix: str) -> None:
    sid = Ids(lambda: now_ms, lambda _: entropy).sid(prefix)

    assert len(sid) == 34
    assert is_sid(sid, prefix)
    assert canonical(sid) == sid


@given(st.integers(0, 2**48 - 2))
def test_a_later_sid_sorts_after_an_earlier_one(now_ms: int) -> None:
    earlier = ids_at(now_ms, b"\xff").sid("VW")
    later = ids_at(now_ms + 1, b"\x00").sid("VW")

    assert earlier < later


def test_a_test_id_is_a_random_uuid() -> None:
    made = ids_at(0).uuid4()

    assert uuid.UUID(made).version == 4
    assert made == "abababab-abab-4bab-abab-abababababab"


def test_a_secret_is_32_hex_digits() -> None:
    assert ids_at(0).secret() == "ab" * 16


def test_either_case_of_hex_is_a_sid() -> None:
    assert is_sid("CA" + "0123456789ABCDEF" * 2, "CA")
    assert canonical("CA" + "0123456789ABCDEF" * 2) == "CA" + "0123456789abcdef" * 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CA",
        "AC" + "0" * 32,
        "CA" + "0" * 31,
        "CA" + "0" * 33,
        "ca" + "0" * 32,
        "CA" + "g" * 32,
        "CA" + "0" * 31 + "\N{ARABIC-INDIC DIGIT ZERO}",
        "CA" + "0" * 32 + "\n",
    ],
)
def test_what_is_no_call_sid_is_told_apart(text: str) -> None:
    assert not is_sid(text, "CA")


@given(counts=st.lists(st.integers(0, 40), max_size=30), size=st.integers(1, 64))
def test_a_pool_gives_each_byte_once_and_in_order(counts: list[int], size: int) -> None:
    stream = Random(1).randbytes(4096)
    given = 0

    def entropy(count: int) -> bytes:
        nonlocal given
        given += count
        return stream[given - count : given]

    draw = pooled(entropy, size)
    at = 0
    for count in counts:
        piece = draw(count)
        assert len(piece) == count
        at = stream.index(piece, at, given) + count
