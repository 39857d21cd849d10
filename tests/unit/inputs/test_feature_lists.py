"""Lists of features next to a model → fields."""

from __future__ import annotations

import json
from typing import Any, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mims.fields import Field
from mims.inputs import feature_lists
from mims.inputs.member import Told, UnreadableError
from mims.inputs.sources import DESCRIPTION_NAMES, FEATURE_LIST_NAMES

from tests.unit.inputs.readings import (
    CHUNK_SIZES,
    MIB,
    is_wanted,
    outcome,
    peak_of,
    read,
)

NO_LIST = Told("feature_list", why="is not a list of names")
AB = (Field("a", "numeric"), Field("b c", "numeric"))


def told(path: str, content: bytes | str) -> Tuple[Field, ...]:
    answers = [read(feature_lists, content, size, path=path) for size in CHUNK_SIZES]
    assert answers[0] == answers[1] == answers[2]
    answer = answers[0]
    assert answer is not None
    assert answer._replace(fields=(), untyped=(), why="") == Told("feature_list")
    return answer.fields


@pytest.mark.parametrize("name", FEATURE_LIST_NAMES)
@pytest.mark.parametrize("ending", [".json", ".txt"])
def test_a_list_by_its_name_in_any_case(name: str, ending: str) -> None:
    content = b'["a", "b c"]' if ending == ".json" else b"a\nb c\n"
    for path in (name + ending, f"model/{name.title()}{ending.upper()}"):
        assert is_wanted(feature_lists, path, content)
        assert told(path, content) == AB


@pytest.mark.parametrize("name", DESCRIPTION_NAMES)
@pytest.mark.parametrize("key", FEATURE_LIST_NAMES)
def test_a_list_under_a_usual_key_of_a_file_that_describes_the_model(name: str, key: str) -> None:
    content = json.dumps({"label": "y", "layers": [1], key: ["a", "b c"], "z": {"columns": [1]}})
    path = f"code/{name}.json"
    assert is_wanted(feature_lists, path, content.encode())
    assert told(path, content) == AB


@pytest.mark.parametrize(
    "path",
    [
        "features.csv",
        "features",
        "my_features.json",
        "features.json.bak",
        "metadata.txt",
        "config.yaml",
    ],
)
def test_other_names_are_not_wanted(path: str) -> None:
    assert not feature_lists.wants(path, b"{}")


def test_a_description_that_is_not_an_object_is_not_wanted() -> None:
    assert not feature_lists.wants("config.json", b'["a"]')
    assert feature_lists.wants("config.json", b'\xef\xbb\xbf\n {"')


JSON_FORMS: List[Tuple[Any, List[Tuple[Any, ...]]]] = [
    (["b", "a", "b"], [("b", "numeric"), ("a", "numeric")]),
    (["a", 0], [("a", "numeric"), ("0", "numeric")]),
    ([{"name": "a", "type": "int64"}, {"name": "b", "type": "blob"}, {"name": "c"}],
     [("a", "integer"), ("b", "text"), ("c", "numeric")]),
    ([{"name": "a", "type": None}, {"name": "b", "type": ""}],
     [("a", "numeric"), ("b", "numeric")]),
    ([{"name": "v", "type": "float", "shape": [None, 8]}, {"name": "w", "type": "array"}],
     [("v", "numeric", (1, 8)), ("w", "numeric", (1,))]),
    ({"a": "float", "b": "category", "c": "datetime64[ns]", "d": "bool"},
     [("a", "numeric"), ("b", "categorical"), ("c", "datetime"), ("d", "boolean")]),
    ({"version": "1", "Features": ["a"]}, [("a", "numeric")]),
    ({"columns": ["x"], "feature_names": ["a"]}, [("a", "numeric")]),
    ({"columns": [1, 2], "model_features": [{"name": "a", "type": "str"}]}, [("a", "text")]),
    ({"columns": "float"}, [("columns", "numeric")]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "fields"), JSON_FORMS)
def test_the_forms_of_json(content: Any, fields: List[Tuple[Any, ...]]) -> None:
    wanted = tuple(Field(*field) for field in fields)
    assert told("features.json", json.dumps(content)) == wanted
    assert told("features.json", "\ufeff\n" + json.dumps(content, indent=1)) == wanted
    assert told("features.txt", json.dumps(content)) == wanted


