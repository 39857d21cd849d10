"""The inputs of Keras models: of both generations, in zip and in HDF5, with any file name."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from typing import Any, Dict, Iterator, List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mims.fields import Field
from mims.inputs import hdf5, keras, member, zip_entries
from mims.inputs.member import MemberBytes, Told

from tests.unit.inputs.readings import (
    MIB,
    is_wanted,
    outcome,
    peak_of,
    read,
)

UNTOLD = Told("tensorflow", why="has a configuration that does not say what its inputs are")
FOREIGN = "has a configuration that is not a Keras model's"


def archive(config: Any) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr("config.json", config if isinstance(config, bytes) else json.dumps(config))
    return stream.getvalue()


def layer(name: str, shape: Any, dtype: Any = "float32", **config: Any) -> Dict[str, Any]:
    config = {"name": name, "batch_shape": shape, "dtype": dtype, **config}
    return {"class_name": "InputLayer", "name": name, "config": config}


def functional(input_layers: Any, *layers: Any) -> bytes:
    config = {"name": "m", "layers": list(layers), "input_layers": input_layers}
    return archive({"class_name": "Functional", "config": config})


def sequential(*layers: Any) -> bytes:
    return archive({"class_name": "Sequential", "config": {"name": "s", "layers": list(layers)}})


def names(content: bytes) -> List[str]:
    told = read(keras, content)
    assert told is not None
    return [each.name for each in told.fields]


@given(st.binary(max_size=300), st.integers(1, 9))
def test_any_bytes_give_an_answer_or_the_error(content: bytes, size: int) -> None:
    for made in (content, hdf5.HEAD + content, archive(content), zip_entries.HEAD + content):
        assert outcome(keras, made, size) == outcome(keras, made)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["config", "layers", "name", "batch_shape", "dtype", "input_layers", "class_name"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_any_configuration_gives_an_answer_or_the_error(config: Any, layers: Any) -> None:
    for made in (archive(config), functional(config, layers), functional([["a", 0, 0]], config)):
        told = outcome(keras, made)
        assert isinstance(told, (Told, str))
    assert isinstance(outcome(keras, sequential(config, layers)), (Told, str))


@pytest.mark.parametrize("path", ["model.keras", "1/Churn.Keras", "model.h5", "a/b.hdf5"])
def test_a_model_is_known_by_its_name_and_head(path: str) -> None:
    assert is_wanted(keras, path, hdf5.HEAD + b"\0")
    assert keras.wants(path, zip_entries.HEAD) == path.lower().endswith(".keras")
    assert not keras.wants(path, b"")
    assert not keras.wants(path, b"PK\x05\x06")


@pytest.mark.parametrize("path", ["model.pt", "model.pth", "model.zip", "model", "h5", "a.npz"])
def test_other_archives_are_left(path: str) -> None:
    assert not keras.wants(path, zip_entries.HEAD + b"\0")
    assert not keras.wants(path, hdf5.HEAD)


A, B = layer("a", [None, 1]), layer("b", [None, 2], "int64")


def as_tuple(*items: Any) -> Any:
    """Return a tuple as Keras' own encoder writes it."""
    return {"class_name": "__tuple__", "items": list(items)}


@pytest.mark.parametrize(
    ("input_layers", "expected"),
    [
        ([["a", 0, 0], ["b", 0, 0]], ["a", "b"]),
        ([["b", 0, 0], ["a", 0, 0]], ["b", "a"]),
        ([["a", 0, 0], [["b", 0, 0]]], ["a", "b"]),
        (["a", 0, 0], ["a"]),
        ([["a", 0, 0]], ["a"]),
        ({"z": ["a", 0, 0], "y": ["b", 0, 0]}, ["y", "z"]),
        ([{"z": ["a", 0, 0]}, ["b", 0, 0]], ["z", "b"]),
        ({"z": [["a", 0, 0], ["b", 0, 0]]}, ["a", "b"]),
        ({"z": {"x": ["a", 0, 0]}}, ["x"]),
        (as_tuple(["b", 0, 0], ["a", 0, 0]), ["b", "a"]),
        ([["a", 0, 0], ["a", 0, 0]], ["a"]),
        ([], []),
    ],
)
def test_input_layers_nest_as_the_inputs_did(input_layers: Any, expected: List[str]) -> None:
    assert names(functional(input_layers, B, A, {"class_name": "Dense", "name": "d"})) == expected


