"""The inputs of SavedModels: those of the signature that a server calls, by their keys."""

from __future__ import annotations

from typing import Callable, Iterator, List, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mims.fields import Field
from mims.inputs import member, tensorflow
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

FLOAT, STRING, INT64, RESOURCE = 1, 7, 9, 20
SERVE = field(1, field(4, "serve"))
NODES = field(2, field(1, field(1, "dense/kernel") + field(2, "VarHandleOp")) * 5)


def tensor_info(element_type: int, *lengths: int) -> bytes:
    shape = b"".join(field(2, field(1, length)) for length in lengths)
    return field(1, "name:0") + field(2, element_type) + field(3, shape)


def an_input(name: str, info: bytes) -> bytes:
    return field(1, field(1, name) + field(2, info))


def signature(name: str, *inputs: bytes) -> bytes:
    outputs = field(2, field(1, "score") + field(2, tensor_info(FLOAT, -1)))
    body = b"".join(inputs) + outputs + field(3, "tensorflow/serving/predict")
    return field(5, field(1, name) + field(2, body))


AGE = an_input("age", tensor_info(FLOAT, -1, 1))
CITY = an_input("city", tensor_info(STRING, -1))
INIT = signature("__saved_model_init_op")
OBJECTS = field(7, field(1, b"") * 10)


def model(*graphs: Sequence[bytes]) -> bytes:
    return field(1, 1) + b"".join(field(2, b"".join(graph)) for graph in graphs)


def names(content: bytes) -> List[str]:
    told = read(tensorflow, content)
    assert told is not None
    return [each.name for each in told.fields]


def why(content: bytes) -> str:
    told = read(tensorflow, content)
    assert told is not None
    assert told.source == "tensorflow"
    assert not told.fields
    return told.why


@given(st.binary(max_size=300), st.integers(1, 9))
@example(b"version https://git-lfs.github.com/spec/v1\n", 7)
def test_any_bytes_give_an_answer_or_the_error(content: bytes, size: int) -> None:
    whole = (SERVE, field(5, content))
    within = (SERVE, signature("serving_default", field(1, content)))
    for made in (content, model([content]), model(whole), model(within)):
        assert outcome(tensorflow, made, size) == outcome(tensorflow, made)


@pytest.mark.parametrize(
    "path", ["saved_model.pb", "1/saved_model.pb", "export/x/12/saved_model.pb"]
)
def test_a_saved_model_is_known_by_its_name(path: str) -> None:
    assert tensorflow.wants(path, b"\x08\x01")
    assert not tensorflow.wants(path, b"")
    assert is_wanted(tensorflow, path, b"\x08\x01")


@pytest.mark.parametrize(
    "path", ["frozen.pb", "1/keras_metadata.pb", "1/my_saved_model.pb", "saved_model.pb/x", "a.pt"]
)
def test_other_graphs_are_left(path: str) -> None:
    assert not tensorflow.wants(path, b"\x08\x01")


def test_the_default_signature_goes_before_others() -> None:
    default = signature("serving_default", AGE)
    other = signature("predict", CITY)
    for parts in ((default, other), (other, default), (INIT, other, default)):
        assert names(model([SERVE, NODES, *parts, OBJECTS])) == ["age"]
        assert names(model([*parts, OBJECTS, NODES, SERVE])) == ["age"]


def test_the_only_signature_is_taken() -> None:
    assert names(model([SERVE, INIT, signature("predict", CITY), OBJECTS])) == ["city"]
    several = [signature(name, CITY) for name in ("predict", "embed", "rank")]
    assert why(model([SERVE, INIT, *several])) == (
        "has 3 signatures, none of them 'serving_default'"
    )
    assert why(model([SERVE, INIT, OBJECTS])) == "has no signature"


def test_a_signature_without_inputs_names_none() -> None:
    assert why(model([SERVE, signature("serving_default")])) == (
        "has a signature 'serving_default' without inputs"
    )
    assert why(model([SERVE, field(5, field(1, "a\n"))])) == "has a signature 'a\\n' without inputs"


def test_the_first_graph_for_serving_is_taken() -> None:
    train = [field(1, field(4, "train")), signature("serving_default", CITY)]
    on_tpu = [field(1, field(4, "serve") + field(4, "tpu")), signature("serving_default", CITY)]
    served = [SERVE, signature("serving_default", AGE)]
    assert names(model(train, served)) == ["age"]
    assert names(model(served, on_tpu)) == ["age"]
    assert why(model(train)) == "has no graph with the tag 'serve'"
    assert why(field(1, 1)) == "has no graph with the tag 'serve'"


