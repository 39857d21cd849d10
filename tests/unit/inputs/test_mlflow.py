"""MLflow's `MLmodel` and input examples → fields."""

from __future__ import annotations

import json
from typing import Any, Dict, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mims import find_inputs
from mims.fields import Field
from mims.inputs import mlflow
from mims.inputs.member import MemberBytes, Told, UnreadableError
from mims.settings import read_settings

from tests.archives import packed
from tests.unit.inputs.readings import (
    CHUNK_SIZES,
    MIB,
    MODELS,
    damaged,
    expectation,
    fields_of,
    folders,
    is_wanted,
    outcome,
    peak_of,
    read,
)

NO_SIGNATURE = Told("mlflow", why="has no signature")
EXAMPLES = ("serving_input_example.json", "input_example.json")


def files(folder: str) -> Dict[str, bytes]:
    """Return the files of a model, without what is expected of it."""
    paths = (MODELS / "mlflow" / folder).iterdir()
    return {path.name: path.read_bytes() for path in paths if path.name != "expect.json"}


@pytest.mark.parametrize("folder", folders("mlflow"))
def test_files_of_mlflow_are_read_as_mlflow_reads_them(folder: str) -> None:
    expected = expectation("mlflow", folder)
    for name, content in files(folder).items():
        path = f"model/{name}"
        assert is_wanted(mlflow, path, content)
        told, *others = [read(mlflow, content, size, path=path) for size in CHUNK_SIZES]
        assert others == [told, told]
        if name != "MLmodel":
            assert name in EXAMPLES
            assert told is not None
            assert (told.source, told.form) == ("mlflow", "example")
            if expected["form"] == "example":
                assert (told.fields, told.made_up) == (fields_of(expected), expected["made_up"])
                assert [*told.training] == [field.name for field in told.fields]
        elif expected["form"] == "example":
            assert told == NO_SIGNATURE
        else:
            made_up, form = expected["made_up"], expected["form"]
            assert told is not None
            wanted = Told("mlflow", fields_of(expected), made_up, form=form)
            assert told._replace(untyped=()) == wanted
            assert told.untyped == ("item", "basket") * folder.endswith("nested-columns")


def test_the_values_of_an_example_are_what_training_recorded() -> None:
    content = (MODELS / "mlflow" / "3.1-table" / EXAMPLES[0]).read_bytes()
    told = read(mlflow, content, path=EXAMPLES[0])
    assert told is not None
    assert told.training == {
        "Fare paid": (7.25, 71.5),
        "siblings": (1, 0),
        "alone": (False, True),
        "deck": ("F", "C"),
    }


SIGNED_TENSOR = (
    'signature:\n  inputs: \'[{"type": "tensor", "tensor-spec": '
    '{"dtype": "float64", "shape": [-1, 2]}}]\'\n'
)


@pytest.mark.parametrize("example", [[[1, 2.5], [3, 4]], {"inputs": [[1, 2.5], [3, 4]]}])
def test_the_rows_of_an_example_are_the_values_of_a_tensor_without_a_name(example: Any) -> None:
    members = [
        ("MLmodel", SIGNED_TENSOR.encode()),
        ("input_example.json", json.dumps(example).encode()),
    ]
    for order in (members, members[::-1]):
        inputs = find_inputs([packed(*order)], read_settings({}))
        assert inputs.training == {"input": ([1, 2.5], [3, 4])}
    ragged = [members[0], ("input_example.json", b"[[1, 2], [3, null]]")]
    assert find_inputs([packed(*ragged)], read_settings({})).training == {}


@pytest.mark.parametrize(
    ("inputs", "untyped"),
    [
        ('[{"type": "long", "name": "a"}, {"type": "uuid", "name": "b"}]', ("b",)),
        ('[{"type": "map", "values": {"type": "string"}, "name": "a"}]', ("a",)),
        ('[{"type": "array", "items": {"type": "object", "properties": {}}, "name": "a"}]', ("a",)),
        ('[{"type": "string"}, {"name": null}]', ("f1",)),
        ('[{"tensor-spec": {"dtype": "complex64", "shape": [-1]}}]', ("input",)),
        ('[{"name": "a", "tensor-spec": {"dtype": "complex64", "shape": [-1]}}]', ("a",)),
    ],
)
def test_inputs_of_unknown_types_are_listed(inputs: str, untyped: Tuple[str, ...]) -> None:
    told = read(mlflow, f"signature:\n  inputs: '{inputs}'\n", path="MLmodel")
    assert told is not None
    assert told.untyped == untyped
    assert {field.type for field in told.fields if field.name in untyped} == {"text"}


