"""The inputs of ONNX models, as ONNX Runtime gives them, in any order of the parts."""

from __future__ import annotations

from typing import Callable, Iterator, List, Tuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mims.fields import Field
from mims.inputs import member, onnx
from mims.inputs.member import MemberBytes, Told

from tests.unit.inputs.readings import (
    GIB,
    MIB,
    is_wanted,
    outcome,
    peak_of,
    read,
)
from tests.unit.inputs.wire import field, opened

FLOAT, INT64, COMPLEX64 = 1, 7, 14


def dimension(length: object) -> bytes:
    if isinstance(length, int):
        return field(1, field(1, length))
    return field(1, field(2, str(length)) if length else b"")


def tensor_type(elements: int, *lengths: object) -> bytes:
    shape = b"".join(dimension(length) for length in lengths)
    return field(1, field(1, elements) + field(2, shape))


def value(name: str, value_type: bytes) -> bytes:
    return field(11, field(1, name) + field(2, value_type))


def model(graph: bytes, after: bytes = field(8, field(2, 15))) -> bytes:
    return field(1, 8) + field(2, "made by hand") + field(7, graph) + after


def names(content: bytes) -> List[str]:
    told = read(onnx, content)
    assert told is not None
    return [given.name for given in told.fields]


A = value("a", tensor_type(FLOAT, None, 3))
B = value("b", tensor_type(INT64, "batch"))


@given(st.binary(max_size=300), st.integers(1, 9))
@example(b"version https://git-lfs.github.com/spec/v1\n", 7)
@example(b"PK\x03\x04", 1)
def test_any_bytes_give_an_answer_or_the_error(content: bytes, size: int) -> None:
    for made in (content, model(content), model(field(11, content)), model(field(5, content))):
        assert outcome(onnx, made, size) == outcome(onnx, made)


@pytest.mark.parametrize("path", ["model.onnx", "1/model.onnx", "Credit.ONNX"])
def test_a_model_is_known_by_its_name(path: str) -> None:
    assert onnx.wants(path, b"\x08")
    assert not onnx.wants(path, b"")
    assert is_wanted(onnx, path, b"\x08")
    for other in (f"{path}.data", f"{path}_data", "model.ort", "model.pt", "onnx", "model.pth"):
        assert not onnx.wants(other, b"\x08\x08")


def test_initializers_are_left_out_in_any_position() -> None:
    weights = field(5, field(1, 3) + field(8, "w") + field(9, bytes(12)))
    raw_first = field(5, field(9, bytes(12)) + field(8, "w"))
    sparse = field(15, field(1, field(8, "w")) + field(2, field(8, "places")))
    listed = value("w", tensor_type(FLOAT, 3))
    node = field(1, field(1, "a") + field(4, "Relu"))
    for initializer in (weights, raw_first, sparse):
        for parts in (
            (initializer, listed, A, B),
            (listed, A, B, initializer),
            (A, node, listed, initializer, B, node),
        ):
            assert names(model(b"".join(parts))) == ["a", "b"]
    assert names(model(A + B + weights)) == ["a", "b"]
    assert names(model(A + B + A)) == ["a", "b"]


def test_the_graph_may_come_last_or_first() -> None:
    assert names(field(7, A) + field(1, 8)) == ["a"]
    assert names(field(8, field(2, 15)) + field(1, 8) + field(7, A)) == ["a"]


@pytest.mark.parametrize(
    ("shape", "of_a_sample"),
    [
        ((None, 3), (3,)),
        (("N", 3, "width"), (3, 1)),
        ((-1, 3, 0, -5), (3, 1, 1)),
        ((1, 3), (3,)),
        ((8, 3), (3,)),
        ((1,), ()),
        (("batch",), ()),
        ((10,), (10,)),
        ((), ()),
    ],
)
def test_the_first_dimension_is_the_batch(
    shape: Tuple[object, ...], of_a_sample: Tuple[int, ...]
) -> None:
    told = read(onnx, model(value("x", tensor_type(FLOAT, *shape))))
    assert told == Told("onnx", (Field("x", "numeric", of_a_sample, "FP32"),))


