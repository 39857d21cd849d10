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
    """Return an integer as a varint field, or a text, bytes or a message with its length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return opened(number, len(content)) + content


def opened(number: int, length: int) -> bytes:
    """Return the beginning of a length-delimited field."""
    return varint(number << 3 | 2) + varint(length)
