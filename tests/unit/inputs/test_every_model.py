"""What every reader must do with models of its library: whole, cut short or damaged."""

from __future__ import annotations

import contextlib
import random
from typing import Any, List, Set

import pytest
from mims import find_inputs
from mims.inputs import lightgbm, triton
from mims.inputs.member import MemberBytes, Told, UnreadableError
from mims.settings import read_settings

from tests.archives import END, gz, member
from tests.unit.inputs.readings import (
    CHUNK_SIZES,
    Model,
    damaged,
    folders,
    is_wanted,
    model,
    outcome,
)

FAMILIES = (
    "catboost",
    "huggingface",
    "keras",
    "lightgbm",
    "onnx",
    "tensorflow",
    "triton",
    "xgboost",
)
MODELS = [
    pytest.param(family, folder, id=f"{family} {folder}")
    for family in FAMILIES
    for folder in folders(family)
]


@pytest.fixture
def kept(family: str, folder: str) -> Model:
    return model(family, folder)


def read_as_far(kept: Model) -> int:
    """Return how many of its bytes a reader takes until it answers."""
    stream = MemberBytes(kept.path, [kept.content])
    with contextlib.suppress(UnreadableError):
        kept.source.read(stream)
    return stream.offset or len(kept.content)  # a text may be taken in one piece


def some_of(first: int, last: int, count: int, chance: random.Random) -> Set[int]:
    """Return offsets in a file: all near its ends, others anywhere."""
    ends = {*range(first, min(first + 40, last)), *range(max(first, last - 40), last)}
    return ends | {chance.randrange(first, last) for _ in range(count)}


@pytest.mark.parametrize(("family", "folder"), MODELS)
def test_a_model_gives_the_inputs_that_its_library_reports(kept: Model) -> None:
    path = "xgboost-model" if kept.path == "handle" else kept.path
    assert is_wanted(kept.source, path, kept.content)
    told, *others = [outcome(kept.source, kept.content, size, kept.path) for size in CHUNK_SIZES]
    assert others == [told, told]
    if "unreadable" in kept.expected:
        assert told == kept.expected["unreadable"]
        return
    assert told.source == kept.expected.get("source", kept.source.__name__.rpartition(".")[2])
    assert (told.fields, told.made_up) == (kept.fields, kept.expected.get("made_up", False))
    assert told.why == kept.expected["why"] if "why" in kept.expected else True
    assert bool(told.why) == (not told.fields)


def names(told: Any) -> List[str]:
    return [field.name for field in told.fields] if isinstance(told, Told) else []


@pytest.mark.parametrize(("family", "folder"), MODELS)
def test_a_model_that_is_cut_short_gives_all_inputs_or_none(kept: Model) -> None:
    whole = outcome(kept.source, kept.content, path=kept.path)
    answered = read_as_far(kept)
    for end in some_of(0, answered, 80, random.Random(7)):
        cut = outcome(kept.source, kept.content[:end], path=kept.path)
        if cut == whole or cut is None:
            continue
        if isinstance(cut, str):
            assert "cut short" in cut or kept.source is triton  # a text may be cut anywhere
        elif kept.source is triton:  # each input is complete by itself
            assert names(whole)[: len(names(cut))] == names(cut)
        elif kept.source is lightgbm:  # only the parameters, which come last, name the categories
            assert names(cut) == names(whole)
        else:
            assert not cut.fields


@pytest.mark.parametrize(("family", "folder"), MODELS)
def test_flipped_bytes_give_an_answer_or_the_one_error(kept: Model) -> None:
    chance = random.Random(7)
    for at in some_of(0, read_as_far(kept), 60, chance):
        flipped = bytearray(kept.content)
        flipped[at] ^= chance.choice([0x01, 0x80, 0xFF])
        told = outcome(kept.source, bytes(flipped), path=kept.path)
        assert all(names(told))


@pytest.mark.parametrize(("family", "folder"), MODELS)
def test_damage_gives_an_answer_or_the_one_error(kept: Model) -> None:
    for copy in damaged(kept.content[:4096], 60):
        told = outcome(kept.source, copy + kept.content[4096:], 4096, kept.path)
        assert all(names(told))


@pytest.mark.parametrize(
    ("path", "content", "family"),
    [
        ("model.keras", b"PK\3\4", "tensorflow"),
        ("model.onnx", b"\x3a", "onnx"),
        ("model.cbm", b"CBM1\xff", "catboost"),
        ("config.pbtxt", b"input {", "triton"),
    ],
)
def test_a_damaged_file_counts_as_one_of_its_source(path: str, content: bytes, family: str) -> None:
    archive = gz(member(path, content) + END)
    inputs = find_inputs([archive], read_settings({"FIELDS": "a", "RECIPE": "auto"}))
    assert inputs.shown_family == family
