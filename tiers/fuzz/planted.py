"""Parsers with bugs that are planted: proof that both fuzzers find any."""

from pathlib import Path

from tiers.fuzz.target import Target


def _first(data: bytes) -> int:
    return data[0]


def _word(data: bytes) -> None:
    """Fail for one word, which is found letter by letter or not at all."""
    for at, letter in enumerate(b"TRUNK"):
        if data[at : at + 1] != bytes([letter]):
            return
    raise ValueError("planted")


def targets(_folder: Path) -> list[Target]:
    """Return the parsers."""
    return [
        Target("first byte", _first, (b"a", b"bc"), (ValueError,)),
        Target("magic word", _word, (b"-", b"....."), ()),
    ]
