"""Triton's `config.pbtxt` → fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mims.fields import Field
from mims.inputs import triton
from mims.inputs.member import Told, UnreadableError

from tests.unit.inputs.readings import (
    MIB,
    outcome,
    peak_of,
    read,
)

PATH = "churn/config.pbtxt"
INPUT = 'input { name: "a" data_type: TYPE_INT64 dims: [3, 2] }'


@pytest.mark.parametrize(
    ("batching", "shape"),
    [("", (2,)), ("max_batch_size: 0", (2,)), ("max_batch_size: -1", (2,)),
     ("max_batch_size: 1", (3, 2)), ("max_batch_size:0x8", (3, 2))],
)  # fmt: skip
def test_the_batch_dimension(batching: str, shape: Any) -> None:
    wanted = Told("triton", (Field("a", "integer", shape, "INT64"),))
    assert read(triton, f"{batching}\n{INPUT}") == wanted
    assert read(triton, f"{INPUT} {batching}") == wanted


def test_a_configuration_without_inputs_names_none() -> None:
    for text in ('backend: "python"', "input []", "output { name: 'y' }"):
        assert read(triton, text) == Told("triton", why="names no input")


@pytest.mark.parametrize("text", ["", "# nothing", "model { faster_rcnn { num_classes: 90 } }"])
def test_another_file_of_that_name_is_not_tritons(text: str) -> None:
    assert read(triton, text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("\\", "text format"),
        ("backend: 'x\n'", "text format"),
        ("input: 7", "text format"),
        ("input { ] }", "text format"),
        ("output { > }", "text format"),
        ("input { name: a }", "text format"),
        ("input { name: 'a", "text format"),
        ("input { name: '\\q' }", "text format"),
        ("input { name: '\\ud800' }", "text format"),
        ("input { name: '\\xff' }", "UTF-8"),
        ("input { name: ", "cut short"),
        ("input [ ", "cut short"),
        ("input { name: 'a'", "cut short"),
        ("input { dims: [1, ", "cut short"),
        ("input { dims: [1.5] }", "whole number"),
        ("input { dims: 99999999999999999999999 }", "whole number"),
        ("input { dims: [" + "1," * 101 + "] }", "dimensions"),
        ("input { name: 'a' }", "data_type"),
        ("input { data_type: TYPE_BOOL }", "data_type"),
        ("input { name: 'a' data_type: TYPE_INVALID }", "data_type"),
        ("a " + "{" * 200, "nested too deep"),
        ("name: " + "[a " * 3, "cut short"),
    ],
)
def test_an_unreadable_file_is_an_error_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        read(triton, text)


@pytest.mark.parametrize("path", ["config.pbtxt.txt", "a_config.pbtxt", "Config.pbtxt"])
def test_other_names_are_not_wanted(path: str) -> None:
    assert not triton.wants(path, b"")


@pytest.mark.parametrize("unit", [b"\0", b" ", b"#\n", b"a:1 ", b"input{", b"a{", b"'\\'", b"a:'"])
def test_a_gigabyte_of_anything_is_bounded(unit: bytes) -> None:
    chunk = unit * (65_536 // len(unit))
    assert peak_of(triton, (chunk for _ in range(16_384)))[1] < 32 * MIB


@pytest.mark.parametrize("unit", ["'", "\\'", "input{name:'%d'data_type:1}", "a{}", "#", "dims:1 "])
def test_much_of_anything_is_bounded(unit: str) -> None:
    many = "".join(unit.replace("%d", str(index)) for index in range(MIB // 32 // len(unit)))
    for before in ("input {", "input { name: '", ""):
        assert peak_of(triton, [(before + many).encode()])[1] < 8 * MIB


@given(st.binary(max_size=100) | st.text("inputdmsae {}<>[]:;,'\"\\#\n-10\ud800", max_size=100))
def test_any_bytes_give_an_answer_or_the_error(content: Any) -> None:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    for before in (b"", b"input { ", b"input { name: "):
        assert outcome(triton, before + raw) == outcome(triton, before + raw, 1, path=PATH)
