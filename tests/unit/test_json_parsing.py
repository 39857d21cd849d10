"""JSON is parsed after estimating its memory, and value by value if it may be long."""

from __future__ import annotations

import gc
import json
import tracemalloc
from typing import Any, Callable, List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mims.json_parsing import JsonCursor, TooManyValuesError, most_bytes, parse_json

MIB = 1024**2
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=30,
)


def repeated(piece: str, size: int) -> str:
    return f"[{','.join([piece] * (size // (len(piece) + 1)))}]"


def distinct(piece: str, size: int, brackets: str) -> str:
    items = ",".join(piece % index for index in range(size // (len(piece) + 4)))
    return f"{brackets[0]}{items}{brackets[1]}"


SHAPES = [
    repeated(piece, 200_000)
    for piece in ("[]", "{}", "[{}]", '{"":[]}', '{"a":0}', "[[0]]", "1e1", '"ab"', "[1e1,1e1]")
] + [
    distinct('"%x"', 200_000, "[]"),
    distinct('"%x":0', 200_000, "{}"),
    distinct('"%x":"%%"', 200_000, "{}"),
    distinct('"%x":[]', 200_000, "{}"),
    distinct('{"%x":"a"}', 200_000, "[]"),
]


@pytest.mark.parametrize("text", SHAPES, ids=lambda text: text[:20])
def test_values_never_take_more_memory_than_estimated(text: str) -> None:
    tracemalloc.start()
    try:
        kept = json.loads(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept
    assert peak <= most_bytes(text) + 1.2 * len(text)


def test_values_that_take_too_much_memory_are_refused_before_they_are_built() -> None:
    with pytest.raises(TooManyValuesError, match="more values than fit into 256 MiB"):
        parse_json(repeated("[]", 12 * MIB))
    assert len(parse_json(repeated('"' + "x" * 1000 + '"', 12 * MIB))) > 10_000


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was(enabled: bool) -> None:
    was_enabled = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        parse_json("[1]")
        assert gc.isenabled() is enabled
        with pytest.raises(ValueError, match="Expecting"):
            parse_json("[1")
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


def built(cursor: JsonCursor) -> Any:
    """Build a value only by the cursor's steps."""
    if cursor.text.startswith("{", cursor.at):
        return {key: built(cursor) for key in cursor.entries()}
    if cursor.text.startswith("[", cursor.at):
        return [built(cursor) for _ in cursor.items()]
    return cursor.value()


@given(VALUES, st.sampled_from([None, 1]))
def test_a_cursor_finds_every_value(value: Any, indent: Any) -> None:
    text = f" {json.dumps(value, indent=indent)}\n"
    cursor = JsonCursor(text)
    assert built(cursor) == value
    assert cursor.is_at_end()
    assert JsonCursor(text).bounded_value() == value
    assert JsonCursor(text).value() == value


@given(st.text('[]{},:"0a ', max_size=12))
def test_a_cursor_refuses_what_is_not_json(text: str) -> None:
    assert outcome(lambda: whole(text)) == outcome(lambda: json.loads(text))


def whole(text: str) -> Any:
    cursor = JsonCursor(text)
    value = built(cursor)
    if not cursor.is_at_end():
        raise ValueError
    return value


def outcome(parse: Callable[[], Any]) -> Any:
    try:
        return parse()
    except ValueError:
        return ValueError


@pytest.mark.parametrize("value", [["a" * 5000, [1, {"b": "c" * 2000}]], {"k" * 3000: [0] * 4000}])
def test_long_values_are_built_piece_by_piece(value: Any) -> None:
    assert JsonCursor(json.dumps(value)).bounded_value() == value


def test_a_number_at_the_edge_of_a_piece_is_complete() -> None:
    for length in range(1000, 1100):
        value = ["x" * length, 123456789, True]
        assert JsonCursor(json.dumps(value)).bounded_value() == value
    text = "1" * 1500
    assert JsonCursor(text).value() == int(text)


def test_long_values_are_bounded() -> None:
    for text in (
        repeated("[]", 4 * MIB),
        distinct('"%x":0', 8 * MIB, "{}"),
        f'"{"x" * 7_000_000}"',
    ):
        with pytest.raises(TooManyValuesError):
            JsonCursor(text).bounded_value()
    assert len(JsonCursor(f'"{"x" * 6_000_000}"').bounded_value()) == 6_000_000


@pytest.mark.parametrize("nested", ["[%s]", '{"a": [%s]}', '[[[%s]], "b"]'])
def test_a_cursor_looks_at_the_deadline_as_values_go_by(nested: str) -> None:
    looks: List[int] = []
    text = nested % ", ".join(["[1, 2]"] * 10_000)
    JsonCursor(text, check=lambda: looks.append(1)).bounded_value()
    assert 9 <= len(looks) <= 30
