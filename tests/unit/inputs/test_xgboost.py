"""XGBoost's models: the names, else the number of features, in all of its formats."""

from __future__ import annotations

import itertools
import json
import struct
from typing import Any, Dict, Iterator, List

import pytest
from mims.inputs import member, xgboost
from mims.inputs.member import HEAD, Told

from tests.archives import chunked
from tests.unit.inputs.readings import (
    MIB,
    folders,
    is_wanted,
    model,
    outcome,
    peak_of,
    read,
)

FOLDERS = folders("xgboost")
JSON_MODEL = "2.1.4-json-types"
UBJSON_MODEL = "3.2.0-ubj-categories"
UNNAMED_UBJSON_MODEL = "3.2.0-ubj-no-names"


def parsed(folder: str) -> Dict[str, Any]:
    document = json.loads(model("xgboost", folder).content)
    assert isinstance(document, dict)
    return document


def names_of(told: Any) -> Any:
    return [field.name for field in told.fields] if isinstance(told, Told) else told


@pytest.mark.parametrize("folder", [JSON_MODEL, "1.5.2-json-odd-names"])
@pytest.mark.parametrize(
    "layout", [{"indent": 2}, {"ensure_ascii": False}, {"separators": (",", ":")}]
)
def test_the_members_of_json_come_in_any_order_and_layout(
    folder: str, layout: Dict[str, Any]
) -> None:
    learner = parsed(folder)["learner"]
    for order in list(itertools.permutations(learner))[::7]:
        document = {"version": [2, 1, 4], "learner": {key: learner[key] for key in order}}
        content = json.dumps(document, **layout).encode()
        assert xgboost.wants("model.json", content[:HEAD])
        told = read(xgboost, chunked(content, 100))
        assert told is not None
        assert told.fields == model("xgboost", folder).fields


def test_without_names_the_number_is_the_learners_and_not_a_trees() -> None:
    document = parsed("1.5.2-json-no-names")
    document["learner"]["learner_model_param"]["num_feature"] = "9"
    told = read(xgboost, [json.dumps(document).encode()])
    assert names_of(told) == [f"f{index}" for index in range(9)]
    content = model("xgboost", UNNAMED_UBJSON_MODEL).content
    place = content.rindex(b"num_feature")
    changed = content[:place] + content[place:].replace(b"\x017", b"\x019", 1)
    assert names_of(read(xgboost, [changed])) == [f"f{index}" for index in range(9)]


def test_the_number_is_found_after_texts_that_look_like_its_key() -> None:
    document = parsed("1.5.2-json-no-names")
    trees = {"a": "learner_model_param", "b": ['"learner_model_param":{"num_feature":"3"}']}
    document["learner"]["gradient_booster"] = trees
    told = read(xgboost, chunked(json.dumps(document).encode(), 11))
    assert names_of(told) == [f"f{index}" for index in range(7)]


def test_nothing_after_the_names_is_read() -> None:
    def chunks(content: bytes) -> Iterator[bytes]:
        yield content[: max(HEAD, content.index(b"gradient_booster"))]
        raise AssertionError("more was asked for")

    for folder in (JSON_MODEL, UBJSON_MODEL):
        expected = model("xgboost", folder)
        told = read(xgboost, chunks(expected.content))
        assert told is not None
        assert told.fields == expected.fields


