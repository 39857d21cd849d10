"""Protocol buffers, field by field: what a reader does not need is skipped by its length.

A message within a message is read up to its end; nothing is held, and nothing recurses.
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from typing import Iterator, NamedTuple, Optional

from mims.inputs.member import MemberBytes, UnreadableError

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {FIXED64: 8, FIXED32: 4}
_VARINT_BYTES = 10  # 64 bits, seven a byte
_MOST_FIELD_NUMBER = 2**29 - 1


class WireField(NamedTuple):
    """One field of a message, as it is encoded.

    Attributes
    ----------
    number, wire
        The field's number in the message's schema, and its wire type.
    value
        The unsigned value of a varint; for other fields, the size of the value, whose bytes follow.
    """

    number: int
    wire: int
    value: int


def fields(member: MemberBytes, end: Optional[int] = None) -> Iterator[WireField]:
    """Yield the fields of a message that ends at the offset `end`, or else with the member.

    The rest of a field is skipped when the next one is asked for. The value of a field is read with
    `message`, `text` or, if it has a fixed size, `member.read`.

    Raises
    ------
    UnreadableError
        The bytes are not a message, or a field is longer than the message that holds it.
    """
    while _more(member, end):
        member.step()
        tag = varint(member, end)
        number, wire = tag >> 3, tag & 7
        if not 0 < number <= _MOST_FIELD_NUMBER:
            raise UnreadableError("is damaged: it gives a field number that no message has")
        if wire == VARINT:
            yield WireField(number, wire, varint(member, end))
            continue
        size = varint(member, end) if wire == LENGTH else _FIXED_SIZES.get(wire, -1)
        if size < 0:  # a group, which is no longer written, or an unknown type
            raise UnreadableError("is damaged: it gives a wire type that is not in use")
        field_end = member.offset + size
        _check_end(field_end, end)
        yield WireField(number, wire, size)
        member.skip(field_end - member.offset)


def message(member: MemberBytes, field: WireField) -> Iterator[WireField]:
    """Yield the fields of the message that is the value of `field`, whose bytes follow."""
    return fields(member, member.offset + field.value)


def within(member: MemberBytes, outer: WireField, number: int) -> Iterator[WireField]:
    """Yield the length-delimited fields of that number in the message `outer`."""
    for field in message(member, outer):
        if field.number == number and field.wire == LENGTH:
            yield field


def text(member: MemberBytes, field: WireField) -> str:
    """Return the value of a string field, and count it as held.

    Raises
    ------
    UnreadableError
        It is not UTF-8, or more than a reader may hold.
    """
    member.hold(field.value)
    try:
        return member.read(field.value).decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableError("is damaged: a name in it is not UTF-8") from None


def varint(member: MemberBytes, end: Optional[int] = None) -> int:
    """Return the next varint, unsigned, of up to 64 bits; `end` as in `fields`."""
    value = shift = 0
    byte = 0x80
    while byte & 0x80:
        if shift == 7 * _VARINT_BYTES:
            raise UnreadableError("is damaged: it gives a number of more than 64 bits")
        byte = member.read(1)[0]
        value |= (byte & 0x7F) << shift
        shift += 7
    _check_end(member.offset, end)
    return value & (1 << 64) - 1


def signed(value: int) -> int:
    """Return a varint's value as the `int64` that it is."""
    return value - (1 << 64) if value >> 63 else value


def _more(member: MemberBytes, end: Optional[int]) -> bool:
    return bool(member.peek(1)) if end is None else member.offset < end


def _check_end(at: int, end: Optional[int]) -> None:
    if end is not None and at > end:
        raise UnreadableError("is damaged: a field in it is longer than what holds it")