def test_a_dict_keeps_the_shape_and_type_of_its_layer() -> None:
    told = read(keras, functional({"rooms": ["b", 0, 0]}, A, B))
    assert told == Told("tensorflow", (Field("rooms", "integer", (2,), "INT64"),))


@pytest.mark.parametrize(
    ("shape", "of_a_sample"),
    [
        ([None, 6], (6,)),
        ([8, 6], (6,)),
        ([None], ()),
        ([10], ()),
        ([None, None, 3], (1, 3)),
        (as_tuple(None, 4), (4,)),
        ([], ()),
        (None, ()),
    ],
)
def test_the_first_dimension_is_the_batch(shape: Any, of_a_sample: Any) -> None:
    told = read(keras, functional(["x", 0, 0], layer("x", shape)))
    assert told == Told("tensorflow", (Field("x", "numeric", of_a_sample, "FP32"),))


@pytest.mark.parametrize(
    ("dtype", "field_type", "datatype"),
    [
        ("string", "text", "BYTES"),
        ("bool", "boolean", "BOOL"),
        ("uint8", "integer", "UINT8"),
        ("float16", "numeric", "FP16"),
        ("bfloat16", "numeric", ""),
        ("mixed_float16", "numeric", "FP32"),
        ({"class_name": "DTypePolicy", "config": {"name": "float64"}}, "numeric", "FP64"),
        (None, "numeric", "FP32"),
    ],
)
def test_types_are_those_of_the_input_layer(dtype: Any, field_type: str, datatype: str) -> None:
    told = read(keras, functional(["x", 0, 0], layer("x", [None], dtype)))
    assert told == Told("tensorflow", (Field("x", field_type, (), datatype),))


def test_a_sequential_model_begins_with_its_input() -> None:
    dense: Dict[str, Any] = {"class_name": "Dense", "config": {"name": "d", "dtype": "float32"}}
    told = read(keras, sequential(layer("x", [None, 3]), dense))
    assert told == Told("tensorflow", (Field("x", "numeric", (3,), "FP32"),))
    known = {"class_name": "Dense", "config": {**dense["config"], "batch_input_shape": [None, 4]}}
    expected = Told("tensorflow", (Field("d_input", "numeric", (4,), "FP32"),))
    assert read(keras, sequential(known)) == expected
    assert read(keras, archive({"class_name": "Sequential", "config": [known]})) == expected
    assert read(keras, sequential(dense)) == UNTOLD
    assert read(keras, sequential()) == UNTOLD


def test_a_sequential_model_may_begin_with_a_model() -> None:
    inner: Dict[str, Any] = {"class_name": "Functional", "config": {}}
    inner["config"] = {"name": "core", "layers": [A, B]}
    inner["config"]["input_layers"] = [["b", 0, 0]]
    told = read(keras, sequential(inner))
    assert told == Told("tensorflow", (Field("core_input", "integer", (2,), "INT64"),))
    inner["config"]["input_layers"] = [["a", 0, 0], ["b", 0, 0]]
    assert read(keras, sequential(inner)) == UNTOLD
    for _ in range(20):
        inner = {"class_name": "Sequential", "config": {"name": "s", "layers": [inner]}}
    assert read(keras, archive(inner)) == UNTOLD


def test_a_model_of_its_own_class_gives_no_inputs() -> None:
    assert read(keras, archive({"class_name": "Sub", "config": {"units": 3}})) == UNTOLD
    assert read(keras, archive({"class_name": "Sub", "config": {"layers": {}}})) == UNTOLD


@pytest.mark.parametrize("sparse", [{"sparse": True}, {"ragged": True}])
def test_an_input_that_no_request_can_carry_is_the_reason_for_no_fields(
    sparse: Dict[str, bool],
) -> None:
    told = read(keras, functional(["x", 0, 0], layer("x", [None, 3], **sparse)))
    assert told == Told("tensorflow", why="takes a sparse or ragged tensor as its input 'x'")


