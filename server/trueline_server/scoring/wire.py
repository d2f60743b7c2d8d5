"""The wire format of protobuf, as far as scores need it: fields one after another, as bytes.

A field is its number and kind, for texts and messages the length, and the value
(https://protobuf.dev/programming-guides/encoding/).
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from trueline_server.scoring.profiles import Ends

TEXT, DOUBLE, VARINT = 2, 1, 0
_NUMBER = Struct("<Bd").pack
_POINT = Struct("<BBBdBdBd").pack
_RANGE = Struct("<BBBdBd").pack


def tag(number: int, kind: int) -> int:
    """The byte before a field with a number up to 15."""
    return number << 3 | kind


# What stands before short texts and messages, by number and length.
_SHORT = [[bytes((tag(number, TEXT), size)) for size in range(0x80)] for number in range(16)]
_FIRST, _SECOND, _THIRD = (tag(number, DOUBLE) for number in (1, 2, 3))


def number_field(number: int, value: float) -> bytes:
    """A double."""
    return _NUMBER(number << 3 | DOUBLE, value)


def bytes_field(number: int, value: bytes) -> bytes:
    """A text or a message; an empty text is left out by whoever has none."""
    size = len(value)
    if size < 0x80:
        return _SHORT[number][size] + value
    if size < 0x4000:
        return bytes((number << 3 | TEXT, size & 0x7F | 0x80, size >> 7)) + value
    return bytes((number << 3 | TEXT,)) + _varint(size) + value


def text_field(number: int, value: str) -> bytes:
    """A text; nothing if it is empty."""
    return bytes_field(number, value.encode()) if value else b""


def ends_field(number: int) -> Callable[[Ends], bytes]:
    """What writes a ScoreRange as a field of this number: a point has all three numbers, a range its ends."""
    head = tag(number, TEXT)

    def write(ends: Ends) -> bytes:
        low, high = ends
        if low == high:
            return _POINT(head, 27, _FIRST, low, _SECOND, low, _THIRD, high)
        return _RANGE(head, 18, _SECOND, low, _THIRD, high)

    return write


def _varint(value: int) -> bytes:
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
