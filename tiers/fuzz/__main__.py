"""Feed the parsers with broken input: they refuse it clearly, and at once.

    python -m tiers.fuzz [--seconds 20] [--seed N]

Each input is one of a corpus, changed here and there. A parser that raises anything but its
own refusal, or takes longer than a second, has a bug; the input is printed.
"""

import argparse
import gc
import sys
import time
from random import Random

from tiers.fuzz.targets import Target, targets


# Pieces that parsers are sensitive to.
PIECES = (
    b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b'"', b"{", b"}" * 50, b"[" * 3000,
    b"null", b"true", b"-1", b"1e999", b"NaN", b"9" * 400, b"1.0", b"%", b"%zz", b"&",
    b"=", b"#", b"<", b"</", b"&amp;", b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"&a;", b"]]>",
    b"\r\n", b"::", b"@", b".", b"..", b"\xe2\x80\xae", b"A" * 5000, b"",
)  # fmt: skip

TOO_LONG = 1.0  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(prog="tiers.fuzz")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else time.time_ns() % 1_000_000
    print(f"seed {seed}")
    found = targets()
    broken = total = 0
    gc.freeze()
    for target in found:
        tried, bugs = fuzz(
            target, Random(f"{seed} {target.name}"), options.seconds / len(found)
        )
        total += tried
        broken += len(bugs)
        print(f"{target.name}: {tried:,} inputs, {len(bugs)} bugs", flush=True)
        for data, error in list(bugs.items())[:5]:
            print(f"  {error} for {data[:500]!r}")
    print(f"{total:,} inputs in all")
    return 1 if broken else 0


def fuzz(
    target: Target, random: Random, seconds: float
) -> tuple[int, dict[bytes, str]]:
    """Try for that long; return how many inputs, and those that broke it, with how."""
    end = time.monotonic() + seconds
    tried, bugs, kinds = 0, dict[bytes, str](), set[str]()
    while (started := time.monotonic()) < end:
        data = changed(random.choice(target.corpus), target.corpus, random)
        tried += 1
        error = None
        try:
            target.parse(data)
        except target.refusals:
            pass
        except Exception as raised:  # noqa: BLE001 (that is what is looked for)
            error = f"{type(raised).__name__}: {str(raised)[:200]}"
        if time.monotonic() - started > TOO_LONG:
            error = "too long"
        if error is not None and error.partition(":")[0] not in kinds:
            kinds.add(error.partition(":")[0])
            bugs[data] = error
    return tried, bugs


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


if __name__ == "__main__":
    sys.exit(main())