@pytest.mark.parametrize(
    "content",
    [
        archive([]),
        archive({"class_name": "Sequential", "config": 3}),
        functional([["missing", 0, 0]], A),
        functional("a", A),
        functional([[[0]]], A),
        functional(["", 0, 0], layer("", [None])),
        functional(["\ud800", 0, 0], layer("\ud800", [None])),
        functional(["x", 0, 0], layer("x", [None, "3"])),
        functional(["x", 0, 0], layer("x", [None, True])),
        functional(["x", 0, 0], layer("x", 3)),
        functional(["x", 0, 0], {"name": "x", "config": []}),
        sequential("layer"),
    ],
)
def test_a_configuration_of_another_form_is_damage(content: bytes) -> None:
    assert outcome(keras, content) == FOREIGN


def test_an_incomplete_model_names_no_inputs() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr("model.weights.h5", b"weights")
    why = "has no config.json: it does not hold a whole Keras model"
    assert read(keras, stream.getvalue()) == Told("tensorflow", why=why)
    assert read(keras, b"version https://git-lfs.github.com") is None


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (b"\xff", "is not UTF-8"),
        (b"{", "is cut short"),
        (b"", "is cut short"),
        (b'{"config": {"layers": [], "input_layers": {"a" []}}}', "is not valid JSON"),
        (b"[" * 100_000, "is not a Keras model's"),
        (b'{"config":' * 100_000, "is nested too deep"),
        (b'{"a":' + b"[" * 100_000, "is nested too deep"),
        (b'{"config": {"layers": [], "input_layers": ' + b"[" * 100_000, "is nested too deep"),
        (b'{"' + b"\\\\" * 100_000 + b'"', "is cut short"),
        (b"1" * 1_000_000, "is not a Keras model's"),
        (
            b'{"config": {"layers": [], "input_layers": [' + b"[]," * 200_000 + b"0]}}",
            "holds a value of more than 524,288 characters",
        ),
    ],
)
def test_a_configuration_is_bounded(config: bytes, why: str) -> None:
    assert outcome(keras, archive(config)) == f"has a configuration that {why}"


def test_a_large_network_is_read() -> None:
    inner = {"class_name": "Conv2D", "config": {f"option_{at}": {"a": [1, 2]} for at in range(30)}}
    content = functional(["x", 0, 0], layer("x", [None, 224, 224, 3]), *[inner] * 900)
    assert len(content) > 0.7 * MIB
    told, peak = peak_of(keras, iter([content]))
    assert told == Told("tensorflow", (Field("x", "numeric", (224, 224, 3), "FP32"),))
    assert peak < 32 * MIB


@pytest.mark.parametrize("tail", ["", "\U0001f600"])
def test_what_a_configuration_takes_is_bounded(tail: str) -> None:
    inputs = {f"{at:x}{tail}": ["a", 0, 0] for at in range(8_000)}
    bulk = ['a"\\' + tail] * 60_000
    config = {"bulk": bulk, "input_layers": inputs, "layers": [A]}
    content = archive(json.dumps({"config": config}, ensure_ascii=False).encode())
    told, peak = peak_of(keras, iter([content]))
    assert isinstance(told, Told)
    assert len(told.fields) == 8_000
    assert peak < 16 * MIB


def test_keys_and_layers_without_end_are_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "READER_STEPS", 10_000)
    keys = {f"{at:x}": 1 for at in range(15_000)}
    layers = {"config": {"input_layers": ["a", 0, 0], "layers": [layer("b", [None])] * 2_000}}
    for config in (keys, {"config": keys}, layers):
        told, peak = peak_of(keras, iter([archive(config)]))
        assert told == "has a configuration that needs more than 10,000 steps to be read"
        assert peak < 8 * MIB


def test_only_the_configuration_is_read() -> None:
    content = functional(["a", 0, 0], A)
    end = content.index(b"PK\x01\x02")

    def chunks() -> Iterator[bytes]:
        yield content[:end]
        raise AssertionError("the configuration had been read")

    told = keras.read(MemberBytes("model.keras", chunks()))
    assert told is not None
    assert [each.name for each in told.fields] == ["a"]


def superblock(root: int) -> bytes:
    addresses = struct.pack("<QQQQQQ", 0, 2**64 - 1, 2**40, 2**64 - 1, 0, root)
    return hdf5.HEAD + bytes([0, 0, 0, 0, 0, 8, 8, 0]) + bytes(8) + addresses + bytes(24)


