"""The reader of JSON: any value, in chunks of any size, and no other error than its own."""

from __future__ import annotations

import contextlib
import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mims.inputs.json_stream import JsonReader
from mims.inputs.member import MemberBytes, UnreadableError

from tests.archives import chunked
from tests.unit.inputs.readings import MIB, whole

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda values: st.lists(values) | st.dictionaries(st.text(), values), max_leaves=30
)


def reader_of(content: bytes, size: int = 65_536) -> JsonReader:
    return JsonReader(MemberBytes("model.json", chunked(content, size)))


@settings(deadline=None)
@given(VALUES, st.sampled_from([None, 1]), st.booleans(), st.integers(1, 12))
def test_every_value_is_read_and_passed(value: Any, indent: Any, ascii: bool, size: int) -> None:
    document = {"before": value, "passed": value, "list": [value, value], "after": value}
    content = json.dumps(document, indent=indent, ensure_ascii=ascii)
    encoded = content.encode("utf-8", "surrogatepass")
    read = {}
    reader = reader_of(encoded, size)
    for key in reader.members():
        if key == "passed":
            reader.skip()
        elif key == "list":
            for index in reader.elements():
                if index:
                    reader.skip()
                else:
                    read[str(index)] = whole(reader)
        else:
            read[key] = whole(reader)
    assert read == {"before": value, "0": value, "after": value}


@settings(deadline=None)
@given(VALUES, st.integers(1, 12))
def test_a_key_is_found_after_any_value(value: Any, size: int) -> None:
    content = json.dumps({"bulk": [value, "here", {"\\": '"here": 1'}], "here": value, "b": 2})
    reader = reader_of(content.encode(), size)
    keys = reader.members()
    assert next(keys) == "bulk"
    assert reader.find_key(["there", "here"]) == "here"
    assert whole(reader) == value
    assert [(key, reader.scalar()) for key in keys] == [("b", 2)]


@settings(deadline=None)
@given(st.binary() | st.text('"\\[]{}:,1 ntu', max_size=60).map(str.encode), st.integers(1, 9))
def test_any_bytes_give_a_value_or_an_error(content: bytes, size: int) -> None:
    for attempt in (whole, JsonReader.skip, lambda reader: reader.find_key(["a"])):
        with contextlib.suppress(UnreadableError):
            attempt(reader_of(content, size))


@pytest.mark.parametrize(
    "content", [b"[1 2]", b"{1:2}", b'{"a" 1}', b'{"a":1,}', b"[,]", b"tru", b'"\\q"', b'"\xff"']
)
def test_what_is_invalid_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableError, match="its JSON is invalid"):
        whole(reader_of(content))


def test_a_number_may_end_the_text() -> None:
    assert reader_of(b"-1.5e3").scalar() == -1500.0


def test_a_string_of_a_mebibyte_is_refused_and_passed() -> None:
    content = b'"' + b"a" * MIB + b'"'
    with pytest.raises(UnreadableError, match="holds a name of more than 1,048,576 bytes"):
        reader_of(content).scalar()
    reader_of(content).skip()


def test_white_space_without_end_is_passed() -> None:
    reader = JsonReader(MemberBytes("m", itertools.chain([b" " * MIB] * 64, [b"7"])))
    assert reader.scalar() == 7
