"""Inputs of a corpus, changed here and there: fast, and anywhere."""

import time
from random import Random

from tiers.fuzz.outcome import Outcome
from tiers.fuzz.target import Target


# Pieces that parsers are sensitive to.
PIECES = (
    b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b'"', b"{", b"}" * 50, b"[" * 3000,
    b"null", b"true", b"-1", b"1e999", b"NaN", b"9" * 400, b"1.0", b"%", b"%zz", b"&",
    b"=", b"#", b"<", b"</", b"&amp;", b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"&a;", b"]]>",
    b"\r\n", b"::", b"@", b".", b"..", b"\xe2\x80\xae", b"A" * 5000, b"", b'"1e308"',
    b"1e400", b"[" * 120 + b"]" * 120,
)  # fmt: skip

TOO_LONG = 1.0  # seconds


def fuzz(target: Target, random: Random, seconds: float) -> Outcome:
    """Try the corpus as it is, then changed, for that long."""
    end = time.monotonic() + seconds
    outcome, kinds, first = Outcome(), set[str](), list(target.corpus)
    while (started := time.monotonic()) < end:
        data = (
            first.pop()
            if first
            else changed(random.choice(target.corpus), target.corpus, random)
        )
        outcome.tried["changed"] += 1
        error = bug(target, data)
        if time.monotonic() - started > TOO_LONG:
            error = "too long"
        if error is not None and error.partition(":")[0] not in kinds:
            kinds.add(error.partition(":")[0])
            outcome.bugs.append((data, error))
    return outcome


def bug(target: Target, data: bytes) -> str | None:
    """Return what a parser raised that it must not, None where all is well."""
    try:
        target.parse(data)
    except target.refusals:
        pass
    except Exception as raised:  # noqa: BLE001 (that is what is looked for)
        return f"{type(raised).__name__}: {str(raised)[:200]}"
    return None


def changed(data: bytes, corpus: tuple[bytes, ...], random: Random) -> bytes:
    """Return an input with some changes."""
    made = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        at = random.randint(0, len(made))
        match random.randrange(6):
            case 0:
                made[at : at + random.randint(0, 8)] = random.choice(PIECES)
            case 1:
                del made[at : at + random.randint(1, 40)]
            case 2:
                made[at:at] = made[at : at + random.randint(1, 40)] * random.randint(
                    1, 9
                )
            case 3 if made:
                made[at % len(made)] = random.randrange(256)
            case 4:
                other = random.choice(corpus)
                made[at:] = other[random.randint(0, len(other)) :]
            case _:
                del made[at:]
    return bytes(made)
