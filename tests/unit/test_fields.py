"""Hyperparameters → fields: the three forms, what is left out, and what is refused."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Tuple

import pytest
from mims.errors import InvalidHyperparametersError, NoInputFieldsError
from mims.fields import Field
from mims.inputs.field_lists import Listed, listed_fields
from mims.inputs.hyperparameters import Hyperparameters

KINDS = {
    **dict.fromkeys(
        ["numeric", "number", "float", "float32", "float64", "double", "decimal"], "numeric"
    ),
    **dict.fromkeys(["int", "integer", "long", "int32", "int64"], "integer"),
    **dict.fromkeys(["bool", "boolean"], "boolean"),
    **dict.fromkeys(["categorical", "category", "enum"], "categorical"),
    **dict.fromkeys(["text", "string", "str", "object", "varchar"], "text"),
}


def listed(hyperparameters: Dict[str, Any]) -> Listed:
    return listed_fields(Hyperparameters(hyperparameters))


def fields(**hyperparameters: Any) -> List[Tuple[str, str]]:
    return [(field.name, field.type) for field in listed(hyperparameters).fields]


def encoded(hyperparameters: Dict[str, Any]) -> Dict[str, str]:
    """Return the hyperparameters as SageMaker passes them on."""
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in hyperparameters.items()
    }


FORMS: List[Tuple[Dict[str, Any], str]] = [
    ({"field_info": {"a": "int", "b": "enum", "c": "str"}}, "a:integer b:categorical c:text"),
    ({"field_info": [{"name": "b", "type": "int"}, {"name": "a", "type": "str"}]},
     "b:integer a:text"),
    ({"tab_field_list": ["b", "a"], "cat_field_list": ["c"]}, "b:numeric a:numeric c:categorical"),
    ({"cat_field_list": ["c"]}, "c:categorical"),
    ({"tab_field_list": ["a"], "cat_field_list": None}, "a:numeric"),
    ({"full_field_list": ["b", "a"]}, "b:text a:text"),
    # only the first form that is present counts
    ({"field_info": {"a": "int"}, "tab_field_list": ["b"], "text_name": "t"}, "a:integer"),
    ({"tab_field_list": ["a"], "full_field_list": ["a", "b"]}, "a:numeric"),
    ({"tab_field_list": [], "cat_field_list": ["c"], "full_field_list": ["x"]}, "c:categorical"),
    *[
        ({"field_info": absent, "tab_field_list": absent, "full_field_list": ["x"]}, "x:text")
        for absent in (None, "", "null", "None")
    ],
    # left out
    ({"tab_field_list": ["a", "label", "id"]}, "a:numeric"),
    ({"tab_field_list": ["a", "y", "label"], "label_name": "y"}, "a:numeric label:numeric"),
    ({"tab_field_list": ["a", "key", "id"], "id_name": "key"}, "a:numeric id:numeric"),
    ({"tab_field_list": ["a", "label"], "label_name": "None"}, "a:numeric"),
    ({"full_field_list": ["a", "t1", "t2"], "task_label_names": ["t1", "t2"]}, "a:text"),
    ({"field_info": {"a": "int", "label": "int", "id": "str"}}, "a:integer"),
    ({"tab_field_list": ["a"], "text_name": "label"}, "a:numeric"),
    # duplicates
    ({"tab_field_list": ["a", "b", "a"], "cat_field_list": ["b", "c", "c"]},
     "a:numeric b:numeric c:categorical"),
    ({"field_info": [{"name": "a", "type": "int"}, {"name": "a", "type": "str"}]}, "a:integer"),
    # raw text fields
    ({"tab_field_list": ["a"], "text_name": "t"}, "a:numeric t:text"),
    ({"tab_field_list": ["a"], "primary_text_name": "p", "secondary_text_name": "s"},
     "a:numeric p:text s:text"),
    ({"tab_field_list": ["a"], "cat_field_list": ["t", "c"], "text_name": "t"},
     "a:numeric t:text c:categorical"),
    ({"tab_field_list": ["t"], "text_name": "t"}, "t:numeric"),
    ({"tab_field_list": ["a"], "text_name": "t", "text_source_fields": ["x"]}, "a:numeric"),
    ({"tab_field_list": ["a"], "text_name": "t", "text_source_fields": []}, "a:numeric"),
    ({"tab_field_list": ["a"], "text_name": "t", "text_source_fields": "null"}, "a:numeric t:text"),
    ({"cat_field_list": ["t"], "text_name": "t", "text_source_fields": ["x"]}, "t:text"),
    ({"tab_field_list": [], "text_name": "t"}, "t:text"),
    ({"full_field_list": ["a"], "text_name": "t"}, "a:text"),
]  # fmt: skip


@pytest.mark.parametrize(("hyperparameters", "expected"), FORMS)
@pytest.mark.parametrize("form", [dict, encoded])
def test_the_forms(hyperparameters: Dict[str, Any], expected: str, form: Any) -> None:
    assert " ".join(f"{name}:{kind}" for name, kind in fields(**form(hyperparameters))) == expected


@pytest.mark.parametrize("entry", KINDS.items())
def test_types_in_any_case(entry: Tuple[str, str]) -> None:
    kind, expected = entry
    for spelled in (kind, kind.upper(), f" {kind.title()} "):
        derived = listed({"field_info": {"a": spelled}})
        assert derived.fields == (Field("a", expected),)
        assert derived.warnings == ()


@pytest.mark.parametrize("kind", ["blob", "", None, 7, ["int"]])
def test_an_unknown_type_is_text_with_a_warning(kind: Any) -> None:
    derived = listed({"field_info": [{"name": "a", "type": kind}]})
    assert derived.fields == (Field("a", "text"),)
    assert "'a'" in derived.warnings[0]


def test_only_a_full_list_has_a_warning() -> None:
    assert "full_field_list" in listed({"full_field_list": ["a"]}).warnings[0]
    assert listed({"tab_field_list": ["a"], "full_field_list": ["a"]}).warnings == ()


def test_values_in_field_info_are_kept_as_they_are() -> None:
    entry = {"name": "a", "type": "enum", "default": "d", "categories": ["x", 1]}
    encoded_lists = {**entry, "categories": json.dumps(["x", 1])}
    for info in ([entry], [json.dumps(entry)], [encoded_lists], json.dumps([json.dumps(entry)])):
        field = listed({"field_info": info}).fields[0]
        assert field == Field("a", "categorical", example="d", categories=("x", 1))
    assert listed({"field_info": [{**entry, "example": 0}]}).fields[0].example == 0


def test_a_missing_value_is_not_a_category() -> None:
    entry = {"name": "a", "type": "enum", "categories": [None, float("nan"), "x", 0, False]}
    assert listed({"field_info": [entry]}).fields[0].categories == ("x", 0, False)


@pytest.mark.parametrize("category", [{"secret": 1}, ["secret"], float("inf"), "secret\ud83d"])
def test_a_category_that_no_payload_can_have_is_refused(category: Any) -> None:
    entry = {"name": "a", "type": "enum", "categories": ["x", category]}
    with pytest.raises(
        InvalidHyperparametersError, match=r"field_info\[0\]\.categories\[1\]"
    ) as caught:
        listed({"field_info": [entry]})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("tab_field_list", "a,b", "tab_field_list must be a list"),
        ("tab_field_list", {"a": 1}, "tab_field_list must be a list"),
        ("cat_field_list", 7, "cat_field_list must be a list"),
        ("cat_field_list", ["a", 7.5], r"cat_field_list\[1\] must be a name"),
        ("tab_field_list", [""], r"tab_field_list\[0\]"),
        ("tab_field_list", ["a", None], r"tab_field_list\[1\]"),
        ("full_field_list", [["a"]], r"full_field_list\[0\]"),
        ("task_label_names", "y", "task_label_names must be a list"),
        ("label_name", ["y"], "label_name must be a non-empty string"),
        ("id_name", True, "id_name"),
        ("text_name", {"secret": 1}, "text_name"),
        ("field_info", "secret", "field_info must be an object"),
        ("field_info", 7, "field_info must be an object"),
        ("field_info", ["secret"], r"field_info\[0\] must be an object"),
        ("field_info", [{"type": "int"}], r"field_info\[0\]\.name"),
        ("field_info", {"": "int"}, r"field_info\['']\.name"),
        ("field_info", [{"name": "a", "categories": "secret"}], r"field_info\[0\]\.categories"),
    ],
)
def test_what_is_refused_names_the_key_but_no_value(key: str, value: Any, named: str) -> None:
    hyperparameters = {"tab_field_list": ["a"], key: value}
    if key == "full_field_list":
        del hyperparameters["tab_field_list"]
    with pytest.raises(InvalidHyperparametersError, match=named) as caught:
        listed(hyperparameters)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "hyperparameters",
    [
        {"full_field_list": []},
        {"tab_field_list": [], "full_field_list": ["a"]},
        {"field_info": [], "tab_field_list": ["a"]},
        {"field_info": "{}", "tab_field_list": ["a"]},
        {"tab_field_list": ["label", "id"]},
    ],
)
def test_no_field_left(hyperparameters: Dict[str, Any]) -> None:
    with pytest.raises(NoInputFieldsError, match="tab_field_list"):
        listed(hyperparameters)


@pytest.mark.parametrize("hyperparameters", [{}, {"text_name": "t"}, {"field_info": "null"}])
def test_without_any_form_no_fields_are_listed(hyperparameters: Dict[str, Any]) -> None:
    assert listed(hyperparameters) == Listed()


def test_a_name_that_is_not_unicode_is_refused_unless_it_is_left_out() -> None:
    with pytest.raises(InvalidHyperparametersError, match=r"'a\\ud800'"):
        fields(tab_field_list=["a\ud800"])
    assert fields(tab_field_list=["a", "\ud800"], label_name="\ud800") == [("a", "numeric")]