@pytest.mark.parametrize(
    "content",
    [
        [{"name": "a", "type": "int"}, {"name": "b", "type": "blob"}, {"name": "c", "type": 7}],
        # Neither an invalid list nor a second type of the same name counts.
        {
            "features": [{"name": "d", "type": "blob"}, 1],
            "columns": [
                {"name": "a", "type": "int"},
                {"name": "a", "type": "blob"},
                *({"name": name, "type": "blob"} for name in "bbc"),
            ],
        },
    ],
)
def test_fields_of_unknown_types_are_listed(content: Any) -> None:
    answer = read(feature_lists, json.dumps(content), path="features.json")
    assert answer is not None
    assert answer.untyped == ("b", "c")


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        [0, 1, 2],
        [0.5, 1.5],
        [["a"]],
        ["a", None],
        ["a", ""],
        ["a", True],
        ["a", {"name": "b"}],
        [{"name": "a"}, "b"],
        [{"type": "int"}],
        [{"name": "a", "type": "array", "shape": "x"}],
        "a",
        7,
        {"name": "pkg", "version": "1.0", "dependencies": {}, "features": {"a": "float"}},
        {"a": "float", "b": "blob"},
        {"a": {"type": "float"}},
        {"0": "a", "1": "b"},
        {"type": "object", "properties": {"a": {}}},
    ],
)
def test_what_is_not_a_list_of_names(content: Any) -> None:
    assert read(feature_lists, json.dumps(content), path="features.json") == NO_LIST
    for name in DESCRIPTION_NAMES:
        assert read(feature_lists, json.dumps(content), path=f"{name}.json") is None


TEXT_FORMS = [
    ("a\nb c\n", "a|b c"),
    ("\ufeff# features\r\n\r\n a \r\nb c\t\r\n#end", "a|b c"),
    ("größe, cm\nb\n", "größe, cm|b"),
    ("0,a\n1,b c\n2,\"x, \"\"y\"\"\"\n", 'a|b c|x, "y"'),
    ("1\ta\n0\tb\n", "b|a"),
    ("index,name\n0,a\n1,b\n", "a|b"),
    (",0\n0,a\n1,b\n", "a|b"),
    ("# index,name\n0, a\n", "a"),
    ("a, b c,d,\n", "a|b c|d"),
    ("['a', \"it's\"]", "a|it's"),
    ("a\nb\na\n", "a|b"),
    ("1\nb\n", "1|b"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "names"), TEXT_FORMS)
def test_the_forms_of_text(content: str, names: str) -> None:
    wanted = tuple(Field(name, "numeric") for name in names.split("|"))
    assert told("feature_columns.txt", content) == wanted


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n\n",
        "# only a comment",
        "1\n2.5\n-3e4\n",
        "1,2,3",
        "a\0b",
        "[a, b]",
        "x" * 1001,
        "[1]",
    ],
)
def test_a_text_that_is_not_a_list_of_names(content: str) -> None:
    assert read(feature_lists, content, path="features.txt") == NO_LIST


@pytest.mark.parametrize(
    ("path", "content", "why"),
    [
        ("features.json", b"\xff", "is not UTF-8"),
        ("features.txt", b"\xff", "is not UTF-8"),
        ("features.json", b"", "is cut short"),
        ("features.json", b'["a", "b"', "is cut short"),
        ("features.json", b'["a", "b', "is cut short"),
        ("features.json", b'{"features": ["a"]', "is cut short"),
        ("features.json", b"['a']", "is not valid JSON"),
        ("features.json", b'["a" "b"]', "is not valid JSON"),
        ("features.json", b'["a",]', "is not valid JSON"),
        ("features.json", b'["\\ud800"]', "not valid Unicode"),
        ("features.json", b'["a", ' + b"[" * 200 + b"]" * 200, "nested too deep"),
    ],
)
def test_an_unreadable_file_is_an_error_with_the_reason(
    path: str, content: bytes, why: str
) -> None:
    with pytest.raises(UnreadableError, match=why):
        read(feature_lists, content, path=path)


def test_a_description_that_cannot_be_read_is_something_else() -> None:
    assert read(feature_lists, b'{"features": ["a"', path="config.json") is None


def test_a_list_that_is_cut_short_is_not_used() -> None:
    for form, _ in JSON_FORMS:
        content = json.dumps(form).encode()
        for end in range(len(content)):
            assert not getattr(
                outcome(feature_lists, content[:end], path="features.json"), "fields", ()
            )


@pytest.mark.parametrize("path", ["features.json", "features.txt", "metadata.json"])
@pytest.mark.parametrize("unit", [b"\0", b"\n", b"a\n", b'"a",', b'{"a":', b"1,a\n", b"#\n", b"["])
def test_a_gigabyte_of_anything_is_bounded(path: str, unit: bytes) -> None:
    chunk = unit * (65_536 // len(unit))
    assert peak_of(feature_lists, (chunk for _ in range(16_384)), path=path)[1] < 32 * MIB


@given(st.binary(max_size=100) | st.text("{}[]\"',:1 \n\r#nametype\ud800", max_size=100))
def test_any_bytes_give_an_answer_or_the_error(content: Any) -> None:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    for path in ("features.json", "columns.txt", "schema.json"):
        assert outcome(feature_lists, raw, path=path) == outcome(feature_lists, raw, 1, path=path)
