"""LightGBM's model text: names, types, and the values that training recorded."""

from __future__ import annotations

import itertools
from typing import Iterator

import pytest
from mims.inputs import lightgbm, member
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

FOLDERS = folders("lightgbm")
HEADER = b"tree\nversion=v4\nnum_class=1\nmax_feature_idx=1\n"


def told_of(text: bytes) -> Told:
    told = read(lightgbm, [text])
    assert told is not None
    return told


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_model_is_wanted(folder: str) -> None:
    head = model("lightgbm", folder).content[:HEAD]
    for content in (head, head.replace(b"\n", b"\r\n")):
        assert is_wanted(lightgbm, "model/any name", content)


@pytest.mark.parametrize("head", [b"tree", b"tree\n", b"trees\nversion=v4", b"\x80\x04tree\n", b""])
def test_other_files_are_not_wanted(head: bytes) -> None:
    assert not lightgbm.wants("model.txt", head)
    assert read(lightgbm, [head]) is None


def test_lines_may_end_in_a_carriage_return() -> None:
    expected = model("lightgbm", "4.7.0-categories")
    assert told_of(expected.content.replace(b"\n", b"\r\n")).fields == expected.fields


def test_ranges_and_codes_are_read() -> None:
    told = told_of(model("lightgbm", "4.7.0-categories").content)
    assert told.training["age"] == (18.0, 89.0)
    assert sorted(told.training["city"]) == [0, 1, 2]
    assert "country" not in told.training


def test_infinite_and_invalid_numbers_are_left_out() -> None:
    text = HEADER + b"feature_names=a b\nfeature_infos=[-inf:3] [nan:x]\n\n"
    assert told_of(text).training == {"a": (3.0,)}


def test_only_some_codes_of_a_feature_with_many_are_kept() -> None:
    codes = b":".join(b"%d" % code for code in range(150_000))
    told = told_of(HEADER + b"feature_names=a b\nfeature_infos=" + codes + b" [0:1]\n\n")
    assert len(told.training["a"]) == 100_000
    assert [field.type for field in told.fields] == ["categorical", "numeric"]


@pytest.mark.parametrize("written", [b"1", b"name:b"])
def test_a_constant_category_is_known_by_the_parameters(written: bytes) -> None:
    text = HEADER + b"feature_names=a b\nfeature_infos=none none\n\nTree=0\n" + b"leaf=1\n" * 5000
    text += b"\nparameters:\n[categorical_feature: " + written + b"]\n"
    for size in (1000, 1001, 1013):
        told = read(lightgbm, chunked(text, size))
        assert told is not None
        assert [field.type for field in told.fields] == ["numeric", "categorical"]
        assert told.fields[1].categories == (0,)


def test_only_the_header_is_read_if_it_is_enough() -> None:
    content = model("lightgbm", "4.7.0-no-names").content
    content = content.replace(b" none ", b" [0:1] ", 1)

    def chunks() -> Iterator[bytes]:
        yield content[:4096]
        raise AssertionError("more was asked for")

    assert content.index(b"Tree=0") < 4096
    told = read(lightgbm, itertools.islice(chunks(), 1))
    assert told is not None


def test_without_names_the_number_is_given() -> None:
    told = told_of(HEADER + b"feature_infos=[0:1] [0:1]\n\n")
    assert [field.name for field in told.fields] == ["Column_0", "Column_1"]
    assert told.made_up
    assert told_of(b"tree\nversion=v4\n\nTree=0\n").why == "does not name its features"


def test_without_descriptions_all_are_numeric() -> None:
    told = told_of(HEADER + b"feature_names=Column_0 b\n\nTree=0\n")
    assert [(field.name, field.type) for field in told.fields] == [
        ("Column_0", "numeric"),
        ("b", "numeric"),
    ]
    assert not told.made_up


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (b"feature_names=a\nfeature_infos=none\n", "it has 2 features, and names 1"),
        (b"feature_names=a b\nfeature_infos=none\n", "it names 2 features, and describes 1"),
        (b"feature_names=a \nfeature_infos=none none\n", "a feature name in it is empty"),
        (b"feature_names=a \xff\nfeature_infos=none none\n", "are not described in UTF-8"),
        (b"max_feature_idx=x\n", "its max_feature_idx is not a number"),
        (b"max_feature_idx=999999\n\n", "has 1,000,000 inputs"),
        (b"feature_names=" + b"a " * 300_000 + b"\n", "has 300,001 inputs"),
        (b"feature_names=" + b"a" * 5 * MIB + b"\n", "bytes of it to be held"),
    ],
)
def test_impossible_values_are_refused(lines: bytes, why: str) -> None:
    assert why in outcome(lightgbm, chunked(HEADER + lines, 65_536))


def test_lines_without_end_are_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "READER_STEPS", 50_000)
    told = outcome(lightgbm, itertools.chain([HEADER], itertools.repeat(b"x=1\n" * 1000)))
    assert told == "needs more than 50,000 steps to be read"


@pytest.mark.parametrize("filling", [b"\0", b"a ", b"\n", b"=", b"0:1 "])
@pytest.mark.parametrize(
    "beginning",
    [HEADER, HEADER + b"feature_names=", HEADER + b"feature_names=a b\nfeature_infos=none none\n"],
)
def test_much_of_anything_is_passed_or_refused_in_little_memory(
    beginning: bytes, filling: bytes
) -> None:
    piece = filling * (65_536 // len(filling))
    _, peak = peak_of(lightgbm, itertools.chain([beginning], [piece] * 160))
    assert peak < 24 * MIB
