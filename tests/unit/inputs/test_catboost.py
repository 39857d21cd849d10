"""CatBoost's models: features in the order of the input, in both of its formats."""

from __future__ import annotations

import itertools
import json
import struct
from typing import Any, Dict, Iterator, List

import pytest
from mims.inputs import catboost
from mims.inputs.member import HEAD, Told

from tests.archives import chunked
from tests.unit.inputs.readings import (
    MIB,
    damaged,
    folders,
    model,
    outcome,
    peak_of,
    read,
)

FOLDERS = folders("catboost")
CBM = "1.2.10-cbm-texts"
JSON_MODEL = "1.2.10-json-categories"


def core_of(folder: str) -> bytes:
    content = model("catboost", folder).content
    return content[8 : 8 + struct.unpack_from("<I", content, 4)[0]]


def cbm(core: bytes, behind: bytes = b"") -> bytes:
    return b"CBM1" + struct.pack("<I", len(core)) + core + behind


def in_json(**features: List[Dict[str, Any]]) -> bytes:
    return json.dumps({"features_info": features, "model_info": {}}).encode()


@pytest.mark.parametrize(
    "head", [b"CBM", b"{}", b'{"learner":{}}', b'{"tree_info":[]}', b"[]", b""]
)
def test_other_files_are_not_wanted(head: bytes) -> None:
    assert not catboost.wants("model.cbm", head)
    assert read(catboost, [head]) is None


def test_damage_in_the_features_raises_no_other_error() -> None:
    core = core_of(CBM)
    for copy in damaged(core[-1200:], 1000):
        outcome(catboost, [cbm(core[:-1200] + copy)])
    for copy in damaged(core[:128], 300):
        outcome(catboost, [cbm(copy + core[128:])])


def test_parts_after_the_core_are_not_read() -> None:
    core = core_of(CBM)

    def chunks() -> Iterator[bytes]:
        yield cbm(core)
        raise AssertionError("more was asked for")

    told = read(catboost, chunks())
    assert told is not None
    assert told.fields == model("catboost", CBM).fields


def test_trees_of_any_size_are_passed_in_little_memory() -> None:
    """Insert zeros between the trees' table and the features, which its references must skip."""
    core = core_of(CBM)
    root = struct.unpack_from("<I", core)[0]
    (to_trees,) = struct.unpack_from("<I", core, root + 8)
    trees = root + 8 + to_trees
    vtable = trees - struct.unpack_from("<i", core, trees)[0]
    gap = 1024 * MIB
    start = bytearray(core[: trees + 100])
    for slot in (4, 5, 12, 18):
        place = trees + struct.unpack_from("<H", core, vtable + 4 + 2 * slot)[0]
        struct.pack_into("<I", start, place, struct.unpack_from("<I", core, place)[0] + gap)

    def chunks() -> Iterator[bytes]:
        yield b"CBM1" + struct.pack("<I", len(core) + gap) + start
        yield from itertools.repeat(bytes(4 * MIB), gap // (4 * MIB))
        yield core[trees + 100 :]

    told, peak = peak_of(catboost, chunks())
    assert told.fields == model("catboost", CBM).fields
    assert peak < 16 * MIB


def test_a_root_that_shares_its_vtable_is_read() -> None:
    core = bytearray(core_of(CBM))
    root = struct.unpack_from("<I", core)[0]
    struct.pack_into("<i", core, root, root - len(core) + 12)
    told = read(catboost, [cbm(bytes(core))])
    assert told is not None
    assert told.fields == model("catboost", CBM).fields


@pytest.mark.parametrize("filling", [b"\0", b"\xff", b"\1\0\0\0", b"[", b'{"', b'"a",', b"{}"])
@pytest.mark.parametrize(
    "beginning",
    [
        b"CBM1\xff\xff\xff\xff",
        b"CBM1\xff\xff\xff\xff\x04",
        b'{"ctr_data":',
        b'{"model_info":{',
        b'{"features_info":{"float_features":[',
        b'{"features_info":{"float_features":[{"feature_id":"',
    ],
)
def test_much_of_anything_is_passed_or_refused_in_little_memory(
    beginning: bytes, filling: bytes
) -> None:
    piece = filling * (16_384 // len(filling))
    told, peak = peak_of(catboost, itertools.chain([beginning], [piece] * 4))
    assert told is None or isinstance(told, str) or not told.fields
    assert peak < MIB


@pytest.mark.parametrize("layout", [{"indent": 1}, {"sort_keys": True}, {"separators": (",", ":")}])
def test_the_members_of_json_come_in_any_order(layout: Dict[str, Any]) -> None:
    expected = model("catboost", JSON_MODEL)
    document = json.loads(expected.content)
    for order in itertools.permutations(document):
        content = json.dumps({key: document[key] for key in order}, **layout).encode()
        assert catboost.wants("model.json", content[:HEAD])
        told = read(catboost, chunked(content, 4096))
        assert told is not None
        assert told.fields == expected.fields


def test_names_that_are_indices_are_made_up() -> None:
    features = [{"flat_feature_index": index, "feature_id": str(index)} for index in (2, 0)]
    categorical = [{"flat_feature_index": 1, "feature_id": ""}]
    told = read(catboost, [in_json(float_features=features, categorical_features=categorical)])
    assert told is not None
    assert told.made_up
    assert [(field.name, field.type) for field in told.fields] == [
        ("f0", "numeric"),
        ("f1", "categorical"),
        ("f2", "numeric"),
    ]


def test_an_input_that_the_model_leaves_out_keeps_its_position_without_names() -> None:
    features = [{"flat_feature_index": 2}]
    categorical = [{"flat_feature_index": 0}]
    told = read(catboost, [in_json(float_features=features, categorical_features=categorical)])
    assert told is not None
    assert [field.type for field in told.fields] == ["categorical", "numeric", "numeric"]


def test_an_input_without_a_name_is_named_by_its_index() -> None:
    named = {"flat_feature_index": 3, "feature_name": "age"}
    told = read(catboost, [in_json(float_features=[{"flat_feature_index": 0}, named])])
    assert told is not None
    assert not told.made_up
    assert [field.name for field in told.fields] == ["0", "age"]


@pytest.mark.parametrize(
    ("features", "why"),
    [
        ([{"feature_id": "a"}], "indices are invalid"),
        ([{"flat_feature_index": "0"}], "indices are invalid"),
        ([{"flat_feature_index": 0}, {"flat_feature_index": 0}], "indices are invalid"),
        ([{"flat_feature_index": 10**9}], "has 1,000,000,001 inputs"),
        ([{"flat_feature_index": 0, "feature_id": "\ud800"}], "invalid Unicode"),
    ],
)
def test_impossible_values_are_refused(features: List[Dict[str, Any]], why: str) -> None:
    assert why in outcome(catboost, [in_json(float_features=features)])


def test_a_model_without_features_says_so() -> None:
    told = read(catboost, [in_json()])
    assert told == Told("catboost", why="has no features")


def test_a_document_of_another_kind_is_not_a_model() -> None:
    assert read(catboost, [b'{"model_info": {}, "scale_and_bias": [1]}']) is None