@pytest.mark.parametrize("folder", ["3.2.0-json-no-names", UNNAMED_UBJSON_MODEL])
def test_trees_without_end_are_passed_in_little_memory(folder: str) -> None:
    content = model("xgboost", folder).content
    place = content.index(b"base_weights")
    trees = content[place : content.index(b"learner_model_param") - 20] * 100

    def chunks() -> Iterator[bytes]:
        yield content[:place]
        for _ in range(64 * MIB // len(trees)):
            yield trees
        yield content[place:]

    told, peak = peak_of(xgboost, chunks())
    assert names_of(told) == [f"f{index}" for index in range(7)]
    assert peak < 4 * MIB


JSON_BEGINNINGS = [
    b'{"learner":{"feature_names":[',
    b'{"learner":{"feature_names":["',
    b'{"learner":{"attributes":',
    b'{"learner":{"attributes":{"',
    b'{"learner":{"gradient_booster":',
    b'{"learner":{"learner_model_param":{"num_feature":"',
]
UBJSON_BEGINNINGS = [
    b"{L\0\0\0\0\0\0\0\x07learner{L\0\0\0\0\0\0\0\x0dfeature_names[",
    b"{L\0\0\0\0\0\0\0\x07learner{L\0\0\0\0\0\0\0\x0dfeature_names[$S#L\0\0\0\0\0\1\0\0",
    b"{L\0\0\0\0\0\0\0\x07learner{L\0\0\0\0\0\0\0\x0aattributes[$[#L\0\0\0\0\xff\0\0\0",
    b"{L\0\0\0\0\0\0\0\x07learner{L\0\0\0\0\0\0\0\x10gradient_booster{",
]


JSON_FILLINGS = [b"\0", b"[", b"{", b'"', b'\\"', b'"a",', b" "]
UBJSON_FILLINGS = [b"\0", b"[", b"{", b"N", b"i\0", b"SU\0", b"[[$Z#"]


@pytest.mark.parametrize(
    ("beginning", "fillings"),
    [
        *[(beginning, JSON_FILLINGS) for beginning in JSON_BEGINNINGS],
        *[(beginning, UBJSON_FILLINGS) for beginning in UBJSON_BEGINNINGS],
    ],
)
def test_much_of_anything_is_passed_or_refused_in_little_memory(
    beginning: bytes, fillings: List[bytes]
) -> None:
    for filling in fillings:
        piece = filling * (16_384 // len(filling))
        told, peak = peak_of(xgboost, itertools.chain([beginning], [piece] * 4))
        assert told is None or isinstance(told, str)
        assert peak < MIB, filling


@pytest.mark.parametrize("beginning", [JSON_BEGINNINGS[2], JSON_BEGINNINGS[0]])
def test_the_number_of_steps_is_limited(beginning: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "READER_STEPS", 50_000)
    told = outcome(xgboost, itertools.chain([beginning, b"["], itertools.repeat(b"[]," * 20_000)))
    assert told in ("needs more than 50,000 steps to be read", "is damaged: its JSON is invalid")


def test_a_name_that_is_empty_or_invalid_is_damage() -> None:
    document = parsed(JSON_MODEL)
    for name in ("", "\ud800"):
        document["learner"]["feature_names"][2] = name
        told = outcome(xgboost, [json.dumps(document).encode()])
        assert told == "is damaged: a feature name in it is empty or invalid Unicode"


def test_a_name_given_twice_counts_once() -> None:
    document = parsed(JSON_MODEL)
    document["learner"]["feature_names"][2] = "tenure"
    told = read(xgboost, [json.dumps(document).encode()])
    assert told is not None
    assert [field.name for field in told.fields].count("tenure") == 1
    assert told.fields[0].type == "integer"


@pytest.mark.parametrize("count", ["250001", "99999999999999999", "9" * 30, "-1", "x", ""])
def test_an_impossible_number_is_refused(count: str) -> None:
    document = parsed("1.5.2-json-no-names")
    document["learner"]["learner_model_param"]["num_feature"] = count
    assert isinstance(outcome(xgboost, [json.dumps(document).encode()]), str)


def test_a_model_without_a_number_says_so() -> None:
    document = parsed("1.5.2-json-no-names")
    document["learner"]["learner_model_param"]["num_feature"] = "0"
    told = read(xgboost, [json.dumps(document).encode()])
    assert told == Told("xgboost", why="does not give its number of features")


@pytest.mark.parametrize(
    ("path", "head"),
    [
        ("xgboost-model", b"\x80\x04\x95"),
        ("config.json", b'{"architectures": ["BertModel"]}'),
        ("tokenizer.json", b'{"version": "1.0", "truncation": null}'),
        ("model.json", b'{"class_name": "Sequential"}'),
        ("model.ubj", b"{L\0\0\0\0\0\0\0\5other{"),
        ("model.bin", b"\0" * HEAD),
        ("model.bin", b""),
        ("pytorch_model.bin", b"PK\3\4" + b"\0" * 300),
        ("weights.h5", b"\0\0\0\x80" + struct.pack("<I", 7)),
    ],
)
def test_other_files_are_not_wanted(path: str, head: bytes) -> None:
    assert not xgboost.wants(path, head)


def test_the_first_binary_format_is_wanted_under_names_that_people_give_it() -> None:
    head = model("xgboost", "0.90-binary").content[:HEAD]
    for path in ("xgboost-model", "models/0042.model", "XGB.BIN"):
        assert is_wanted(xgboost, path, head)
    assert not xgboost.wants("weights.dat", head)


@pytest.mark.parametrize(
    "content",
    [b"{}", b'{"learner": 7}', b'{"learner": {"rate": 0.1}}', b'{"Model": []}', b"[1]", b""],
)
def test_a_document_of_another_kind_is_not_a_model(content: bytes) -> None:
    assert read(xgboost, [content]) is None