def test_inputs_come_in_the_order_of_their_names() -> None:
    inputs = [an_input(name, tensor_info(INT64, -1)) for name in ("b", "größe", "B", "a.b", "a")]
    content = model([SERVE, signature("serving_default", *inputs, inputs[0])])
    assert names(content) == ["B", "a", "a.b", "b", "größe"]


def test_a_key_may_follow_its_value() -> None:
    turned = field(1, field(2, tensor_info(INT64, -1, 4)) + field(1, "x"))
    content = model([SERVE, field(5, field(2, turned) + field(1, "serving_default"))])
    assert read(tensorflow, content) == Told("tensorflow", (Field("x", "integer", (4,), "INT64"),))


def test_an_unknown_rank_is_a_single_value() -> None:
    unknown = field(2, FLOAT) + field(3, field(3, 1))
    for info in (unknown, field(2, FLOAT)):
        told = read(tensorflow, model([SERVE, signature("serving_default", an_input("x", info))]))
        assert told == Told("tensorflow", (Field("x", "numeric", (), "FP32"),))


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (field(4, field(1, "values:0")) + field(2, FLOAT), "takes a sparse tensor"),
        (field(5, field(1, b"")) + field(2, FLOAT), "takes a composite tensor"),
        (tensor_info(RESOURCE), "takes values of a type that no request carries"),
        (b"", "takes values of a type that no request carries"),
    ],
)
def test_an_input_that_no_request_can_carry_is_the_reason_for_no_fields(
    info: bytes, reason: str
) -> None:
    content = model([SERVE, signature("serving_default", AGE, an_input("x", info))])
    assert why(content) == f"{reason} as its input 'x'"


@pytest.mark.parametrize("entry", [field(2, tensor_info(FLOAT)), field(1, "x"), b""])
def test_an_input_without_a_name_or_type_is_damage(entry: bytes) -> None:
    content = model([SERVE, signature("serving_default", AGE, field(1, entry))])
    assert outcome(tensorflow, content) == (
        "is damaged: an input of a signature has no name, or no type"
    )


def test_only_the_signature_is_read() -> None:
    graph = SERVE + NODES + signature("serving_default", AGE)

    def chunks() -> Iterator[bytes]:
        yield field(1, 1) + opened(2, len(graph) + 10_000) + graph
        raise AssertionError("the signature had been read")

    assert [each.name for each in tensorflow.read(MemberBytes("x", chunks())).fields] == ["age"]


def test_a_graph_of_gigabytes_is_passed_over() -> None:
    rest = signature("serving_default", AGE)

    def chunks() -> Iterator[bytes]:
        nodes = opened(2, 3 * GIB)
        yield field(1, 1) + opened(2, len(SERVE + nodes + rest) + 3 * GIB) + SERVE + nodes
        for _ in range(3 * GIB // MIB):
            yield bytes(MIB)
        yield rest

    told, peak = peak_of(tensorflow, chunks())
    assert told == Told("tensorflow", (Field("age", "numeric", (1,), "FP32"),))
    assert peak < 8 * MIB


@pytest.mark.parametrize(
    "make",
    [
        lambda at: signature(f"s{at:06}"),
        lambda at: signature("s", *[an_input(f"x{at:06}", tensor_info(FLOAT, -1, 1))] * 50),
        lambda at: signature(f"{at:0200}", an_input("x", tensor_info(FLOAT, *[2**62] * 200))),
        lambda at: field(1, field(4, f"{at:0100}")),
    ],
)
def test_what_is_kept_of_a_graph_is_bounded(
    make: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member, "HELD_BYTES", 64 * 1024)

    def chunks() -> Iterator[bytes]:
        yield field(1, 1) + opened(2, len(make(0)) * 100_000)
        for first in range(0, 100_000, 50):
            yield b"".join(make(index) for index in range(first, first + 50))

    told, peak = peak_of(tensorflow, chunks())
    assert told == "needs more than 65,536 bytes of it to be held"
    assert peak < MIB


@pytest.mark.parametrize("part", [field(3, 1), field(1, field(9, b"")), field(7, field(1, b""))])
def test_a_graph_of_too_many_fields_is_left(part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "READER_STEPS", 30_000)

    def chunks() -> Iterator[bytes]:
        yield field(1, 1) + opened(2, len(part) * 1_000_000)
        for _ in range(1000):
            yield part * 1000

    told, peak = peak_of(tensorflow, chunks())
    assert told == "needs more than 30,000 steps to be read"
    assert peak < MIB
