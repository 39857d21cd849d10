"""Names of fields in the hyperparameters, besides the three usual forms, and in `FIELDS`."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import suppress
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mims.errors import (
    InvalidHyperparametersError,
    InvalidSettingsError,
    NoInputFieldsError,
    PayloadError,
)
from mims.fields import Field
from mims.inputs.field_lists import Listed, listed_fields, parse_fields
from mims.inputs.hyperparameters import Hyperparameters, Member, parse_hyperparameters

MIB = 1024**2
N, C, T = "numeric", "categorical", "text"


def listed(**hyperparameters: Any) -> Listed:
    return listed_fields(Hyperparameters(hyperparameters))


def pairs(fields: Tuple[Field, ...]) -> str:
    return " ".join(f"{field.name}:{field.type}" for field in fields)


@pytest.mark.parametrize(
    ("hyperparameters", "expected"),
    [
        ({"tab_field_list": "['a', \"it's\", 'b\\n']"}, "a:numeric it's:numeric b\n:numeric"),
        ({"tab_field_list": "[u'a', 'gr\\xfc\\u00df', 1,]"}, "a:numeric grüß:numeric 1:numeric"),
        ({"tab_field_list": "('a', 'b')"}, "a:numeric b:numeric"),
        ({"cat_field_list": json.dumps("['a']")}, "a:categorical"),
        ({"field_info": "{'a': 'int', 0: 'str', 'c': {'type': 'enum', 'categories': ('x', 1)}}"},
         "a:integer 0:text c:categorical"),
        ({"field_info": "[{'name': 'a', 'type': 'bool', 'default': None}]"}, "a:boolean"),
        ({"tab_field_list": [0, 1], "cat_field_list": [-3]}, "0:numeric 1:numeric -3:categorical"),
        ({"tab_field_list": ["a", 0, 1], "label_name": 0, "id_name": "1"}, "a:numeric"),
        ({"field_info": [{"name": 7, "type": "Int64"}]}, "7:integer"),
    ],
)  # fmt: skip
def test_python_literals_and_integer_names(hyperparameters: Dict[str, Any], expected: str) -> None:
    assert pairs(listed(**hyperparameters).fields) == expected


@pytest.mark.parametrize(
    "text",
    [
        "['a'",
        "['a')",
        "['a' 'b']",
        "[a]",
        "[b'a']",
        "['a', true]",
        "{'a', 'b'}",
        "['a'] + ['b']",
        "[__import__('os').name]",
        "[r'a']",
        "['\\q']",
        "['\\U99999999']",
        "list('ab')",
        "['a'\\]",
        "['a', # b\n]",
        "[" * 100_000,
        "['" + "\\'" * 100_000,
    ],
)
def test_what_is_not_a_literal_is_not_evaluated(text: str) -> None:
    with pytest.raises(InvalidHyperparametersError, match="tab_field_list must be a list"):
        listed(tab_field_list=text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
        max_leaves=20,
    )
)
def test_a_python_literal_is_the_value_that_it_was(value: Any) -> None:
    parsed = Hyperparameters({"a": str([value])}).value("a")
    assert repr(parsed) == repr(json.loads(json.dumps([value])))


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"type": "integer", "default": 3}, Field("a", "integer", example=3)),
        ({"type": "datetime64[ns]"}, Field("a", "datetime")),
        ({"type": "date"}, Field("a", "datetime", date_only=True)),
        ({"type": "decimal(10,2)", "example": "1.5"}, Field("a", N, example="1.5")),
        ({"type": "float", "shape": [2, 3]}, Field("a", N, (2, 3))),
        ({"type": "vector", "shape": "[8]"}, Field("a", N, (8,))),
        ({"type": "tensor", "shape": [None, -1, 4]}, Field("a", N, (1, 1, 4))),
        ({"type": "array", "shape": 8}, Field("a", N, (8,))),
        ({"type": "enum", "categories": "null", "default": "None", "shape": ""}, Field("a", C)),
        ({"type": "enum", "categories": "['x', 2]"}, Field("a", C, categories=("x", 2))),
        ({"type": "text", "default": "", "example": "null"}, Field("a", T)),
        ({"type": "text", "default": False}, Field("a", T, example=False)),
    ],
)
def test_what_field_info_says_of_a_field(entry: Dict[str, Any], field: Field) -> None:
    for info in ({"a": entry}, {"a": json.dumps(entry)}, {"a": str(entry)}, str({"a": entry}),
                 [{"name": "a", **entry}]):  # fmt: skip
        assert listed(field_info=info) == Listed((field,))


@pytest.mark.parametrize(
    ("info", "named"),
    [
        ({"a": {"type": "array"}}, r"field_info\['a'\]\.shape must be given"),
        ({"a": {"type": "int", "shape": [0]}}, r"field_info\['a'\]\.shape must be a list of whole"),
        ({"a": {"type": "int", "shape": [True]}}, r"field_info\['a'\]\.shape"),
        ({"a": {"type": "int", "shape": "secret"}}, r"field_info\['a'\]\.shape"),
        ({"a": {"type": "int", "categories": "secret"}}, r"field_info\['a'\]\.categories must be"),
        ({"a": {"type": "enum", "categories": ["x", "\ud800"]}},
         r"field_info\['a'\]\.categories\[1\] must be a string of valid Unicode"),
        ([{"name": "a", "type": "array"}], r"field_info\[0\]\.shape must be given"),
        (["secret"], r"field_info\[0\] must be an object"),
        ("secret", "field_info must be an object"),
    ],
)  # fmt: skip
def test_the_error_for_an_invalid_field_info_names_the_place_but_no_value(
    info: Any, named: str
) -> None:
    with pytest.raises(InvalidHyperparametersError, match=named) as caught:
        listed(field_info=info)
    assert "secret" not in str(caught.value)


def test_unknown_types_are_one_warning() -> None:
    told = listed(field_info={f"a{index}": "blob" for index in range(30)})
    (warning,) = told.warnings
    assert "'a0', 'a1', " in warning
    assert "'a4' and 25 more: they count as text" in warning
    assert {field.type for field in told.fields} == {T}


@pytest.mark.parametrize(
    "key",
    ["feature_names", "features", "input_features", "feature_list", "feature_columns",
     "feature_cols", "columns"],
)  # fmt: skip
def test_the_usual_keys_rank_as_a_feature_list(key: str) -> None:
    for names in (["a", "b", "a"], '["a", "b"]', "['a', 'b']"):
        told = listed(**{key: names, "learning_rate": "0.1"})
        assert pairs(told.fields) == "a:numeric b:numeric"
        assert told.is_feature_list
        assert key in told.warnings[0]
        assert "assumed" in told.warnings[0]


def test_only_the_first_of_the_usual_keys_counts_and_no_other_form() -> None:
    assert pairs(listed(columns=["c"], features=["f"], feature_names=["n"]).fields) == "n:numeric"
    assert pairs(listed(features=["f"], full_field_list=["a"]).fields) == "a:text"
    assert listed(full_field_list=["a"]).is_feature_list
    assert not listed(tab_field_list=["a"], features=["f"]).is_feature_list
    assert pairs(listed(features=["f", "id", "label"]).fields) == "f:numeric"
    assert pairs(listed(columns=[0, 1, 2]).fields) == "0:numeric 1:numeric 2:numeric"


@pytest.mark.parametrize(
    "value",
    ["all", 12, [], {}, {"a": "int"}, [64, 128], [1, 2], ["a", 1.5], ["a", ""], [["a"]], "a,b",
     None, [True]],
)  # fmt: skip
def test_another_setting_under_a_usual_key_means_nothing(value: Any) -> None:
    assert listed(features=value) == Listed(hint=listed(features=value).hint)
    assert pairs(listed(features=value, columns=["c"]).fields) == "c:numeric"


def test_fields_that_the_defaults_take_out_give_a_warning() -> None:
    told = listed(tab_field_list=["a", "id"], cat_field_list=["label"])
    assert pairs(told.fields) == "a:numeric"
    (warning,) = told.warnings
    assert "'label' (to keep it, give label_name), 'id' (to keep it, give id_name)" in warning
    for named in ({"label_name": "label", "id_name": "id"}, {"task_label_names": ["id", "label"]}):
        assert listed(tab_field_list=["a", "id", "label"], **named).warnings == ()
    assert listed(tab_field_list=["a", "y"], label_name="y").warnings == ()
    assert listed(tab_field_list=["a"]).warnings == ()


@pytest.mark.parametrize(
    ("misspelt", "value", "meant"),
    [
        ("tab_feild_list", ["a"], "tab_field_list"),
        ("tab_field_lists", "['a']", "tab_field_list"),
        ("TabFieldList", ["a"], "tab_field_list"),
        ("tab-field-list", ["a"], "tab_field_list"),
        ("cat_field_lst", ["a"], "cat_field_list"),
        ("cat_fiald_list", ["a"], "cat_field_list"),
        ("field_infos", {"a": "int"}, "field_info"),
        ("full_fields_list", ["a"], "full_field_list"),
        ("lable_name", "y", "label_name"),
        ("labelname", "y", "label_name"),
        ("task_label_name", ["y"], "task_label_names"),
        ("payload_setting", {}, "payload_settings"),
    ],
)
def test_a_misspelt_key_gives_a_warning(misspelt: str, value: Any, meant: str) -> None:
    sentence = f"'{misspelt}' .* {meant}"
    told = listed(**{misspelt: value, "features": ["f"]})
    assert any(meant in warning and misspelt in warning for warning in told.warnings)
    assert meant in listed(**{misspelt: value}).hint
    with pytest.raises(NoInputFieldsError, match=sentence):
        listed(**{misspelt: value}, **({} if meant == "field_info" else {"field_info": {}}),
               **({"tab_field_list": []} if meant == "field_info" else {}))  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("test_name", "x"),
        ("table_name", "x"),
        ("label_names", ["x"]),
        ("tab_field_list_", 7),
        ("field_list", ["a"]),
        ("x" * 10_000, ["a"]),
    ],
)
def test_what_is_not_a_misspelling(key: str, value: Any) -> None:
    assert listed(field_info={"a": "int"}, **{key: value}).warnings == ()


def test_a_key_does_not_count_as_misspelt_if_the_right_one_is_there() -> None:
    assert listed(tab_field_list=["a"], tab_feild_list=["b"]).warnings == ()


def test_without_a_form_there_is_a_hint_and_never_a_value() -> None:
    told = listed(inputs=["secret", "x"], layers=[1, 2], epochs="3", cols="['secret']", nothing=[])
    assert (told.fields, told.warnings, told.is_feature_list) == ((), (), False)
    assert told.hint == "Lists of names stand under these keys: 'inputs', 'cols'."
    assert listed(epochs=3) == Listed()
    assert listed(**{f"k{index}": ["a"] for index in range(30)}).hint.endswith("'k19', ….")
    with pytest.raises(NoInputFieldsError, match=r"under these keys: 'inputs'\.") as caught:
        listed(field_info={}, inputs=["secret"])
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2, "f0:numeric f1:numeric"),
        ("2", "f0:numeric f1:numeric"),
        (" 1 ", "f0:numeric"),
        (["a", 0, "a"], "a:numeric 0:numeric"),
        ('["a", "b"]', "a:numeric b:numeric"),
        ("['a', 'b']", "a:numeric b:numeric"),
        ("a, b c ,,d", "a:numeric b c:numeric d:numeric"),
        ("0,1", "0:numeric 1:numeric"),
        ("age", "age:numeric"),
        ({"a": "int", "b": {"type": "enum"}}, "a:integer b:categorical"),
        ('{"a": "int"}', "a:integer"),
        ([{"name": "a", "type": "str"}], "a:text"),
        (["id", "label"], "id:numeric label:numeric"),
    ],
)
def test_the_forms_of_the_setting(value: Any, expected: str) -> None:
    fields, warnings = parse_fields(value, "FIELDS")
    assert pairs(fields) == expected
    assert warnings == ()


def test_the_setting_takes_what_field_info_takes() -> None:
    fields, warnings = parse_fields({"a": {"type": "blob", "shape": [2], "default": 1}}, "fields")
    assert fields == (Field("a", T, (2,), example=1),)
    assert "'a'" in warnings[0]
    assert len(parse_fields(100_000, "fields")[0]) == 100_000


@pytest.mark.parametrize(
    "value",
    [0, -1, 100_001, "0", "100001", 1.5, "1.5", True, "true", "null", "", ",", " ", [], {}, "[]",
     [""], ["a", None], ["a", {"name": "b"}], [1.5], {"": "int"}, {"a": {"type": "array"}},
     '["a"', "{a}", [{"type": "int"}], ["\ud800"]],
)  # fmt: skip
def test_an_invalid_setting_is_refused_by_name_and_value(value: Any) -> None:
    with pytest.raises(InvalidSettingsError, match="FIELDS") as caught:
        parse_fields(value, "FIELDS")
    assert str(value)[:5].encode("unicode_escape").decode() in str(caught.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["name", "type", "shape", "categories", "a"]), inner)
        ),
        max_leaves=10,
    )
)
def test_any_value_gives_fields_or_the_error(value: Any) -> None:
    with suppress(InvalidSettingsError):
        fields, _ = parse_fields(value, "FIELDS")
        assert fields
        assert len({field.name for field in fields}) == len(fields)
    for key in ("field_info", "tab_field_list", "columns", "label_name", "text_name"):
        with suppress(PayloadError):
            listed_fields(Hyperparameters({key: value, "cat_field_list": ["c"]}))


@pytest.mark.parametrize(
    ("before", "unit", "after"),
    [
        ('{"tab_field_list":[', '"a"', "]}"),
        ('{"tab_field_list":[', '"%d"', "]}"),
        ('{"cat_field_list":"[', "'%d'", ']"}'),
        ('{"field_info":{', '"%d":"int"', "}}"),
        ('{"field_info":[', '{"name":"%d"}', "]}"),
        ('{"columns":[', '"%d"', "]}"),
        ("{", '"%d":["a"]', "}"),
    ],
)
def test_many_names_take_bounded_memory(before: str, unit: str, after: str) -> None:
    many: List[str] = []
    size = 0
    while size < MIB // 8:
        many.append(unit.replace("%d", str(len(many))))
        size += len(many[-1]) + 1
    content = (before + ",".join(many) + after).encode()
    del many
    tracemalloc.start()
    listed_fields(parse_hyperparameters(Member("hyperparameters.json", content, 0)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * MIB
