"""The reader of protocol buffers: it accepts any bytes, and keeps only those asked for."""

from __future__ import annotations

from typing import Any, Iterator, List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mims.inputs import protobuf
from mims.inputs.member import MemberBytes, UnreadableError
from mims.limits import READER_STEPS

from tests.archives import chunked
from tests.unit.inputs.readings import (
    CHUNK_SIZES,
)
from tests.unit.inputs.wire import field, opened, varint


def stream(content: bytes, size: int = 65_536) -> MemberBytes:
    return MemberBytes("model", chunked(content, size))


@pytest.mark.parametrize("size", CHUNK_SIZES)
def test_every_wire_type_is_read_or_passed_over(size: int) -> None:
    content = (
        field(1, 300)
        + varint(2 << 3 | 1)
        + bytes(8)
        + field(3, "größe")
        + varint(4 << 3 | 5)
        + bytes(4)
        + field(5, -1)
        + field(536_870_911, b"")
    )
    found = [
        (each.number, each.wire, each.value) for each in protobuf.fields(stream(content, size))
    ]
    assert found == [
        (1, protobuf.VARINT, 300),
        (2, protobuf.FIXED64, 8),
        (3, protobuf.LENGTH, 7),
        (4, protobuf.FIXED32, 4),
        (5, protobuf.VARINT, 2**64 - 1),
        (536_870_911, protobuf.LENGTH, 0),
    ]
    assert protobuf.signed(found[4][2]) == -1
    assert protobuf.signed(300) == 300


@pytest.mark.parametrize("size", CHUNK_SIZES)
def test_a_nested_message_ends_where_its_length_says(size: int) -> None:
    content = field(1, field(2, "a") + field(3, field(2, "b")) + field(4, 9)) + field(5, "c")
    member = stream(content, size)
    seen: List[Any] = []
    for outer in protobuf.fields(member):
        if outer.number == 5:
            seen.append(protobuf.text(member, outer))
            continue
        for inner in protobuf.message(member, outer):
            if inner.number == 2:
                seen.append(protobuf.text(member, inner))
            elif inner.number == 3:  # left halfway: the rest is passed over
                next(protobuf.message(member, inner))
            else:
                seen.append(inner.value)
    assert seen == ["a", 9, "c"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\0", "a field number"),
        (varint(2**29 << 3), "a field number"),
        (b"\x0b", "a wire type"),
        (b"\x0c", "a wire type"),
        (b"\x0e", "a wire type"),
        (b"\x08" + b"\x80" * 10, "more than 64 bits"),
        (b"\x80" * 11, "more than 64 bits"),
        (b"\x08", "is cut short"),
        (b"\x08\x80", "is cut short"),
        (opened(1, 5) + b"abcd", "is cut short"),
        (varint(1 << 3 | 1) + b"abcdefg", "is cut short"),
        (opened(1, 2**64 - 1) + b"abcd", "is cut short"),
    ],
)
def test_what_is_not_a_message_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        list(protobuf.fields(stream(content)))


@pytest.mark.parametrize(
    "inner", [opened(2, 3) + b"ab", b"\x08", varint(3 << 3 | 5) + b"abc", b"\x80", b"\x12"]
)
def test_a_field_never_reaches_beyond_its_message(inner: bytes) -> None:
    member = stream(field(1, inner) + field(9, "after"))
    (first, *_) = [protobuf.fields(member)]
    outer = next(first)
    with pytest.raises(UnreadableError, match="longer than what holds it"):
        list(protobuf.message(member, outer))


def test_a_text_is_utf_8_and_kept() -> None:
    member = stream(field(1, b"\xff"))
    with pytest.raises(UnreadableError, match="UTF-8"):
        protobuf.text(member, next(protobuf.fields(member)))
    member = stream(opened(1, 2**40) + b"abc")
    with pytest.raises(UnreadableError, match=r"4,194,304 bytes of it to be held"):
        protobuf.text(member, next(protobuf.fields(member)))


def test_every_field_is_a_step() -> None:
    def chunks() -> Iterator[bytes]:
        while True:
            yield field(1, 0) * 10_000

    member = MemberBytes("model", chunks())
    member.step(READER_STEPS - 50_000)
    with pytest.raises(UnreadableError, match="2,000,000 steps"):
        for _ in protobuf.fields(member):
            pass


@given(st.binary(max_size=200), st.integers(1, 9))
def test_any_bytes_are_fields_or_refused(content: bytes, size: int) -> None:
    def found(size: int) -> Any:
        member = stream(content, size)
        seen: List[Any] = []
        try:
            for outer in protobuf.fields(member):
                seen.append(outer)
                if outer.wire == protobuf.LENGTH:
                    seen += list(protobuf.message(member, outer))
        except UnreadableError as error:
            seen.append(str(error))
        return seen

    assert found(size) == found(65_536)
