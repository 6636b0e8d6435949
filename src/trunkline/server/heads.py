"""Recognises the head of a post that its connection has had before.

A client's posts differ in their bodies and in how long those are. A head that is the
same, byte for byte, means the same once more: it needs no parsing. Pure.
"""

import re


# The parser has accepted the head: this is how the one header looks that varies.
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)(?=\r\n)", re.IGNORECASE)
_END = b"\r\n\r\n"

# Numbers with more digits than this are left to the parser.
_MAX_DIGITS = 5


class Head:
    """What stands before the length of the body, and what stands after it."""

    __slots__ = ("_after", "_before", "_digits")

    def __init__(self, before: bytes, digits: int, after: bytes) -> None:
        self._before = before
        self._digits = digits  # of the length, which mostly has as many again
        self._after = after

    def body_in(self, data: bytes) -> tuple[int, int] | None:
        """Return where the body starts and ends in a request that starts with `data`.

        None where it has another head, or where that is not all here.
        """
        before, after = self._before, self._after
        if not data.startswith(before):
            return None
        number_at = len(before)
        end = number_at + self._digits
        # A shorter number may be missed here, before a body that looks like a head's
        # end: the parser reads it.
        if not data.startswith(after, end):
            end = data.find(b"\r", number_at, number_at + _MAX_DIGITS + 1)
            if end < 0 or not data.startswith(after, end):
                return None
        number = data[number_at:end]
        if not number.isdigit():
            return None
        start = end + len(after)
        return start, start + int(number)


def head_of(request: bytes, body: bytes) -> Head | None:
    """Return the head of a whole request; None where it has none to know again by."""
    head = request[: len(request) - len(body)]
    lengths = list(_LENGTH.finditer(head))
    if (
        len(lengths) != 1
        or head.find(_END) != len(head) - len(_END)
        or not request.endswith(body)
        or int(lengths[0][1]) != len(body)
    ):
        return None
    start, end = lengths[0].span(1)
    return Head(head[:start], min(end - start, _MAX_DIGITS), head[end:])