@pytest.mark.parametrize(
    ("value_type", "why"),
    [
        (field(4, field(1, tensor_type(FLOAT))), "takes a sequence"),
        (field(5, field(1, 7) + field(2, tensor_type(FLOAT))), "takes a map"),
        (field(8, field(1, FLOAT)), "takes a sparse tensor"),
        (field(7, field(1, "domain")), "takes an opaque value"),
        (field(9, field(1, field(4, field(1, tensor_type(FLOAT))))), "takes a sequence"),
        (field(9, field(1, field(9, field(1, tensor_type(FLOAT))))), "takes a value of no type"),
        (tensor_type(COMPLEX64), "takes values of a type that no request carries"),
        (tensor_type(99), "takes values of a type that no request carries"),
        (field(1, b""), "takes values of a type that no request carries"),
        (b"", "takes a value of no type"),
    ],
)
def test_an_input_that_no_request_can_carry_is_the_reason_for_no_fields(
    value_type: bytes, why: str
) -> None:
    told = read(onnx, model(A + value("y\n", value_type) + B))
    assert told == Told("onnx", why=f"{why} as its input 'y\\n'")


def test_an_input_without_a_name_is_damage() -> None:
    assert outcome(onnx, model(A + field(11, field(2, tensor_type(FLOAT))))) == (
        "is damaged: an input of its graph has no name"
    )
    assert outcome(onnx, model(A + field(11, field(1, b"\xff")))) == (
        "is damaged: a name in it is not UTF-8"
    )


def test_a_wrong_length_is_damage() -> None:
    assert outcome(onnx, model(opened(5, 2**40) + A)) == (
        "is damaged: a field in it is longer than what holds it"
    )
    assert outcome(onnx, field(1, 8) + opened(7, 2**40) + A + B) == "is cut short"
    assert outcome(onnx, field(1, 8) + opened(7, 2**40) + opened(5, 2**39) + b"a") == "is cut short"


def test_nested_types_do_not_recurse() -> None:
    nested = tensor_type(FLOAT)
    for _ in range(5_000):
        nested = field(9, field(1, nested))
    assert read(onnx, model(value("x", nested))) == Told(
        "onnx", why="takes a value of no type as its input 'x'"
    )


def around(gigabytes: int) -> Iterator[bytes]:
    """Yield a graph whose first initializer has gigabytes of raw zeros, before the inputs."""
    size = gigabytes * GIB
    tensor = field(8, "w") + opened(9, size)
    initializer = opened(5, len(tensor) + size) + tensor
    yield field(1, 8) + opened(7, len(initializer) + size + len(A)) + initializer
    for _ in range(size // MIB):
        yield bytes(MIB)
    yield A
    yield field(8, field(2, 15))


def test_an_initializer_of_gigabytes_is_passed_over() -> None:
    told, peak = peak_of(onnx, around(3))
    assert told == Told("onnx", (Field("a", "numeric", (3,), "FP32"),))
    assert peak < 8 * MIB


def repeated(graph_field: bytes, count: int) -> Iterator[bytes]:
    yield field(1, 8) + opened(7, len(graph_field) * count)
    for _ in range(count // 1000):
        yield graph_field * 1000


@pytest.mark.parametrize("graph_field", [field(1, field(4, "Relu")), field(5, field(1, 3) * 10)])
def test_a_graph_of_too_many_fields_is_left(
    graph_field: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member, "READER_STEPS", 30_000)
    told, peak = peak_of(onnx, repeated(graph_field, 1_000_000))
    assert told == "needs more than 30,000 steps to be read"
    assert peak < MIB


def numbered(count: int, make: Callable[[int], bytes]) -> Iterator[bytes]:
    yield field(1, 8) + opened(7, len(make(0)) * count)
    for first in range(0, count, 100):
        yield b"".join(make(index) for index in range(first, first + 100))


@pytest.mark.parametrize(
    "make",
    [
        lambda at: value(f"x{at:06}", tensor_type(FLOAT, 1, 3)),
        lambda at: value(f"x{at:06}", tensor_type(FLOAT, *[2**62] * 200)),
        lambda at: field(5, field(8, f"{at:0100}")),
    ],
)
def test_what_is_kept_of_a_graph_is_bounded(
    make: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member, "HELD_BYTES", 64 * 1024)
    told, peak = peak_of(onnx, numbered(100_000, make))
    assert told == "needs more than 65,536 bytes of it to be held"
    assert peak < MIB


def test_names_of_initializers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "_MOST_INITIALIZERS", 5_000)
    told, peak = peak_of(onnx, numbered(100_000, lambda at: field(5, field(8, f"w{at:06}"))))
    assert told == "has more than 5,000 initializers"
    assert peak < 2 * MIB


def test_only_the_graph_is_read() -> None:
    def chunks() -> Iterator[bytes]:
        yield field(1, 8) + field(7, A)
        raise AssertionError("the graph had ended")

    told = onnx.read(MemberBytes("model.onnx", chunks()))
    assert [given.name for given in told.fields] == ["a"]