@pytest.mark.parametrize(("first", "untyped"), [("long", ()), ("uuid", ("a",))])
def test_the_first_of_several_columns_of_one_name_counts(
    first: str, untyped: Tuple[str, ...]
) -> None:
    inputs = json.dumps([{"type": written, "name": "a"} for written in (first, "uuid")])
    told = read(mlflow, f"signature:\n  inputs: '{inputs}'\n", path="MLmodel")
    assert told is not None
    assert (len(told.fields), told.untyped) == (1, untyped)


@pytest.mark.parametrize("folder", folders("mlflow"))
def test_a_signature_that_is_cut_short_is_not_used(folder: str) -> None:
    for name, content in files(folder).items():
        whole = read(mlflow, content, path=name)
        for end in {*range(0, len(content), 1 + len(content) // 60), len(content) - 1}:
            told = outcome(mlflow, content[:end], path=name)
            if isinstance(told, Told) and told.fields:
                assert told == whole
                assert name == "MLmodel"


def yaml(inputs: str, before: str = "", after: str = "") -> str:
    return f"flavors:\n  python_function: {{}}\n{before}signature:\n{inputs}{after}"


COLUMN = '[{"type": "long", "name": "it\'s a: name"}]'


@pytest.mark.parametrize(
    "text",
    [
        yaml("  inputs: '" + COLUMN.replace("'", "''") + "'\n"),
        yaml("  inputs: '" + COLUMN.replace("'", "''").replace(" a:", "\n\n    a:") + "'\n")
        .replace("\n\n    a:", "\n    a:"),
        yaml("  inputs: " + json.dumps(COLUMN) + "\n"),
        yaml("  inputs: " + json.dumps(COLUMN).replace("s a:", "s\\\n    \\ a:") + "\n"),
        yaml("  inputs: |-\n    " + COLUMN + "\n"),
        yaml("  inputs: >\n    " + COLUMN.replace(", ", ",\n    ") + "\n\n"),
        yaml("  inputs: |2\n    " + COLUMN + "\n"),
        yaml("  inputs:\n    '" + COLUMN.replace("'", "''") + "' # a comment\n"),
        yaml("  'inputs': '" + COLUMN.replace("'", "''") + "'\n"),
        yaml("  outputs: 'a\n    inputs: b''\n\n    c'\n  inputs: |\n   " + COLUMN + "\n"),
        yaml("  params: null\n  inputs: |\n   " + COLUMN + "\n  outputs: null\n"),
        yaml("    # a comment\n\n    inputs: |\n      " + COLUMN, after="\nutc: 'x'\n"),
        yaml("  inputs: |\n   " + COLUMN, "metadata:\n  note: 'x\n\n    signature: y'\n"),
        yaml("  inputs: |\n   " + COLUMN, "notes: |\n  signature:\n    inputs: '[]'\n"),
        yaml("  inputs: |\n   " + COLUMN, "tags:\n- signature: 'a\n  b'\n- b\n"),
        yaml("  inputs: |\n   " + COLUMN, 'quote: "a\\"b\n  signature: c"\n'),
        "--- \n# MLflow\n" + yaml("  inputs: |\n   " + COLUMN),
        "\ufeff" + yaml("  inputs: |\n   " + COLUMN),
        yaml("  inputs: |\n   " + COLUMN + "\n").replace("\n", "\r\n"),
    ],
)  # fmt: skip
def test_yaml_as_people_and_libraries_write_it(text: str) -> None:
    fields = (Field("it's a: name", "integer"),)
    assert read(mlflow, text, path="MLmodel") == Told("mlflow", fields, form="columns")


@pytest.mark.parametrize(
    "text",
    [
        "flavors: {}\n",
        "flavors: {}\nsignature: null\n",
        "flavors: {}\nsignature:\nutc: x\n",
        "flavors: {}\nsignature: ~ # none\n",
        yaml("  outputs: '[]'\n  params: null\n"),
        yaml("  inputs: null\n  outputs: '[]'\n"),
        yaml("  inputs:\n  outputs: '[]'\n"),
        "mlflow_version: 2.9.2\n",
    ],
)
def test_without_a_signature(text: str) -> None:
    assert read(mlflow, text, path="MLmodel") == NO_SIGNATURE


def test_a_signature_without_inputs_names_none() -> None:
    told = read(mlflow, yaml("  inputs: '[]'\n"), path="MLmodel")
    assert told == Told("mlflow", why="has a signature without inputs")


@pytest.mark.parametrize("content", [b"", b"\n# nothing\n", b"name: a model\n"])
def test_another_file_of_that_name_is_not_mlflows(content: bytes) -> None:
    assert read(mlflow, content, path="MLmodel") is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfe", "is not UTF-8"),
        (b"a model\n", "is not YAML"),
        (yaml("  inputs: 'open\n").encode(), "is cut short"),
        (yaml('  inputs: "open\\"\n').encode(), "is cut short"),
        (yaml('  inputs: "\\q"\n').encode(), "an escape that YAML does not know"),
        (yaml('  inputs: "\\U99999999"\n').encode(), "an escape that YAML does not know"),
        (yaml("  inputs: '[]' more\n").encode(), "is not YAML"),
        (b"signature: {inputs: '[]'}\n", "something other than keys and values under 'signature'"),
        (yaml("  inputs: '{}'\n").encode(), "not a list"),
        (yaml("  inputs: '[1]'\n").encode(), "not objects"),
        (yaml('  inputs: \'[{}, {"name": "a"}]\'\n').encode(), "names only some"),
        (yaml("  inputs: '[{\"name\": 1.5}]'\n").encode(), "not a string"),
        (yaml('  inputs: \'[{"name": "\\ud800"}]\'\n').encode(), "not valid Unicode"),
        (yaml('  inputs: \'[{"name": "a"},]\'\n').encode(), "not valid JSON"),
        (yaml('  inputs: \'[{"name": "a"}\'\n').encode(), "is cut short"),
        (yaml("  inputs: '[{\"tensor-spec\": {}}]'\n").encode(), "without type and shape"),
        (
            yaml("  inputs: '[" + "[" * 200 + "]" * 200 + "]'\n").encode(),
            "is nested too deep",
        ),
        (
            yaml('  inputs: \'[{"tensor-spec": {"dtype": "int8", "shape": [true]}}]\'\n').encode(),
            "whole numbers",
        ),
        (
            yaml(
                '  inputs: \'[{"name": "a", "type": "long"}, {"name": "b", "tensor-spec": '
                '{"dtype": "int8", "shape": [1]}}]\'\n'
            ).encode(),
            "columns and tensors",
        ),
    ],
)
def test_an_unreadable_file_is_an_error_with_the_reason(content: bytes, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        read(mlflow, content, path="MLmodel")


N, W, B, T = "numeric", "integer", "boolean", "text"


@pytest.mark.parametrize(
    ("example", "fields", "made_up"),
    [
        ({"dataframe_split": {"columns": ["a"], "data": [[1]]}, "params": {"t": 1}}, [("a", W)], 0),
        ({"dataframe_split": {"index": [0], "columns": [0], "data": [[1.0]]}}, [("0", N)], 0),
        ({"dataframe_records": [{"a": "x"}, {"a": "y", "b": None}]}, [("a", T), ("b", N)], 0),
        ({"inputs": {"a": [[1, 2], [3, 4]], "b": [True, False]}},
         [("a", W, (2,)), ("b", B)], 0),
        ({"inputs": [[[1.5], [2]]], "params": {}}, [("input", N, (2, 1))], 0),
        ({"inputs": ["a text"]}, [("input", T)], 0),
        ({"inputs": "a text"}, [("input", T)], 0),
        ({"instances": [[1, "x"]]}, [("f0", W), ("f1", T)], 1),
        ({"columns": ["a", "b", "a"], "data": []}, [("a", N), ("b", N)], 0),
        ({"columns": ["a", "b"], "data": [[None, 2.0], ["x", 3]]}, [("a", T), ("b", N)], 0),
        ({"data": [[1], [2]]}, [("f0", W)], 1),
        ({"data": [1.0], "indices": [0], "indptr": [0, 1], "shape": [1, 2]},
         [("f0", N), ("f1", N)], 1),
        ([{"a": 1, "b": {"c": 2}}], [("a", W), ("b", T)], 0),
        ({"messages": [{"role": "user", "content": "hi"}]}, [("messages", T)], 0),
        ({"a": [1, 2], "b": "x"}, [("a", W, (2,)), ("b", T)], 0),
        ({"a": 10**400, "b": float("nan")}, [("a", W), ("b", N)], 0),
        ({"columns": ["v"], "data": [[[1, 2]], [[3]]]}, [("v", W, (1,))], 0),
    ],
)  # fmt: skip
def test_the_forms_of_an_example(example: Any, fields: Any, made_up: int) -> None:
    told = read(mlflow, json.dumps(example), path="a/input_example.json")
    assert told is not None
    assert told.fields == tuple(Field(*field) for field in fields)
    assert told.made_up == bool(made_up)


@pytest.mark.parametrize("example", [{}, [], {"inputs": []}, {"inputs": {}}, {"data": []}, [[]]])
def test_an_empty_example_names_no_inputs(example: Any) -> None:
    told = read(mlflow, json.dumps(example), path="input_example.json")
    assert told == Told("mlflow", form="example", why="shows no inputs")


def test_values_that_no_sample_may_have_are_not_taken() -> None:
    example = '{"columns": ["a", "b"], "data": [[NaN, {"c": 1}], [null, "x"], [2, [1]]]}'
    told = read(mlflow, example, path="input_example.json")
    assert told is not None
    assert told.training == {"a": (2,), "b": ("x",)}


def test_only_the_names_and_the_first_rows_of_a_large_table_are_read() -> None:
    head = b'{"columns": ["a", "b"], "data": ['
    rows = [b"[1, 2.5],"] * 100_000
    told = mlflow.read(MemberBytes("input_example.json", iter([head, *rows * 60])))
    assert told is not None
    assert told.fields == (Field("a", "integer"), Field("b", "numeric"))


@pytest.mark.parametrize(
    "path", ["mlmodel", "MLmodel.txt", "notes_input_example.json", "x/MLMODEL"]
)
def test_other_names_are_not_wanted(path: str) -> None:
    assert not mlflow.wants(path, b"")


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("MLmodel", b"\n"),
        ("MLmodel", b"a:\n"),
        ("MLmodel", b"\0"),
        ("MLmodel", b"signature:\n inputs: '\n\n"),
        ("MLmodel", b"signature:\n inputs: '''"),
        ("input_example.json", b"["),
        ("input_example.json", b'{"a":'),
        ("input_example.json", b'{"dataframe_split":'),
        ("input_example.json", b"\0"),
    ],
)
def test_a_gigabyte_of_anything_is_bounded(path: str, unit: bytes) -> None:
    chunk = unit * (65_536 // len(unit))
    assert peak_of(mlflow, (chunk for _ in range(16_384)), path=path)[1] < 32 * MIB


@pytest.mark.parametrize(
    "unit", ['{"name":"%d","type":"int"},', "[],", '"%d",', "{},", "1.5,", '{"a%d":[[]]},']
)
@pytest.mark.parametrize("path", ["MLmodel", "input_example.json"])
def test_much_json_takes_bounded_memory(path: str, unit: str) -> None:
    many = "".join(unit.replace("%d", str(index)) for index in range(MIB // 8 // len(unit)))
    content = f"[{many[:-1]}]"
    if path == "MLmodel":
        content = f"signature:\n  inputs: '{content}'\n"
    assert peak_of(mlflow, [content.encode()], path=path)[1] < 10 * MIB


@given(st.binary(max_size=200) | st.text("{}[]\"',:\\-|>#\n abinputs\ud800signature", max_size=200))
def test_any_bytes_give_an_answer_or_the_error(content: Any) -> None:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    for path, before in (
        ("MLmodel", b""),
        ("MLmodel", b"signature:\n inputs: "),
        (EXAMPLES[0], b""),
    ):
        whole = before + raw
        assert outcome(mlflow, whole, path=path) == outcome(mlflow, whole, 1, path=path)


def test_a_damaged_file_gives_an_answer_or_the_error() -> None:
    for folder, name in (("3.1-columns", "MLmodel"), ("3.1-table", EXAMPLES[0])):
        content = (MODELS / "mlflow" / folder / name).read_bytes()
        for copy in damaged(content, 200):
            outcome(mlflow, copy, path=name)
