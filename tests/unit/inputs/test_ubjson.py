"""The reader of UBJSON: any value, in chunks of any size, and no other error than its own."""

from __future__ import annotations

import contextlib
import itertools
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mims.inputs.member import MemberBytes, UnreadableError
from mims.inputs.ubjson import UbjsonReader
from mims.limits import READER_STEPS

from tests.archives import chunked
from tests.unit.inputs.readings import MIB, whole

INTEGERS = ((b"i", ">b"), (b"U", ">B"), (b"I", ">h"), (b"l", ">i"), (b"L", ">q"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda values: st.lists(values) | st.dictionaries(st.text(), values), max_leaves=30
)


def integer(value: int) -> bytes:
    """Write an integer with the shortest marker that fits."""
    for marker, code in INTEGERS[:-1]:
        try:
            return marker + struct.pack(code, value)
        except struct.error:
            continue
    return b"L" + struct.pack(">q", value)


def sized(text: str) -> bytes:
    encoded = text.encode("utf-8")
    return integer(len(encoded)) + encoded


def written(value: Any, counted: bool = False) -> bytes:
    """Write a value as UBJSON; `counted` containers begin with their number of values."""
    if isinstance(value, dict):
        parts = [sized(key) + written(part, counted) for key, part in value.items()]
        return (
            b"{"
            + (b"#" + integer(len(parts)) if counted else b"")
            + b"".join(parts)
            + (b"" if counted else b"}")
        )
    if isinstance(value, list):
        parts = [written(part, counted) for part in value]
        return (
            b"["
            + (b"#" + integer(len(parts)) if counted else b"")
            + b"".join(parts)
            + (b"" if counted else b"]")
        )
    if value is None or isinstance(value, bool):
        return {None: b"Z", True: b"T", False: b"F"}[value]
    if isinstance(value, int):
        return integer(value)
    return b"D" + struct.pack(">d", value) if isinstance(value, float) else b"S" + sized(value)


def reader_of(content: bytes, size: int = 65_536) -> UbjsonReader:
    return UbjsonReader(MemberBytes("model.ubj", chunked(content, size)))


@settings(deadline=None)
@given(VALUES, st.booleans(), st.integers(1, 12))
def test_every_value_is_read_and_passed(value: Any, counted: bool, size: int) -> None:
    document = {"before": value, "passed": value, "after": [value, value]}
    read = {}
    reader = reader_of(written(document, counted), size)
    for key in reader.members():
        if key == "passed":
            reader.skip()
        else:
            read[key] = whole(reader)
    assert read == {"before": value, "after": [value, value]}


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"[$U#i\3\1\2\3", [1, 2, 3]),
        (b"[$d#i\2" + struct.pack(">ff", 0.5, -2), [0.5, -2.0]),
        (b"[$S#i\2i\1ai\0", ["a", ""]),
        (b"[$C#i\2xy", ["x", "y"]),
        (b"[$T#i\2", [True, True]),
        (b"[$[#i\2i\1]]", [[1], []]),
        (b"[$[#i\2$i#i\1\7#i\0", [[7], []]),
        (b"{$i#i\2i\1a\1i\1b\2", {"a": 1, "b": 2}),
        (b"{$Z#U\1i\1a", {"a": None}),
        (b"[N[NNi\1N]NHi\x0512345]", [[1], "12345"]),
        (b"[#i\0", []),
        (b"{}", {}),
    ],
)
@pytest.mark.parametrize("size", [1, 65_536])
def test_containers_with_a_type_are_read_and_passed(content: bytes, value: Any, size: int) -> None:
    reader = reader_of(b"[" + content + content + b"T]", size)
    elements = reader.elements()
    assert next(elements) == 0
    reader.skip()
    assert [whole(reader) for _ in elements] == [value, True]


@settings(deadline=None)
@given(VALUES, st.integers(1, 12))
def test_a_key_is_found_after_any_value(value: Any, size: int) -> None:
    key = b"L" + struct.pack(">q", 4) + b"here"
    bulk = written([value]) + b"S" + key + b"T"
    reader = reader_of(b"{i\4bulk[" + bulk + b"]" + key + written([value]) + b"i\1bU\2}", size)
    keys = reader.members()
    assert next(keys) == "bulk"
    assert reader.find_key(["there", "here"]) == "here"
    assert whole(reader) == [value]
    assert [(found, reader.scalar()) for found in keys] == [("b", 2)]


def test_a_key_is_found_wherever_the_window_ends() -> None:
    key = b"L" + struct.pack(">q", 4) + b"here"
    for size in range(262_120, 262_160):
        reader = reader_of(b"\0" * size + key + b"T" + key + b"[]")
        assert reader.find_key(["here"]) == "here"
        assert whole(reader) == []


@settings(deadline=None)
@given(st.binary() | st.text("[]{}#$iUNSZTC\0\1\2", max_size=60).map(str.encode))
def test_any_bytes_give_a_value_or_an_error(content: bytes) -> None:
    for attempt in (whole, UbjsonReader.skip, lambda reader: reader.find_key(["a"])):
        with contextlib.suppress(UnreadableError):
            attempt(reader_of(content, 7))


@pytest.mark.parametrize(
    "content", [b"X", b"[$i\1", b"[#S", b"[#i\xff", b"{S", b"Si\xff", b"Si\1\xff", b"[$}#i\1"]
)
def test_what_is_invalid_is_refused(content: bytes) -> None:
    for attempt in (whole, UbjsonReader.skip):
        if attempt is UbjsonReader.skip and content == b"Si\1\xff":
            continue  # a value that is passed over is not decoded
        with pytest.raises(UnreadableError, match="its UBJSON is invalid"):
            attempt(reader_of(content))


@pytest.mark.parametrize("opening", [b"[", b"{i\1a", b"[[$[#L\0\0\0\0\0\0\0\2"])
def test_depth_is_limited(opening: bytes) -> None:
    with pytest.raises(UnreadableError, match="is nested deeper than 512 levels"):
        reader_of(opening * 1000).skip()


@pytest.mark.parametrize(
    "beginning", [b"[#L\x7f" + b"\0" * 7, b"[$[#L\x7f" + b"\0" * 7, b"{$Z#L\x7f" + b"\0" * 7]
)
def test_steps_are_limited(beginning: bytes) -> None:
    filling = b"]" if b"$[" in beginning else b"i\0"
    chunks = itertools.chain([beginning], itertools.repeat(filling * 20_000))
    member = MemberBytes("m", chunks)
    member.step(READER_STEPS - 50_000)
    with pytest.raises(UnreadableError, match="needs more than 2,000,000 steps"):
        UbjsonReader(member).skip()


def test_numbers_of_known_size_are_passed_at_once() -> None:
    count = 64 * MIB
    content = itertools.chain([b"[$D#L" + struct.pack(">q", count // 8)], [bytes(MIB)] * 64, [b"T"])
    reader = UbjsonReader(MemberBytes("m", content))
    reader.skip()
    assert reader.scalar() is True
    reader = reader_of(b"[$Z#L\x7f" + b"\xff" * 7 + b"T")
    reader.skip()
    assert reader.scalar() is True


def test_a_string_of_a_mebibyte_is_refused_and_passed() -> None:
    content = b"Sl" + struct.pack(">i", MIB + 1) + bytes(MIB + 1)
    with pytest.raises(UnreadableError, match="holds a name of more than 1,048,576 bytes"):
        reader_of(content).scalar()
    reader_of(content).skip()
