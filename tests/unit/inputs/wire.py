"""Protocol buffers, written field by field."""

from __future__ import annotations

from typing import Union


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def field(number: int, value: Union[int, str, bytes]) -> bytes:
    """A varint of an integer; a length-delimited field of a text, bytes, or a message's bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return opened(number, len(content)) + content


def opened(number: int, length: int) -> bytes:
    """The beginning of a length-delimited field."""
    return varint(number << 3 | 2) + varint(length)