def header(*messages: bytes) -> bytes:
    body = b"".join(messages)
    return struct.pack("<BxHII4x", 1, len(messages), 1, len(body)) + body


def message(kind: int, body: bytes, flags: int = 0) -> bytes:
    return struct.pack("<HHB3x", kind, len(body), flags) + body


def attribute(name: bytes, datatype: bytes, value: bytes, version: int = 1) -> bytes:
    padded = [part + bytes(-len(part) % 8) for part in (name, datatype, b"\1" + bytes(7))]
    sizes = struct.pack("<BxHHH", version, len(name), len(datatype), 8)
    return message(0x0C, sizes + b"".join(padded) + value)


VARIABLE = b"\x19\1\0\0" + bytes(12)
ROOT = len(superblock(0))
NAME = b"model_config\0"


@pytest.mark.parametrize(
    ("root", "why"),
    [
        (header(attribute(NAME, b"\x10" + bytes(7), b"")), "has a 'model_config' that is not a"),
        (
            header(attribute(NAME, VARIABLE, struct.pack("<IQI", 9, 0, 1))),
            "is damaged: a string in",
        ),
        (
            header(attribute(NAME, VARIABLE, struct.pack("<IQI", 9, 2**63, 1))),
            "needs more than 4,1",
        ),
        (header(attribute(NAME, b"\x13\0\0\0\xff\xff\xff\xff", b"")), "needs more than 4,194,304"),
        (header(attribute(NAME, b"\x13\0", b"")), "is HDF5 in a form that is not read"),
        (header(attribute(NAME, VARIABLE, b"", version=9)), "is damaged: an attribute in it"),
        (header(message(0x0C, bytes(8), flags=2)), "is HDF5 in a form that is not read"),
        (header(message(0x10, struct.pack("<QQ", ROOT + 16, 24))), "is damaged: its header has a"),
        (header(message(0x10, struct.pack("<QQ", 2**62, 24))), "needs more than 4,194,304 bytes"),
        (header()[:8] + b"\xff\xff\xff\x7f" + bytes(4), "is cut short"),
        (
            header(message(1, b"abc"))[:-3].replace(b"\3\0\0", b"\3\1\0"),
            "is damaged: a part of its",
        ),
        (b"\2" + bytes(40), "is damaged: it has no root group"),
        (b"OHDR\2\0\x08\1\2\1" + bytes(300), "is damaged: a part of its"),
        (b"OHDR\2\0\x08" + b"\x0c\4\0\0\1\0\0\0" * 2, "is cut short"),
        (b"", "is cut short"),
    ],
)
def test_damaged_hdf5_is_refused(root: bytes, why: str) -> None:
    assert str(outcome(keras, superblock(ROOT) + root)).startswith(why)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (hdf5.HEAD + b"\4" + bytes(90), "is HDF5 in a form that is not read"),
        (hdf5.HEAD + bytes(90), "is damaged: its addresses have an invalid size"),
        (superblock(2**50), "needs more than 4,194,304 bytes of it to be held"),
    ],
)
def test_a_damaged_superblock_is_refused(content: bytes, why: str) -> None:
    assert outcome(keras, content) == why


def test_a_text_far_from_the_beginning_is_not_kept() -> None:
    root = header(attribute(NAME, VARIABLE, struct.pack("<IQI", 9, 3 * MIB, 1)))

    def chunks() -> Iterator[bytes]:
        yield superblock(ROOT) + root
        for _ in range(5):
            yield bytes(MIB)

    told, peak = peak_of(keras, chunks())
    assert told == "is damaged: a string in it is not where it should be"
    assert peak < 12 * MIB


def test_messages_without_end_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "READER_STEPS", 10_000)
    root = header(*[message(0, b"")] * 20_000)
    assert outcome(keras, superblock(ROOT) + root) == "needs more than 10,000 steps to be read"
    heap = b"GCOL\1\0\0\0" + struct.pack("<Q", 2**20) + bytes(1_000_000)
    at = ROOT + len(header(attribute(NAME, VARIABLE, bytes(16))))
    root = header(attribute(NAME, VARIABLE, struct.pack("<IQI", 9, at, 7)))
    content = superblock(ROOT) + root + heap
    assert outcome(keras, content) == "needs more than 10,000 steps to be read"
